"""Any number of photos, for the commands that classify them: from what was named to the last sentence."""

import hashlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Literal

import typer
from rich.console import Console

from ecosorter.bulk import (
    Gallery,
    Input,
    RowFormat,
    Sorter,
    Tally,
    by_name,
    by_position,
    find_inputs,
    open_table,
    stream,
    up_to_date,
    watch,
)
from ecosorter.bulk.find import is_list
from ecosorter.bulk.inputs import local_input
from ecosorter.bulk.notes import How
from ecosorter.bulk.on_ray import stream_on_ray
from ecosorter.bulk.remote import is_address, open_address
from ecosorter.classifier import Classifier
from ecosorter.cli.bars import photo_bar
from ecosorter.cli.outputs import Chunks, print_counts
from ecosorter.cli.places import check_writable, written_to
from ecosorter.errors import BulkError
from ecosorter.files import reason
from ecosorter.folders import PHOTO_ENDINGS, find_photos
from ecosorter.photos import Limits
from ecosorter.pool import joined
from ecosorter.session import Device
from ecosorter.texts import Language, texts

_FETCHING_THREADS = 16  # photos at addresses: their threads mostly wait for the network


def classify_many(
    named: Sequence[str],
    print_records: Callable[[Chunks, RowFormat], None] | None = None,
    *,
    watched: Path | None = None,
    model: Path | None,
    limits: Limits,
    top: int | None = None,
    out: Path | None = None,
    probabilities: bool = False,
    restart: bool = False,
    into: Path | None = None,
    how: How = "copy",
    report: Path | None = None,
    device: Device = "auto",
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    speak: Language,
    console: Console,
    on_screen: bool = False,
) -> None:
    """Classify photos, and say in the end what lies where.

    Args:
        named: what a person named.
        print_records: takes what comes, and prints it as it does; None where the rows, if any, go to `out` alone, and
            it is counted in the end.
        watched: a drop folder, in place of `named`.
        model: folder of a bundle.
        limits: caps on each photo.
        top: how many of the most probable classes get columns.
        out: where rows are written as they come.
        probabilities: whether `out` has a column for each class.
        restart: drop the rows that are there.
        into: where photos are put into folders by class.
        how: they are put there.
        report: a page to write.
        device: what the model computes on.
        engine: whose processes work.
        ray_address: of a cluster.
        speak: language of the words.
        console: for the sentences at the end.
        on_screen: whether rows are printed to standard output; a bar would be in their way.

    Raises:
        typer.BadParameter: what was named does not fit.
        typer.Exit: with code 1, when a photo could not be used.
        EcoSorterError: the model or a place cannot be used.
    """
    _check_named(named)
    _check_folders(into, [*named, *([str(watched)] if watched else [])])
    if engine == "ray" and (watched or device not in ("auto", "cpu")):
        raise typer.BadParameter("its processes compute on the CPU, and watch no folder", param_hint="--engine ray")
    if report:
        check_writable(report, "--report")
    tally = Tally()
    inputs: Iterator[Input] = iter(())
    if not watched:
        inputs = _inputs(named, limits, tally, begun=bool(out and out.exists()))
    classifier = Classifier.load(model, limits=limits, device=device)
    info = classifier.bundle.info
    form = RowFormat(info, min(top or 0, len(info.classes)), probabilities)
    gallery = Gallery(len(info.classes), limits) if report else None
    with ExitStack() as stack:
        sorter = stack.enter_context(_sorter(into, how, out, info.classes))
        hidden = on_screen and sys.stdout.isatty()
        told = stack.enter_context(photo_bar([] if watched else named, limits, speak, hidden=hidden))
        threads = _FETCHING_THREADS if any(map(is_address, named)) else None
        stack.enter_context(joined(ray_address) if engine == "ray" else nullcontext())
        classified: Callable[..., Chunks] = stream_on_ray if engine == "ray" else stream
        run = partial(classified, classifier, form=form, threads=threads, watcher=told)
        items: Iterator[Input | None] = inputs
        done: dict[str, str] = {}
        if watched:
            items = watch(
                watched, limits, stack.enter_context(_until_told(watched, speak)), done, left_out=tally.leave_out
            )
        chunks = run(items)
        if out:
            table = stack.enter_context(open_table(out, form.columns, restart=restart))
            by_place = partial(by_position, is_moved=sorter.is_moved) if sorter else by_position
            join = by_name(table, limits, form.model, done) if watched else by_place(table, inputs, form.model)
            chunks = _told_of_faults(up_to_date(table, items, join, run), out)
        chunks = _attended(chunks, tally, sorter, gallery, limits)
        if print_records:
            print_records(chunks, form)
        else:
            for _ in chunks:
                pass
    if not print_records:
        print_counts(tally, speak, console)
    for sentence in _ends(tally, out, sorter, into, speak):
        console.print(sentence)
    if gallery and report:
        _write_report(gallery, report, tally, form.model, speak, console)
    if tally.failed:
        raise typer.Exit(1)


