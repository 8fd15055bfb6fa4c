"""How what came of photos is printed: as a table, JSON, CSV, or counted."""

import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.bulk import FIELDS, Record, RowFormat, Tally
from ecosorter.bulk.gallery import counted
from ecosorter.bulk.lines import csv_text
from ecosorter.bulk.rows import most_probable
from ecosorter.classifier import Prediction
from ecosorter.cli.places import written_to
from ecosorter.files import write_whole
from ecosorter.photos import HEIC_HELP
from ecosorter.texts import Language, class_name, texts

Chunks = Iterator[list[Record]]

_STYLES = {"answered": "green", "not_sure": "yellow", "failed": "red"}


def write_json(chunks: Chunks, form: RowFormat) -> None:
    """Print one array, an object at a time. It is ASCII: any file name survives, on any terminal."""
    separator = "[\n"
    for prediction in _predictions(record for chunk in chunks for record in chunk):
        row: dict[str, Any] = {
            "path": prediction.path,
            "status": prediction.status,
            "label": prediction.label,
            "best": prediction.best,
            "confidence": prediction.confidence,
            "reason": prediction.reason or prediction.error,
            "candidates": prediction.candidates,
        }
        if form.top:
            row["top"] = [{"label": label, "probability": p} for label, p in most_probable(prediction, form.top)]
        sys.stdout.write(separator + json.dumps(row))
        separator = ",\n"
    sys.stdout.write("\n]\n")


def write_csv(chunks: Chunks, form: RowFormat, path: Path) -> None:
    """Write CSV to a file, which appears under its name only when it is whole, or to standard output.

    File names that are not UTF-8 are written as the bytes that they are.

    Args:
        chunks: what comes.
        form: of the rows.
        path: ``-`` for standard output.
    """
    if str(path) == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
        _write_rows(chunks, form, sys.stdout)
        return
    with written_to(path, "--csv"):
        write_whole(path, partial(_write_file, chunks, form))


def _write_file(chunks: Chunks, form: RowFormat, part: Path) -> None:
    with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        _write_rows(chunks, form, file)


def _write_rows(chunks: Chunks, form: RowFormat, file: TextIO) -> None:
    columns = (*FIELDS, *form.ranked)
    head = csv_text([columns])
    for chunk in chunks:
        file.write(head + csv_text([record.row[column] for column in columns] for record in chunk))
        head = ""
    file.write(head)


def _predictions(records: Iterable[Record]) -> Iterator[Prediction]:
    return (record.prediction for record in records if record.prediction)


def print_table(chunks: Chunks, form: RowFormat, speak: Language) -> None:
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


def print_counts(tally: Tally, speak: Language, console: Console) -> None:
    """Print how many photos there are of each class, and the rest."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column()
    grid.add_column(justify="right")
    for name, number in counted(tally, speak):
        grid.add_row(Text(name), f"{number:,}")
    console.print(grid)


def _either(names: list[str], word: str) -> str:
    """Return ``"a, b or c"``."""
    return f" {word} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _printable(path: str) -> Text:
    """Return a path for the screen: what is no letter, as in a name that is no UTF-8, becomes a mark."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path))
