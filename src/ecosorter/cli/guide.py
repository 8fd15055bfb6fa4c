"""`ecosorter guide`: what to do with an item, by its name or its class, in a scheme; and which schemes there are."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter import guidance
from ecosorter.cli.options import LangOption, SchemeOption, language, read_scheme
from ecosorter.errors import GuidanceError
from ecosorter.nearest import nearest
from ecosorter.texts import Language, class_name, texts


def guide(
    label: Annotated[
        str | None,
        typer.Argument(
            metavar="ITEM", help="What it is, such as 'kotak susu'; or a class, such as kaca.", show_default=False
        ),
    ] = None,
    scheme: SchemeOption = "permen-pu-2013",
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

    Exit code: 0, or 2 when there is no such item, scheme or answer.
    """
    if sum((label is not None, list_schemes, show_template)) != 1:
        raise typer.BadParameter("give an item or a class, or --schemes, or --template", param_hint="ITEM")
    speak = language(lang)
    if show_template:
        typer.echo(guidance.template(), nl=False)
    elif list_schemes:
        _print_schemes(speak, as_json)
    elif label is not None:
        found, others = _look_up(label, read_scheme(scheme), answer, speak)
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            _print(found, speak)
            if others:
                typer.echo(texts("guide", speak)["or_is_it"].format(names=", ".join(others)))


def _look_up(
    name: str, scheme: guidance.Scheme, answer: str | None, speak: Language
) -> tuple[guidance.Guidance, list[str]]:
    """Return the guidance for a class, or for the item that fits a name best, and what else it may be.

    Raises:
        GuidanceError: there is no such class or item.
    """
    known = guidance.classes().classes
    if name in known:
        return guidance.guide(name, scheme, answer, speak), []
    items = guidance.Dictionary(scheme)
    if name in items.items:
        return items.guide(name, answer, speak), []
    found = items.find(name, speak, limit=4)
    if not found:
        raise GuidanceError(
            f"Nothing here is called '{name}'{nearest(name, known)}. Try other words, or a class: {', '.join(known)}."
        )
    return items.guide(found[0].id, answer or found[0].answer, speak), [each.name for each in found[1:]]


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

    name = f"{found.item.name} ({class_name(found.label, speak)})" if found.item else class_name(found.label, speak)
    grid.add_row(name, Text(found.reason))
    if found.bin:
        bin_ = found.bin
        grid.add_row(words["bin"], Text.assemble((bin_.symbol, bin_.hex), f" {bin_.name} ({bin_.colour})"))
        add("how", filter(None, [bin_.how]))
    if found.item:
        add("tip", filter(None, [found.item.tip]))
        add("parts", (f"{part.name}: {part.bin.symbol} {part.bin.name}" for part in found.item.parts if part.bin))
    add("do", found.do)
    add("do_not", found.do_not)
    if found.question:
        grid.add_row("?", Text(found.question.text))
        mark = {found.answer: "*"}
        add("answers", (f"{mark.get(each.id, ' ')} {each.id}: {each.name}" for each in found.question.answers))
    dates = f"{found.date or words['unknown_date']}; {words['checked']}: {found.checked}"
    add("scheme", [f"{found.scheme_name} ({found.place}; {dates})"])
    cited = dict.fromkeys((*(found.item.sources if found.item else ()), *found.sources, *found.advice_sources))
    add("sources", (f"{source.title} {source.url or ''}".rstrip() for source in cited))
    own = words["own_reading"] if found.item and found.item.own_reading else None
    add("note", filter(None, [own, found.note]))
    Console(highlight=False).print(grid)
