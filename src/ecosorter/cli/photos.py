"""`ecosorter photos`: look over photos before training, and fetch published ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ecosorter.cli.bars import Bars
from ecosorter.cli.options import ClassesOption, LangOption, language
from ecosorter.texts import Language, class_name, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecosorter.datasets.audit import Audit, AuditedPhoto

app = typer.Typer(help="Look over photos before training; fetch published ones.", no_args_is_help=True)

_LISTED = 20  # files named on the screen; the page and --json have all


@app.command(no_args_is_help=True)
def check(
    photos: Annotated[list[Path], typer.Argument(help="Folders of class folders, folders of those, or CSV manifests.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that was found as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Also write a page with the photos side by side.", dir_okay=False)
    ] = None,
    classes: ClassesOption = "seven",
    lang: LangOption = None,
) -> None:
    """Count photos, and find unreadable ones, copies, wrong labels and lopsided sources.

    The exit code is 1 when something needs a person, 0 when nothing does.
    """
    from ecosorter.datasets.audit import audit  # noqa: PLC0415  # other commands start without what this needs
    from ecosorter.datasets.cache import Cache  # noqa: PLC0415
    from ecosorter.datasets.dataset import load_dataset  # noqa: PLC0415

    dataset = load_dataset(photos, own_classes=classes == "own")
    with Bars() as bars:
        found = audit(dataset, Cache(), progress=bars)
    words = language(lang)
    if html:
        from ecosorter.datasets.audit_page import write_audit_page  # noqa: PLC0415

        try:
            write_audit_page(html, found, language=words)
        except OSError as error:
            raise typer.BadParameter(f"{html} cannot be written ({error.strerror})", param_hint="--html") from error
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print(found, words)
    if found.needs_person:
        raise typer.Exit(1)


@app.command(no_args_is_help=True)
def fetch(
    name: Annotated[str, typer.Argument(help="trashnet, realwaste, recycle-trash, taco or open-images.")],
    folder: Annotated[Path, typer.Argument(help="Where the data set's own folder is made.", file_okay=False)],
    each: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Crops of each class, each by another photographer or from another photo; "
            "of open-images 500 where not given, of other sets all.",
            show_default=False,
        ),
    ] = None,
    batches: Annotated[
        Path | None,
        typer.Option("--from", help="The folder of a set that you have downloaded yourself.", show_default=False),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Another address of the archive or the tables.", show_default=False)
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="What the archive must have, instead of the known hash.", show_default=False)
    ] = None,
    non_commercial: Annotated[
        bool, typer.Option("--non-commercial", help="Also take photos that must not be used commercially.")
    ] = False,
    lang: LangOption = None,
) -> None:
    """Fetch a published data set; run again, it goes on where it stopped.

    Archives and their contents are checked before the folder appears. Of photos with boxes, single things are cut out;
    the manifest beside them names photographers and licences.
    """
    from ecosorter.datasets.fetch import Request  # noqa: PLC0415
    from ecosorter.datasets.fetch import fetch as run  # noqa: PLC0415
    from ecosorter.datasets.published import published  # noqa: PLC0415

    request = Request(url=url, sha256=sha256, batches=batches, each=each, non_commercial=non_commercial)
    archive = name in published() and published()[name].form == "archive"
    with Bars(in_bytes=archive) as bars:
        found = run(name, folder, request, progress=bars)
    words = language(lang)
    text, known = texts("audit", words), published()[name]
    n = found.crops.total()
    lines = [text["fetched"].format(title=known.title, n=n, folder=folder / name, licence=known.licence)]
    if not archive:
        lines.append(", ".join(f"{class_name(label, words)} {number}" for label, number in sorted(found.crops.items())))
    counts = {"fetched_people": found.people, "fetched_lost": found.lost, "fetched_later": found.later}
    lines += [text[key].format(n=number) for key, number in counts.items() if number]
    Console(soft_wrap=True).print("\n".join(filter(None, lines)), markup=False, highlight=False)


def _print(found: "Audit", words: Language) -> None:
    from ecosorter.datasets.audit import findings  # noqa: PLC0415

    text = texts("audit", words)
    console = Console()
    console.print(_counts(found, text, words))
    lines = [f"{'!' if needs_person else '-'} {sentence}" for needs_person, sentence in findings(found, words)]
    files = [
        *(f"{text['section_label_errors']}: {_labelled(copies.photos, words)}" for copies in found.label_errors),
        *(f"{texts('photos', words)[photo.status]}: {photo.path}" for photo in found.unreadable),
    ]
    if files:
        lines += ["", *files[:_LISTED]]
    if len(files) > _LISTED:
        lines.append(text["more"].format(n=len(files) - _LISTED))
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _labelled(photos: "Sequence[AuditedPhoto]", words: Language) -> str:
    return " = ".join(f"{photo.path} ({class_name(photo.label, words)})" for photo in photos)


def _counts(found: "Audit", text: dict[str, str], words: Language) -> Table:
    table = Table(title=text["counts"], title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(text["source"], overflow="fold", min_width=12)
    for label in (*found.classes, text["total"]):
        table.add_column(class_name(label, words), justify="right", overflow="fold")
    for source, by_class in found.counts.items():
        table.add_row(source, *(str(n or "-") for n in by_class.values()), str(sum(by_class.values())))
    table.add_row(text["different"], *map(str, found.different.values()), str(sum(found.different.values())))
    return table
