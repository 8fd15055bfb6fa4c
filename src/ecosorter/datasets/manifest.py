"""The table of a manifest: a CSV file with a line a photo, as people's spreadsheets write it and as we do."""

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecosorter.errors import DatasetError
from ecosorter.files import address_in

COLUMNS = ("path", "label", "source", "group", "item", "author", "licence", "url")
"""In the order in which they are written; those after the first two may be missing."""

MANIFEST = "manifest.csv"
"""The file by which a folder is read that has one."""

_NEEDED = COLUMNS[:2]
_ALWAYS = 4  # columns that are written even when they are empty
_DELIMITERS = ",;\t"  # as spreadsheets in different countries write them
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # what Excel writes, and wants, as a first line


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a manifest.

    Attributes:
        number: from 1, counted as an editor does.
        cells: by column, as they stand there; a column that the manifest lacks is ``""``.
        fault: what is wrong with the line's shape; ``""`` for nothing.
    """

    number: int
    cells: dict[str, str]
    fault: str = ""


def load_table(manifest: Path) -> list[Line]:
    """Read the lines of a manifest but empty ones.

    UTF-8, and UTF-16 with a byte order mark. Commas, semicolons and tabs separate, or what a first line ``sep=`` names.

    Raises:
        DatasetError: it cannot be read, is no text or no CSV, or lacks a column or has it twice.
    """
    text = _text(manifest)
    first, _, rest = text.partition("\n")
    named = _SEPARATOR.fullmatch(first.strip(" \r"))
    body, skipped = (rest, 1) if named else (text, 0)
    table = csv.reader(io.StringIO(body, newline=""), delimiter=named[1] if named else _delimiter(body), strict=True)
    lines = []
    try:
        names = _names(next(table, []))
        columns = _columns(names, manifest)
        for cells in table:
            number = table.line_num + skipped
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) == len(names):
                lines.append(Line(number, {name: cells[i] if i >= 0 else "" for name, i in columns.items()}))
            else:
                lines.append(Line(number, {}, f"{len(cells)} columns instead of {len(names)}"))
    except csv.Error as error:
        place = f"{manifest}, line {table.line_num + skipped}"
        raise DatasetError(f"{place}: no CSV ({error}); correct the line.") from error
    return lines


def table_text(rows: Iterable[Sequence[object]]) -> str:
    """Return a manifest's text, with one row of `COLUMNS` a photo; `load_table` reads the same cells back.

    What stands after the group is left out from where on no photo has it. Rows may be shorter than `COLUMNS`.
    """
    rows = list(rows)
    used = (number for row in rows for number, cell in enumerate(row, start=1) if cell)
    width = max(_ALWAYS, max(used, default=0))
    text = io.StringIO(newline="")
    table = csv.writer(text)  # lines end in CR LF: with LF alone, a CR in a name would not be quoted
    table.writerow(COLUMNS[:width])
    table.writerows(row[:width] for row in rows)
    return text.getvalue()


def path_fault(path: str, folder: Path) -> str:
    """Return why a manifest's path can be no photo's on this machine; ``""`` where it can.

    Args:
        path: as it stands there.
        folder: where relative paths start.
    """
    if address := address_in(path):
        fault = f"{address} is an address; download the photo and give the path of the file"
    elif os.sep == "/" and "\\" in path:
        fault = f"the path {path} has backslashes; write {path.replace(chr(92), '/')}"
    else:
        return ""
    return "" if os.path.lexists(folder / path) else fault


def _text(manifest: Path) -> str:
    try:
        content = manifest.read_bytes()
    except OSError as error:
        raise DatasetError(f"{manifest} cannot be read ({error.strerror}); check its permissions.") from error
    encoding = next((name for mark, name in _ENCODINGS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DatasetError(f"{manifest}, line {line}: not UTF-8; save the manifest as CSV in UTF-8.") from error
    if "\0" in text:
        raise DatasetError(f"{manifest} is no text; save the manifest as CSV in UTF-8.")
    return text


def _delimiter(text: str) -> str:
    """Return the delimiter by which the header names the most columns, the needed ones first."""

    def found(delimiter: str) -> tuple[int, int]:
        try:
            names = _names(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
        except csv.Error:
            return -1, 0
        return sum(name in names for name in _NEEDED), len(names)

    return max(_DELIMITERS, key=found)


def _names(header: Iterable[str]) -> list[str]:
    return [name.strip().casefold() for name in header]


def _columns(names: Sequence[str], manifest: Path) -> dict[str, int]:
    """Return the place of each column, -1 for one that is missing."""
    if missing := [name for name in _NEEDED if name not in names]:
        raise DatasetError(
            f"{manifest} has no column {' and no column '.join(missing)}; its first line must name the columns "
            f"{','.join(_NEEDED)} and may name {','.join(COLUMNS[len(_NEEDED) :])}."
        )
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise DatasetError(f"{manifest} has two columns {' and two '.join(twice)}; keep the one that is meant.")
    return {name: names.index(name) if name in names else -1 for name in COLUMNS}
