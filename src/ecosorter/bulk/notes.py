"""The undo file: what was put where, in an SQLite database."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, Self

from ecosorter.errors import BulkError

How = Literal["copy", "link", "move"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS placed
(target BLOB PRIMARY KEY, source BLOB NOT NULL, how TEXT NOT NULL, sha256 TEXT NOT NULL, done INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_source ON placed (source);
"""


class Entry(NamedTuple):
    """A photo that was put somewhere.

    Attributes:
        target: where to.
        source: where from.
        how: it was put there.
        sha256: of its bytes.
        done: False as long as it is only about to be put there.
    """

    target: Path
    source: Path
    how: How
    sha256: str
    done: bool


class Notes:
    """Entries on disk, each kept at once.

    Raises:
        BulkError: there is something else in the file, or it cannot be written; from every method.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._told_of_faults():
            self._database = sqlite3.connect(file, isolation_level=None)
            # Safe from kills of this process; to wait for the disk would cost more than the sorting.
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Entry]:
        """Yield all entries, the latest first; the one that was yielded may be forgotten."""
        with self._told_of_faults():
            yield from map(_entry, self._database.execute("SELECT * FROM placed ORDER BY rowid DESC"))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def find(self, source: Path) -> Entry | None:
        """Return what became of a photo; the latest entry, since a name may come again in a drop folder."""
        query = "SELECT * FROM placed WHERE source = ? ORDER BY rowid DESC LIMIT 1"
        with self._told_of_faults():
            return next(map(_entry, self._database.execute(query, (os.fsencode(source),))), None)

    def put(self, entry: Entry) -> Entry:
        """Keep an entry, in place of one with the same target, and return it."""
        values = (os.fsencode(entry.target), os.fsencode(entry.source), *entry[2:])
        with self._told_of_faults():
            self._database.execute("INSERT OR REPLACE INTO placed VALUES (?, ?, ?, ?, ?)", values)
        return entry

    def forget(self, entry: Entry) -> None:
        """Drop an entry."""
        with self._told_of_faults():
            self._database.execute("DELETE FROM placed WHERE target = ?", (os.fsencode(entry.target),))

    @contextmanager
    def _told_of_faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BulkError(f"{self._file} cannot be used as an undo file: {error}.") from error


def _entry(row: tuple[bytes, bytes, How, str, int]) -> Entry:
    return Entry(Path(os.fsdecode(row[0])), Path(os.fsdecode(row[1])), row[2], row[3], bool(row[4]))