def _check_named(named: Iterable[str]) -> None:
    """Refuse what can be seen to be wrong before anything is loaded."""
    for name in named:
        if not name:
            raise typer.BadParameter("a path is empty; was a variable not set?", param_hint="PATH")
        if is_list(name) and not Path(name[1:]).is_file():
            raise typer.BadParameter(f"there is no list {name[1:]}", param_hint="PATH")
        if is_address(name):
            open_address(name)


def _check_folders(into: Path | None, inputs: Iterable[str]) -> None:
    """Refuse to sort photos into a folder that photos are taken from: they would be found again.

    Raises:
        typer.BadParameter: it is one.
    """
    for name in inputs if into else ():
        if Path(name).is_dir() and into and into.resolve().is_relative_to(Path(name).resolve()):
            raise typer.BadParameter(f"{into} is inside {name}; choose a folder beside it", param_hint="--into")


def _inputs(named: Sequence[str], limits: Limits, tally: Tally, *, begun: bool) -> Iterator[Input]:
    """Return the photos that the arguments name, lazily; that there are none is an error at once.

    Args:
        named: the arguments.
        limits: caps on each photo.
        tally: counts what is left out.
        begun: there is output already; that its photos have been moved away is then none.
    """
    lists = any(name == "-" or is_list(name) for name in named)
    if not lists and next(find_photos(named), None) is None:
        if begun:
            return iter(())
        endings = " ".join(sorted(PHOTO_ENDINGS))
        raise typer.BadParameter(
            f"no photos in {', '.join(named)}; of a folder, the files that end in {endings} are taken, "
            "but not in folders that a NAS or a system makes for itself",
            param_hint="PATH",
        )
    inputs = find_inputs(named, limits, sys.stdin.buffer, tally.leave_out)
    first = next(inputs, None)
    if first is None:
        where = " on standard input" if "-" in named else ""
        raise typer.BadParameter(f"the list{where} is empty", param_hint="PATH")
    return chain([first], inputs)


def _told_of_faults(chunks: Chunks, out: Path) -> Chunks:
    try:
        yield from chunks
    except OSError as error:
        raise BulkError(f"{out} cannot be written: {reason(error)}.") from error


def _sorter(
    into: Path | None, how: How, out: Path | None, classes: Iterable[str]
) -> AbstractContextManager[Sorter | None]:
    """Return what sorts, if photos are to be sorted. Runs with the same output share an undo file."""
    if into is None:
        return nullcontext()
    if out is None:
        return Sorter(into, how, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}", classes)
    place = hashlib.sha256(os.fsencode(out.absolute())).hexdigest()
    return Sorter(into, how, f"{out.name}-{place[:8]}", classes)


def _attended(chunks: Chunks, tally: Tally, sort: Sorter | None, gallery: Gallery | None, limits: Limits) -> Chunks:
    """Pass records on: counted, sorted, and remembered for the page."""
    for chunk in chunks:
        tally.add(record.row for record in chunk)
        for record in chunk:
            photo = record.photo
            if sort and (at := sort.place(record.row, photo)) and not (photo and photo.path == at):
                photo = local_input(os.fspath(at), limits)
            if gallery:
                gallery.add(record.row, photo)
        yield chunk


@contextmanager
def _until_told(folder: Path, speak: Language) -> Iterator[Event]:
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


def _ends(tally: Tally, out: Path | None, sort: Sorter | None, into: Path | None, speak: Language) -> Iterator[str]:
    """Yield sentences on what lies where when all is done."""
    words = texts("bulk", speak)
    if tally.left_out:
        yield words["left_out"].format(photos=f"{tally.left_out:,}")
    if out:
        yield words["written"].format(path=out)
    if sort:
        yield words["sorted"].format(folder=into, file=shlex.quote(os.fspath(sort.undo_file)))
        if sort.left:
            yield words["not_sorted"].format(photos=f"{sort.left:,}")


def _write_report(gallery: Gallery, path: Path, tally: Tally, model: str, speak: Language, console: Console) -> None:
    """Write the page, and say where.

    Raises:
        typer.BadParameter: it cannot be written.
    """
    with written_to(path, "--report"):
        gallery.write(path, tally, model, speak)
    console.print(texts("bulk", speak)["report"].format(path=path))
