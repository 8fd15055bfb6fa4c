"""Tables of Open Images (Kuznetsova et al. 2020, https://arxiv.org/abs/1811.00982), read line by line.

Three CSV files tell of a part: the names of the classes, the boxes with a line each, those of one photo in a row, and
the photos with author, licence and rotation. The largest have 2 GB, so none is ever in memory as a whole.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ecosorter.datasets.boxes import Box, BoxedPhoto, single_things
from ecosorter.datasets.published import PublishedOpenImages
from ecosorter.errors import DatasetError

_ID = frozenset("0123456789abcdef")
_TURNS = {"90": 90, "180": 180, "270": 270}
_NOT_WHOLE = ("IsGroupOf", "IsDepiction", "IsInside")


def load_open_images(
    wanted: PublishedOpenImages, table: Callable[[str, int], Path], photo_url: str
) -> Iterator[BoxedPhoto]:
    """Read the parts of the set, the smallest first, each only when it is needed.

    Photos come in the order of their ids, which are random.

    Args:
        wanted: the data set.
        table: gives the file of a table by its path below the set's address and how long it may be.
        photo_url: the address under which the photos lie.

    Raises:
        DatasetError: a table is not what was meant; it is removed.
    """
    labels = _labels(table(wanted.names, 1_000_000), wanted)
    for part, tables in wanted.parts.items():
        boxes = _boxes(table(tables.boxes, tables.max_bytes), labels)
        columns = ("ImageID", "License", "Author", "AuthorProfileURL", "OriginalLandingURL", "Rotation")
        for row in _rows(table(tables.images, tables.max_bytes), columns):
            if found := boxes.pop(row["ImageID"], None):
                yield BoxedPhoto(
                    row["ImageID"],
                    f"{photo_url}/{part}/{row['ImageID']}.jpg",
                    found,
                    group=row["AuthorProfileURL"] or row["Author"] or row["ImageID"],
                    turn=_TURNS.get(row["Rotation"].partition(".")[0], 0),
                    author=row["Author"],
                    licence=row["License"],
                    url=row["OriginalLandingURL"],
                )


def _labels(path: Path, wanted: PublishedOpenImages) -> dict[str, str | None]:
    """Return what each wanted class is, by its id; None for people."""
    found: dict[str, str | None] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):  # not all versions have a header
                label = wanted.label_of(row[1]) if len(row) == 2 else None
                if label or (len(row) == 2 and row[1] in wanted.persons):
                    found[row[0]] = label
    except (UnicodeDecodeError, csv.Error) as error:
        raise _not_meant(path, f"is no CSV ({error})") from error
    if not any(found.values()):
        raise _not_meant(path, "names none of the classes")
    return found


def _boxes(path: Path, labels: dict[str, str | None]) -> dict[str, tuple[Box, ...]]:
    """Return the boxes of the photos that show a single thing, by id; a fraction of what the table has."""
    columns = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", *_NOT_WHOLE)
    found: dict[str, tuple[Box, ...]] = {}
    for name, rows in groupby(_rows(path, columns), itemgetter("ImageID")):
        boxes = tuple(_box(row, labels[row["LabelName"]], path) for row in rows if row["LabelName"] in labels)
        if single_things(boxes) and set(name) <= _ID:  # it becomes part of a path and of an address
            found[name] = boxes
    return found


def _box(row: dict[str, str], label: str | None, path: Path) -> Box:
    try:
        left, top, right, bottom = (float(row[name]) for name in ("XMin", "YMin", "XMax", "YMax"))
    except ValueError as error:
        raise _not_meant(path, f"has a box that is no number ({error})") from error
    if not 0 <= left <= right <= 1 or not 0 <= top <= bottom <= 1:
        raise _not_meant(path, f"has a box outside of its photo, {row['ImageID']}")
    return Box(label, left, top, right, bottom, whole=not any(row[name] == "1" for name in _NOT_WHOLE))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, restval="")
            if missing := set(columns) - set(table.fieldnames or ()):
                raise _not_meant(path, f"has no column {', '.join(sorted(missing))}")
            yield from table
    except (UnicodeDecodeError, csv.Error) as error:
        raise _not_meant(path, f"is no CSV ({error})") from error


def _not_meant(path: Path, why: str) -> DatasetError:
    with suppress(OSError):  # Windows removes no file that is open
        path.unlink(missing_ok=True)
    return DatasetError(f"{path.name} {why}: it is not the table that was meant, and was removed. Try again.")
