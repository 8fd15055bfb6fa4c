"""Rows as Parquet: a folder of part files. A Parquet file has its index at its end, so half of one is worth nothing.

Each part appears under its name when it is whole. A kill loses the rows of the part that was being gathered, of half a
minute at most; they are then still missing, and done by the next run.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ecosorter.bulk.rows import Row, is_number
from ecosorter.bulk.tables import Appendable, Table, refused_where_locked
from ecosorter.files import is_part, lock_folder, write_whole
from ecosorter.folders import is_clutter

_PART = "part-{:06}.parquet"


class ParquetTable(Table):
    """A folder with files ``part-000000.parquet`` and so on."""

    rows_at_a_time = 5_000
    seconds = 30.0

    def __init__(self, path: Path, columns: Sequence[str], *, restart: bool) -> None:
        super().__init__(path, columns)
        path.mkdir(exist_ok=True)
        with refused_where_locked(path):
            self._lock: int | None = lock_folder(path)
        try:
            names = [entry.name for entry in path.iterdir() if not is_clutter(entry.name)]
            if any(not re.fullmatch(r"part-\d{6}\.parquet", name) for name in names):
                raise self.foreign()
            left = [entry for entry in path.iterdir() if is_part(entry.name)]
            for part in [*left, *(self._parts() if restart else [])]:
                part.unlink()
            for part in self._parts():
                self._count(part)
        except BaseException:
            self.close()
            raise

    def rows(self) -> Iterator[Row]:
        """See `Table`."""
        for part in self._parts():
            yield from _read(part)

    def append(self, rows: Sequence[Row]) -> None:
        """Write one part."""
        if rows:
            self._write(self.path / _PART.format(len(self._parts())), rows)

    @contextmanager
    def replacement(self) -> Iterator[Appendable]:
        """See `Table`. Each part is replaced as soon as all its rows have come."""
        yield _Mending(self._parts(), self._write)

    def close(self) -> None:
        """See `Table`."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def spelled(self, name: str) -> str:
        """See `Table`: Parquet takes nothing but UTF-8."""
        return name.encode("utf-8", "backslashreplace").decode()

    def _parts(self) -> list[Path]:
        return sorted(self.path.glob("part-*.parquet"))

    def _count(self, part: Path) -> None:
        try:
            file = pq.ParquetFile(part)
        except pa.ArrowInvalid as error:
            raise self.foreign() from error
        with file:
            if tuple(file.schema_arrow.names) != self.columns:
                raise self.foreign()
            statuses = file.read(columns=["status"]).column("status").to_pylist()
        self.done += len(statuses)
        self.failed += len(statuses) - statuses.count("ok")

    def _write(self, part: Path, rows: Sequence[Row]) -> None:
        kinds = {"time": pa.timestamp("s", tz="UTC")}
        schema = pa.schema(
            [(name, pa.float64() if is_number(name) else kinds.get(name, pa.string())) for name in self.columns]
        )
        table = pa.Table.from_pylist(
            [
                row | {"path": self.spelled(row["path"]), "reason": self.spelled(row["reason"]), "time": _time(row)}
                for row in rows
            ],
            schema=schema,
        )
        write_whole(part, lambda beside: pq.write_table(table, beside))


class _Mending:
    """Replaces one part after the other, each as soon as all its rows have come."""

    def __init__(self, parts: Sequence[Path], write: Callable[[Path, Sequence[Row]], None]) -> None:
        self._parts = iter([(part, pq.read_metadata(part).num_rows) for part in parts])
        self._part, self._size = next(self._parts)
        self._write = write
        self._rows: list[Row] = []

    def append(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        while len(self._rows) >= self._size:
            self._write(self._part, self._rows[: self._size])
            self._rows = self._rows[self._size :]
            self._part, self._size = next(self._parts, (self._part, sys.maxsize))


def _time(row: Row) -> datetime:
    return datetime.fromisoformat(row["time"])


def _read(part: Path) -> Iterator[Row]:
    with pq.ParquetFile(part) as file:
        for batch in file.iter_batches(1_000):
            for row in batch.to_pylist():
                yield row | {"time": row["time"].isoformat()}
