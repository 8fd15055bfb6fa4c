"""What `ecosorter classify` has for many photos: its options, the bar, the summary."""

import hashlib
import io
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import ProgressColumn, Task
from rich.table import Table as Grid
from rich.text import Text

from ecosorter.bulk import Answer, Gallery, Sorter, Tally, find_inputs, undo
from ecosorter.bulk.archives import is_tar
from ecosorter.bulk.gallery import counted
from ecosorter.bulk.notes import How
from ecosorter.bulk.photo import local_photo
from ecosorter.bulk.remote import is_address
from ecosorter.cli.bars import Bars
from ecosorter.photos import Limits
from ecosorter.session import Device
from ecosorter.texts import Language, texts

OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write rows as they come, to .csv, .jsonl or .parquet. The same command again does what is missing "
        "and tries again what failed.",
        show_default=False,
    ),
]
ProbabilitiesOption = Annotated[bool, typer.Option("--probabilities", help="With --out: a column for each class.")]
RestartOption = Annotated[bool, typer.Option("--restart", help="With --out: drop what is there, and begin anew.")]
WatchOption = Annotated[
    Path | None,
    typer.Option("--watch", metavar="DIR", help="Wait for photos in a folder until Ctrl+C.", show_default=False),
]
SortIntoOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Put the photos into folders by class.", show_default=False),
]
SortOption = Annotated[How, typer.Option(help="How --sort-into puts them there.")]
UndoOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Take back what --sort-into did, and do nothing else.", show_default=False),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.html", help="Write a page with the least certain photos of each class.", show_default=False
    ),
]


class _Failures(ProgressColumn):
    """How many photos failed so far."""

    def __init__(self, tally: Tally, words: str) -> None:
        super().__init__()
        self._tally, self._words = tally, words

    def render(self, task: Task) -> Text:  # noqa: ARG002 - there is one task
        return Text(self._words.format(failed=f"{self._tally.failed:,}") if self._tally.failed else "", "red")


class _PhotoBar(Bars):
    """A bar that also tells the failures."""

    def __init__(self, tally: Tally, speak: Language) -> None:
        super().__init__()
        self._bars.columns = (*self._bars.columns, _Failures(tally, texts("bulk", speak)["failures"]))


@contextmanager
def photo_bar(
    named: Sequence[str], limits: Limits, speak: Language, *, hidden: bool
) -> Iterator[Callable[[Sequence[Answer]], None]]:
    """Draw a bar on standard error, if that is a terminal; the function is to be told of every batch.

    Args:
        named: the command's inputs, which are counted first where that is cheap, for the time that is left.
        limits: caps on each photo.
        speak: language of the words.
        hidden: draw none.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda _: None
        return
    tally = Tally()
    with _PhotoBar(tally, speak) as bar, bar.stage(texts("bulk", speak)["photos"], _number(named, limits)) as advance:

        def told(batch: Sequence[Answer]) -> None:
            tally.add(answer.row for answer in batch)
            advance(len(batch))

        yield told


def _number(named: Sequence[str], limits: Limits) -> int:
    """Count photos in local files and folders; 0 if something cannot be counted without reading or waiting for it."""
    if not named or any(name == "-" or name.startswith("@") or is_address(name) or is_tar(name) for name in named):
        return 0
    return sum(1 for _ in find_inputs(named, limits))


def sorter(into: Path | None, how: How, out: Path | None) -> AbstractContextManager[Sorter | None]:
    """Return what sorts, if photos are to be sorted. Runs with the same output share an undo file."""
    if into is None:
        return nullcontext()
    if out is None:
        return Sorter(into, how, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}")
    place = hashlib.sha256(os.fsencode(out.absolute())).hexdigest()
    return Sorter(into, how, f"{out.name}-{place[:8]}")


def attended(
    chunks: Iterable[list[Answer]], tally: Tally, sort: Sorter | None, gallery: Gallery | None, limits: Limits
) -> Iterator[list[Answer]]:
    """Pass answers on: counted, sorted, and remembered for the page."""
    for chunk in chunks:
        tally.add(answer.row for answer in chunk)
        for answer in chunk:
            photo = answer.photo
            if sort and (at := sort.place(answer.row, photo)) and not (photo and photo.path == at):
                photo = local_photo(os.fspath(at), limits)
            if gallery:
                gallery.add(answer.row, photo)
        yield chunk


@contextmanager
def until_told(folder: Path, speak: Language) -> Iterator[Event]:
    """Say that a folder is watched; Ctrl+C and SIGTERM set the event, and kill nobody."""
    stop, signals = Event(), (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in signals]
    sentence = texts("bulk", speak)["watching"].format(folder=folder)
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence)
    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def check_folders(into: Path | None, inputs: Iterable[str]) -> None:
    """Refuse to sort photos into a folder that photos are taken from: they would be found again.

    Raises:
        typer.BadParameter: it is one.
    """
    for name in inputs if into else ():
        if Path(name).is_dir() and into and into.resolve().is_relative_to(Path(name).resolve()):
            raise typer.BadParameter(f"{into} is inside {name}; choose a folder beside it", param_hint="--sort-into")


def check_engine(engine: str, watched: Path | None, device: Device) -> None:
    """Refuse what Ray's processes do not do.

    Raises:
        typer.BadParameter: it is asked for.
    """
    if engine == "ray" and (watched or device not in ("auto", "cpu")):
        raise typer.BadParameter("its processes compute on the CPU, and watch no folder", param_hint="--engine ray")


@contextmanager
def csv_target(path: Path) -> Iterator[TextIO]:
    """Open what `--csv` names. A file appears under its name only when it is whole.

    File names that are not UTF-8 are written as the bytes that they are.
    """
    if str(path) == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
        yield sys.stdout
        return
    # A pipe or a device, as in --csv /dev/stdout, cannot be replaced.
    at_once = path.exists() and not path.is_file()
    unfinished = path if at_once else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--csv") from error
    finally:
        if not at_once:
            unfinished.unlink(missing_ok=True)


def print_counts(tally: Tally, speak: Language, console: Console) -> None:
    """Print how many photos there are of each class, and the rest."""
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column()
    grid.add_column(justify="right")
    for name, number in counted(tally, speak):
        grid.add_row(Text(name), f"{number:,}")
    console.print(grid)


def ends(out: Path | None, sort: Sorter | None, into: Path | None, speak: Language) -> Iterator[str]:
    """Yield sentences on what lies where when all is done."""
    words = texts("bulk", speak)
    if out:
        yield words["written"].format(path=out)
    if sort:
        yield words["sorted"].format(folder=into, file=shlex.quote(os.fspath(sort.undo_file)))
        if sort.left:
            yield words["not_sorted"].format(photos=f"{sort.left:,}")


def write_report(gallery: Gallery, path: Path, tally: Tally, model: str, speak: Language, console: Console) -> None:
    """Write the page, and say where.

    Raises:
        typer.BadParameter: it cannot be written.
    """
    try:
        gallery.write(path, tally, model, speak)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--report") from error
    console.print(texts("bulk", speak)["report"].format(path=path))


def print_undone(file: Path, speak: Language) -> None:
    """Undo a sorting, and say what came of it; exit code 1 when something was left."""
    undone, words = undo(file), texts("bulk", speak)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(words["undone"].format(photos=f"{undone.restored:,}"))
    if undone.left:
        console.print(words["undo_left"].format(files=f"{len(undone.left):,}"))
        for path in undone.left:
            console.print(f"  {os.fspath(path)!a}")
        raise typer.Exit(1)
