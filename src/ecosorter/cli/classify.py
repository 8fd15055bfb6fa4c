"""`ecosorter classify`: which class each photo shows, or "not sure"."""

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.bulk import (
    FIELDS,
    Answer,
    Gallery,
    Photo,
    RowFormat,
    Tally,
    by_name,
    by_position,
    find_inputs,
    open_table,
    stream,
    up_to_date,
    watch,
)
from ecosorter.bulk.on_ray import stream_on_ray
from ecosorter.bulk.remote import is_address, open_address
from ecosorter.bulk.rows import most_probable
from ecosorter.bulk.tables import csv_text
from ecosorter.classifier import Classifier, Prediction
from ecosorter.cli import bulk_options as bulk
from ecosorter.cli.options import DeviceOption, EngineOption, LangOption, ModelOption, RayAddressOption, language
from ecosorter.errors import BulkError
from ecosorter.photos import HEIC_HELP, PHOTO_ENDINGS, Limits, find_photos
from ecosorter.pool import joined
from ecosorter.texts import Language, class_name, texts

_CAPS = Limits()
_FETCHING_THREADS = 16  # photos at addresses: their threads mostly wait for the network
_STYLES = {"answered": "green", "not_sure": "yellow", "failed": "red"}


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Photos, folders, patterns, ZIP and TAR archives, addresses (s3://, https://), @FILE for a list, or - "
            "for one on standard input.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Also tell the N most probable classes.", metavar="N", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write CSV to a file at the end, or - to print it.", show_default=False
        ),
    ] = None,
    out: bulk.OutOption = None,
    probabilities: bulk.ProbabilitiesOption = False,
    restart: bulk.RestartOption = False,
    watched: bulk.WatchOption = None,
    sort_into: bulk.SortIntoOption = None,
    sort: bulk.SortOption = "copy",
    report: bulk.ReportOption = None,
    undo: bulk.UndoOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    lang: LangOption = None,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, help="Photos with more are not decoded.")
    ] = _CAPS.max_pixels / 1e6,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Larger files are not read.")] = _CAPS.max_bytes / 1e6,
) -> None:
    """Tell which class each photo shows, how sure that is, or that the model is not sure.

    Every photo appears in the output once, in order, with its status.

    Exit code: 0 when all photos could be read, 1 when some could not, 2 when the command or model is no good.
    """
    speak = language(lang)
    if undo:
        bulk.print_undone(undo, speak)
        return
    named = paths or []
    _check(named, watched, [as_json, csv_file, out], sort_into)
    bulk.check_engine(engine, watched, device)
    limits = Limits(max_bytes=round(max_megabytes * 1e6), max_pixels=round(max_megapixels * 1e6))
    photos: Iterator[Photo] = iter(()) if watched else _photos(named, limits, begun=bool(out and out.exists()))
    classifier = Classifier.load(model, limits=limits, device=device)
    info = classifier.bundle.info
    form = RowFormat(info, min(top or 0, len(info.classes)), probabilities)
    tally, gallery = Tally(), Gallery(len(info.classes), limits) if report else None
    with ExitStack() as stack:
        sorter = stack.enter_context(bulk.sorter(sort_into, sort, out))
        rows_on_screen = sys.stdout.isatty() and not out and str(csv_file or "-") == "-"
        told = stack.enter_context(bulk.photo_bar([] if watched else named, limits, speak, hidden=rows_on_screen))
        threads = _FETCHING_THREADS if any(map(is_address, named)) else None
        stack.enter_context(joined(ray_address) if engine == "ray" else nullcontext())
        answered: Callable[..., Iterator[list[Answer]]] = stream_on_ray if engine == "ray" else stream
        run = partial(answered, classifier, form=form, threads=threads, watcher=told)
        items: Iterator[Photo | None] = photos
        done: dict[str, str] = {}
        if watched:
            items = watch(watched, limits, stack.enter_context(bulk.until_told(watched, speak)), done)
        chunks = run(items)
        if out:
            table = stack.enter_context(open_table(out, form.columns, restart=restart))
            by_place = partial(by_position, is_moved=sorter.is_moved) if sorter else by_position
            join = by_name(table, limits, form.model, done) if watched else by_place(table, photos, form.model)
            chunks = up_to_date(table, items, join, run)
        chunks = bulk.attended(chunks, tally, sorter, gallery, limits)
        _write(chunks, form, as_json=as_json, csv_file=csv_file, out=out, speak=speak)

    console = Console(stderr=bool(as_json or csv_file), highlight=False, markup=False, soft_wrap=True)
    if out:
        bulk.print_counts(tally, speak, console)
    for sentence in bulk.ends(out, sorter, sort_into, speak):
        console.print(sentence)
    if gallery and report:
        bulk.write_report(gallery, report, tally, form.model, speak, console)
    if tally.failed:
        raise typer.Exit(1)


def _check(named: list[str], watched: Path | None, outputs: list[object], sort_into: Path | None) -> None:
    """Refuse options that do not go together, and what can be seen to be wrong before anything is loaded."""
    if sum(map(bool, outputs)) > 1:
        raise typer.BadParameter("give one of --json, --csv and --out, not both")
    if bool(named) == bool(watched):
        raise typer.BadParameter("give photos, or --watch, and not both", param_hint="PATH")
    if "" in named:
        raise typer.BadParameter("a path is empty; was a variable not set?", param_hint="PATH")
    if watched and not watched.is_dir():
        raise typer.BadParameter(f"{watched} is no folder", param_hint="--watch")
    for name in named:
        if name.startswith("@") and not Path(name[1:]).is_file():
            raise typer.BadParameter(f"there is no list {name[1:]}", param_hint="PATH")
        if is_address(name):
            open_address(name)
    bulk.check_folders(sort_into, [*named, *([str(watched)] if watched else [])])


