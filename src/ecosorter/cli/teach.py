"""`ecosorter teach`: a model learns somebody's own photos, and tells what got better and worse."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.cli.bars import Bars
from ecosorter.cli.options import LangOption, ModelOption, language
from ecosorter.texts import Language, class_name, texts

if TYPE_CHECKING:
    from ecosorter.teaching.result import ClassChange, TeachResult


def teach(
    out: Annotated[Path, typer.Option(help="Folder of the new model.")],
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Folders of class folders, folders of those, or CSV manifests.")
    ] = None,
    notebooks: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="What a phone learnt (.ecosorter); may be given several times."),
    ] = None,
    model: ModelOption = None,
    classes: Annotated[
        Literal["seven", "own"],
        typer.Option(help="Understand other names of the seven classes, or take only the model's own names for known."),
    ] = "seven",
    lang: LangOption = None,
) -> None:
    """Teach a model your own photos, and new classes if there are any; it keeps what it knew.

    A folder whose name the model knows adds to that class. Any other name is a new class.
    """
    if not photos and not notebooks:
        raise typer.BadParameter("give folders of photos, or --from with files of what phones learnt")
    from ecosorter.teaching.teach import teach as run  # noqa: PLC0415  # other commands start without what this needs

    with Bars() as bars:
        own = classes == "own"
        result = run(photos or [], out, notebooks=notebooks or [], model=model, own_classes=own, progress=bars)
    _print(result, out, language(lang))


def _print(result: "TeachResult", out: Path, speak: Language) -> None:
    text = texts("teach", speak)
    console = Console()

    def say(key: str, style: str = "", **values: object) -> None:
        console.print(Text(text[key].format(**values), style), soft_wrap=True)

    names = _table(text["names"], {text["folder"]: "left", text["photos"]: "right", text["class"]: "left", "": "left"})
    for name in result.names:
        names.add_row(_text(name.name), str(name.photos), _text(class_name(name.label, speak)), text[name.how])
    console.print(names)
    say("names_hint", "dim")
    for child, parent in result.part_of.items():
        say("part_of", child=class_name(child, speak), parent=class_name(parent, speak))
    console.print()
    console.print(_changes(text["own"], result.own, text, speak))
    say("things", "dim", things=result.things, photos=sum(change.photos for change in result.own.values()))
    say(
        "answered",
        before=_percent(result.answered[0]),
        after=_percent(result.answered[1]),
        right_before=_percent(result.right[0]),
        right_after=_percent(result.right[1]),
    )
    console.print()
    console.print(_changes(text["memory"], result.known, text, speak))
    for where, changes in (("lost_own", result.own), ("lost_known", result.known)):
        for label, change in changes.items():
            if change.lost:
                key = "lost_moved" if change.moved and where == "lost_known" else where
                points = f"{100 * (float(change.before or 0) - change.after):.1f}"
                values = {"points": points, "photos": change.photos, "moved": change.moved}
                say(key, "bold red", name=class_name(label, speak), **values)
    for label in result.weak:
        say("weak", "yellow", name=class_name(label, speak), recall=_percent(result.own[label].after))
    if result.step < 1:
        say("step", "yellow", step=_percent(result.step))
    if result.left_out:
        kinds = ", ".join(f"{number} {status}" for status, number in result.left_out.items())
        say("left_out", "yellow", number=sum(result.left_out.values()), kinds=kinds)
    if result.of_other_models:
        say("other_models", "yellow", photos=result.of_other_models)
    if result.no_waste:
        say("no_waste", "yellow", number=result.no_waste, of=result.checked)
    say("saved", folder=out)


def _changes(title: str, changes: "Mapping[str, ClassChange]", text: Mapping[str, str], speak: Language) -> Table:
    moved = any(change.moved for change in changes.values())
    keys = ("photos", "before", "after", "change", *["moved"] * moved)
    table = _table(title, {text["class"]: "left", **{text[key]: "right" for key in keys}})
    for label, change in changes.items():
        difference = Text("-")
        if change.before is not None:
            points = 100 * (change.after - change.before)
            style = "red" if change.lost else "green" if points > 0 else ""
            difference = Text(f"{points:+.1f}", style)
        cells = (str(change.photos), _percent(change.before), _percent(change.after), difference)
        table.add_row(_text(class_name(label, speak)), *cells, *[str(change.moved)] * moved)
    return table


def _table(title: str, columns: "Mapping[str, Literal['left', 'right']]") -> Table:
    table = Table(title=_text(title), title_justify="left", box=box.SIMPLE)
    for name, side in columns.items():
        table.add_column(_text(name), justify=side, overflow="fold")
    return table


def _text(name: str) -> Text:
    """Show a name as it is: no markup in it counts, and bytes that are no UTF-8 are told by their numbers."""
    return Text(name.encode("utf-8", "backslashreplace").decode())


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
