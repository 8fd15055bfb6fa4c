"""Bring an output up to date: do what is missing, try again what failed, leave the rest.

What is done is told by position: the row at place n belongs to the input at place n, and must bear its name. That finds
a changed list of inputs without remembering anything, however many there are, and needs no journal beside the output.
The files' sizes and times are not compared: a photo that was answered once is answered. Drop folders have no fixed
order; there, see `by_name`, rows are told by path and hash.
"""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from time import monotonic

from ecosorter.bulk.inputs import Input, local_input
from ecosorter.bulk.rows import Row
from ecosorter.bulk.stream import Record
from ecosorter.bulk.tables import Table
from ecosorter.bulk.watch import fingerprint
from ecosorter.errors import BulkError
from ecosorter.photos import Limits

Item = Input | Record | None
Join = Callable[[Iterator[Row]], Iterator[Item]]
"""Turns the rows of an earlier run into records, which are kept, and inputs, which are done again in their place."""


def up_to_date(
    table: Table, photos: Iterable[Input | None], join: Join, stream: Callable[[Iterable[Item]], Iterator[list[Record]]]
) -> Iterator[list[Record]]:
    """Do what is missing in a table.

    Args:
        table: as an earlier run left it, or new.
        photos: that it does not have; an iterator that `join` may have taken from.
        join: of the rows that it has: `by_position` or `by_name`.
        stream: classifies, see stream.py.

    Yields:
        Records of all rows that the table holds in the end, in order, in chunks; each when it is on disk, but those
        that are done again: a file of text is replaced when all of them are.

    Raises:
        BulkError: the rows belong to other inputs or another model.
        OSError: the disk is full, or the like.
    """
    earlier = stream(join(table.rows()))
    if table.failed:
        with table.replacement() as mended:
            for chunk in earlier:
                mended.append([answer.row for answer in chunk])
                yield chunk
    else:
        yield from earlier
    for chunk in _gathered(stream(photos), table.rows_at_a_time, table.seconds):
        table.append([answer.row for answer in chunk])
        yield chunk


def by_position(
    table: Table, photos: Iterator[Input], model: str, is_moved: Callable[[str], bool] = lambda _: False
) -> Join:
    """Join rows with inputs at the same place.

    Args:
        table: whose rows they are.
        photos: the inputs. As many as there are rows are taken from it.
        model: what the column ``model`` must say.
        is_moved: tells of a row's path that its file was moved away by `Sorter`, and so is no input any more.
    """

    def join(rows: Iterator[Row]) -> Iterator[Item]:
        for number, row in enumerate(rows, 1):
            _check_model(table, row, model)
            if is_moved(row["path"]):
                yield Record(None, row)
                continue
            photo = next(photos, None)
            if photo is None or table.spelled(photo.name) != row["path"]:
                now = "the list ends there" if photo is None else f"is now {photo.name}"
                raise BulkError(
                    f"{table.path} was begun with other inputs: number {number:,} was {row['path']}, {now}. Give the "
                    "same ones, choose another file, or start it anew with --restart."
                )
            yield photo if row["status"] != "ok" else Record(photo, row)

    return join


def by_name(table: Table, limits: Limits, model: str, done: MutableMapping[str, str]) -> Join:
    """Join rows with the files that they name, whatever else there is.

    Args:
        table: whose rows they are.
        limits: caps on each photo.
        model: what the column ``model`` must say.
        done: is filled with what `watch` takes under that name.
    """

    def join(rows: Iterator[Row]) -> Iterator[Item]:
        for row in rows:
            _check_model(table, row, model)
            path, failed = row["path"], row["status"] != "ok"
            present = fingerprint(path, limits) if Path(path).is_file() else None
            if present is None or (not failed and present != row["sha256"]):  # gone, or another photo of that name
                yield Record(None, row)
                continue
            done[path] = present
            photo = local_input(path, limits)
            yield photo if failed else Record(photo, row)

    return join


def _check_model(table: Table, row: Row, model: str) -> None:
    if row["model"] != model:
        raise BulkError(
            f"{table.path} was begun with another model, {row['model']}; this one is {model}. Use the same, choose "
            "another file, or start it anew with --restart."
        )


def _gathered(batches: Iterable[list[Record]], rows: int, seconds: float) -> Iterator[list[Record]]:
    """Put batches together until they have so many rows, or the first of them is so old."""
    chunk: list[Record] = []
    since = 0.0
    for batch in batches:
        since = since if chunk else monotonic()
        chunk += batch
        if chunk and (len(chunk) >= rows or monotonic() - since >= seconds):
            yield chunk
            chunk = []
    if chunk:
        yield chunk