def _photos(named: list[str], limits: Limits, *, begun: bool) -> Iterator[Photo]:
    """Return the photos that the arguments name, lazily; that there are none is an error at once.

    Args:
        named: the arguments.
        limits: caps on each photo.
        begun: there is output already; that its photos have been moved away is then none.
    """
    lists = any(name == "-" or name.startswith("@") for name in named)
    if not lists and next(find_photos(named), None) is None:
        if begun:
            return iter(())
        endings = " ".join(sorted(PHOTO_ENDINGS))
        raise typer.BadParameter(
            f"no photos in {', '.join(named)}; of a folder, the files that end in {endings} are taken",
            param_hint="PATH",
        )
    photos = find_inputs(named, limits, sys.stdin.buffer)
    first = next(photos, None)
    if first is None:
        where = " on standard input" if "-" in named else ""
        raise typer.BadParameter(f"the list{where} is empty", param_hint="PATH")
    return chain([first], photos)


def _write(
    chunks: Iterator[list[Answer]],
    form: RowFormat,
    *,
    as_json: bool,
    csv_file: Path | None,
    out: Path | None,
    speak: Language,
) -> None:
    """Let all answers come, and print them or write them to where they are not yet."""
    if as_json:
        _write_json(chain.from_iterable(chunks), sys.stdout, form.top)
    elif csv_file:
        with bulk.csv_target(csv_file) as file:
            _write_csv(chunks, file, (*FIELDS, *form.ranked))
    elif out:
        try:
            for _ in chunks:
                pass
        except OSError as error:
            raise BulkError(f"{out} cannot be written: {error.strerror or error}.") from error
    else:
        _print_table(chunks, form, speak)


def _write_json(answers: Iterable[Answer], file: TextIO, top: int) -> None:
    """Write one array, an object at a time. It is ASCII: any file name survives, on any terminal."""
    separator = "[\n"
    for prediction in _predictions(answers):
        row: dict[str, Any] = {
            "path": prediction.path,
            "status": prediction.status,
            "label": prediction.label,
            "best": prediction.best,
            "confidence": prediction.confidence,
            "reason": prediction.reason or prediction.error,
            "candidates": prediction.candidates,
        }
        if top:
            row["top"] = [{"label": label, "probability": p} for label, p in most_probable(prediction, top)]
        file.write(separator + json.dumps(row))
        separator = ",\n"
    file.write("\n]\n")


def _write_csv(chunks: Iterable[list[Answer]], file: TextIO, columns: Sequence[str]) -> None:
    head = csv_text([columns])
    for chunk in chunks:
        file.write(head + csv_text([answer.row[column] for column in columns] for answer in chunk))
        head = ""
    file.write(head)


def _predictions(answers: Iterable[Answer]) -> Iterator[Prediction]:
    return (answer.prediction for answer in answers if answer.prediction)


def _print_table(chunks: Iterator[list[Answer]], form: RowFormat, speak: Language) -> None:
    """Print rows as they come, in columns of fixed width, so that memory stays flat."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack letters of a file name
    words, statuses = texts("classify", speak), texts("photos", speak)
    not_sure = texts("decision", speak)["not_sure"]
    names = {name: class_name(name, speak) for name in form.info.classes}
    answer_width = max(map(len, (*names.values(), not_sure, words["not_read"], words["answer"])))
    console = Console(highlight=False)
    free = max(console.width - answer_width - len(words["confidence"]) - 6, 40)
    counts: Counter[str] = Counter()
    no_heic = False

    def details(prediction: Prediction) -> str:
        if prediction.status != "ok":
            return statuses.get(prediction.status, prediction.error)
        if form.top:
            return ", ".join(f"{names[label]} {p:.0%}" for label, p in most_probable(prediction, form.top))
        if prediction.label is None:
            return words["perhaps"].format(classes=_either([names[c] for c in prediction.candidates[:3]], words["or"]))
        return ""

    with_heading = True
    for chunk in filter(None, chunks):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=with_heading)
        table.add_column(words["photo"], width=free // 2, overflow="fold")
        table.add_column(words["answer"], width=answer_width, overflow="fold")
        table.add_column(words["confidence"], width=len(words["confidence"]), justify="right")
        table.add_column(words["details"], width=free - free // 2, overflow="fold")
        for row in _predictions(chunk):
            kind = "failed" if row.status != "ok" else "answered" if row.label else "not_sure"
            counts[kind] += 1
            no_heic = no_heic or HEIC_HELP in row.error
            answer = {"failed": words["not_read"], "not_sure": not_sure}.get(kind) or names[str(row.label)]
            confidence = "" if row.confidence is None else f"{row.confidence:.0%}"
            table.add_row(_printable(row.path), Text(answer, _STYLES[kind]), confidence, Text(details(row)))
        console.print(table)
        with_heading = False
    summary = words["summary"].format(photos=counts.total(), **{kind: counts[kind] for kind in _STYLES})
    console.print(summary, soft_wrap=True)
    if no_heic:
        console.print(words["heic"].format(help=HEIC_HELP), soft_wrap=True, markup=False)


def _either(names: list[str], word: str) -> str:
    """Return ``"a, b or c"``."""
    return f" {word} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _printable(path: str) -> Text:
    """Return a path for the screen: what is no letter, as in a name that is no UTF-8, becomes a mark."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path))
