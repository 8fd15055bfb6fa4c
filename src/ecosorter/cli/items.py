"""`ecosorter items`: things by name, and where they go."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter import guidance
from ecosorter.cli.options import LangOption, SchemeOption, language, read_scheme
from ecosorter.texts import class_name, texts


def items(
    phrase: Annotated[
        str | None,
        typer.Argument(
            metavar="PHRASE", help="What it is called; without it, all items are listed.", show_default=False
        ),
    ] = None,
    scheme: SchemeOption = "permen-pu-2013",
    limit: Annotated[int, typer.Option(min=1, help="At most so many that fit the phrase.")] = 10,
    lang: LangOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find items by name, best first, in either language and with typos; without a phrase, list them from A to Z.

    Exit code: 0, or 1 when nothing fits.
    """
    speak = language(lang)
    known = guidance.Dictionary(read_scheme(scheme))
    found = known.listed(speak) if phrase is None else known.find(phrase, speak, limit)
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found], indent=2, ensure_ascii=False))
    elif found:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for each in found:
            bin_ = Text.assemble((each.bin.symbol, each.bin.hex), f" {each.bin.name}") if each.bin else Text("?")
            table.add_row(each.name, class_name(each.label, speak), bin_, each.id)
        Console(highlight=False).print(table)
    else:
        typer.echo(texts("guide", speak)["nothing_found"].format(phrase=phrase))
    if not found:
        raise typer.Exit(1)
