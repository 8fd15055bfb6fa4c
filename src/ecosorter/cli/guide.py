"""`ecosorter guide`: what to do with an item of a class, in a scheme; and which schemes there are."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter import guidance
from ecosorter.cli.options import LangOption, language
from ecosorter.errors import GuidanceError
from ecosorter.guidance.files import nearest
from ecosorter.texts import Language, class_name, texts


def guide(
    label: Annotated[
        str | None,
        typer.Argument(metavar="CLASS", help="A class, such as kaca.", show_default=False),
    ] = None,
    scheme: Annotated[
        str,
        typer.Option(
            envvar="ECOSORTER_SCHEME",
            metavar="ID|FILE",
            help="Whose rules: the id of a scheme, or the TOML file of a waste bank.",
        ),
    ] = "permen-pu-2013",
    answer: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Answer to the follow-up question of the class.", show_default=False),
    ] = None,
    list_schemes: Annotated[bool, typer.Option("--schemes", help="List the schemes instead.")] = False,
    show_template: Annotated[
        bool, typer.Option("--template", help="Print the file that a waste bank copies and fills in.")
    ] = False,
    lang: LangOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what to do with an item: which bin, what to do, what not, and what to ask.

    Exit code: 0, or 2 when there is no such class, scheme or answer.
    """
    if sum((label is not None, list_schemes, show_template)) != 1:
        raise typer.BadParameter("give a class, or --schemes, or --template", param_hint="CLASS")
    speak = language(lang)
    if show_template:
        typer.echo(guidance.template(), nl=False)
    elif list_schemes:
        _print_schemes(speak, as_json)
    elif label is not None:
        known = guidance.classes().classes
        if label not in known:
            raise GuidanceError(
                f"There is no class '{label}' here{nearest(label, known)}. Take one of: {', '.join(known)}."
            )
        found = guidance.guide(label, _scheme(scheme), answer, speak)
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            _print(found, speak)


def _scheme(name: str) -> guidance.Scheme:
    """Take for a file what looks like one, so that a folder's content never changes what an id means."""
    looks_like_a_file = name.lower().endswith(".toml") or len(Path(name).parts) > 1
    return guidance.load_scheme(name) if looks_like_a_file else guidance.scheme(name)


def _print_schemes(speak: Language, as_json: bool) -> None:
    found = guidance.schemes()
    if as_json:
        typer.echo(
            json.dumps([each.model_dump(mode="json", exclude={"map"}) for each in found], indent=2, ensure_ascii=False)
        )
        return
    words = texts("guide", speak)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("scheme", "", "place", "date", "checked"):
        table.add_column(words.get(heading, ""), overflow="fold")
    for each in found:
        date = each.sources[0].date or words["unknown_date"]
        table.add_row(each.id, getattr(each.name, speak), getattr(each.place, speak), date, each.checked.isoformat())
    Console(highlight=False).print(table)


def _print(found: guidance.Guidance, speak: Language) -> None:
    words = texts("guide", speak)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")

    def add(key: str, lines: Iterable[str]) -> None:
        if text := "\n".join(lines):
            grid.add_row(words[key], Text(text))

    grid.add_row(class_name(found.label, speak), Text(found.reason))
    if found.bin:
        bin_ = found.bin
        grid.add_row(words["bin"], Text.assemble((bin_.symbol, bin_.hex), f" {bin_.name} ({bin_.colour})"))
        add("how", filter(None, [bin_.how]))
    add("do", found.do)
    add("do_not", found.do_not)
    if found.question:
        grid.add_row("?", Text(found.question.text))
        mark = {found.answer: "*"}
        add("answers", (f"{mark.get(each.id, ' ')} {each.id}: {each.name}" for each in found.question.answers))
    dates = f"{found.date or words['unknown_date']}; {words['checked']}: {found.checked}"
    add("scheme", [f"{found.scheme_name} ({found.place}; {dates})"])
    cited = dict.fromkeys((*found.sources, *found.advice_sources))
    add("sources", (f"{source.title} {source.url or ''}".rstrip() for source in cited))
    add("note", filter(None, [found.note]))
    Console(highlight=False).print(grid)
