"""Rows as lines of text: CSV, and JSON lines."""

import csv
import io
import json
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from ecosorter.bulk.rows import Row, is_number
from ecosorter.bulk.tables import Appendable, Table, refused_where_locked
from ecosorter.errors import BulkError
from ecosorter.files import lock, part_of, remove_parts


class _LinesTable(Table):
    """A file of text with a record for each row."""

    def __init__(self, path: Path, columns: Sequence[str], *, restart: bool) -> None:
        super().__init__(path, columns)
        self._place = Path(os.path.realpath(path))  # a link stays a link
        self._file = _open_locked(self._place)
        try:
            if restart:
                self._file.truncate(0)
            start = self._file.read(len(self._mark()))
            if not self._mark().startswith(start):
                raise self.foreign()
            if start != self._mark():  # new, or killed in its first moment
                self._file.truncate(0)
                self._append(self._head())
            end = len(self._head())
            for row, after in self._scan():
                self.done += 1
                self.failed += row["status"] != "ok"
                end = after
            self._file.truncate(end)
        except BaseException:
            if not self._file.seek(0, os.SEEK_END):  # nothing fits on the disk
                self._place.unlink()
            self._file.close()
            raise

    def rows(self) -> Iterator[Row]:
        for row, _ in islice(self._scan(), self.done):
            yield row

    def append(self, rows: Sequence[Row]) -> None:
        self._append(self._encoded(rows))

    @contextmanager
    def replacement(self) -> Iterator[Appendable]:
        remove_parts(self._place)  # nobody else writes it: we have its lock
        beside = part_of(self._place)
        new = type(self)(beside, self.columns, restart=True)
        try:
            yield new
            beside.replace(self._place)
        except BaseException:
            new.close()
            beside.unlink(missing_ok=True)
            raise
        self._file, old = new._file, self._file
        old.close()

    def close(self) -> None:
        self._file.close()

    def _append(self, data: bytes) -> None:
        end = self._file.seek(0, os.SEEK_END)
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            self._file.truncate(end)
            raise

    def _scan(self) -> Iterator[tuple[Row, int]]:
        """Yield every whole row and where it ends; what follows the last is half a row, or none."""
        with self._place.open("rb") as file:
            end, record = file.seek(len(self._head())), b""
            for line in file:
                record += line
                if record.endswith(b"\n") and self._is_whole(record):
                    end += len(record)
                    try:
                        row = self._decoded(record)
                    except (ValueError, csv.Error) as error:
                        raise self.foreign() from error
                    yield row, end
                    record = b""

    def _head(self) -> bytes:
        """Return what stands before the rows."""
        return b""

    @abstractmethod
    def _mark(self) -> bytes:
        """Return what every such file with a row in it starts with, by which others are told."""

    def _is_whole(self, _record: bytes) -> bool:
        return True

    @abstractmethod
    def _encoded(self, rows: Iterable[Row]) -> bytes: ...

    @abstractmethod
    def _decoded(self, record: bytes) -> Row:
        """Return a record's row.

        Raises:
            ValueError, csv.Error: it is none, or has other columns.
        """


class CsvTable(_LinesTable):
    """CSV in UTF-8. A path that is not UTF-8 is written as the bytes that it is."""

    def _head(self) -> bytes:
        return csv_text([self.columns]).encode()

    def _mark(self) -> bytes:
        return self._head()

    def _is_whole(self, record: bytes) -> bool:
        return record.count(b'"') % 2 == 0  # else the line ends inside a path

    def _encoded(self, rows: Iterable[Row]) -> bytes:
        return csv_text([row[column] for column in self.columns] for row in rows).encode("utf-8", "surrogateescape")

    def _decoded(self, record: bytes) -> Row:
        text = record.decode("utf-8", "surrogateescape")
        (cells,) = csv.reader(io.StringIO(text, newline=""), strict=True)
        row: Row = dict(zip(self.columns, cells, strict=True))
        for column, cell in row.items():
            if column != "path":
                row[column] = (float(cell) if is_number(column) else cell) if cell else None
        return row


class JsonLinesTable(_LinesTable):
    """An object a line. It is ASCII, so that any path survives."""

    def _mark(self) -> bytes:
        return b'{"path": '

    def _encoded(self, rows: Iterable[Row]) -> bytes:
        return b"".join(json.dumps(row).encode("ascii") + b"\n" for row in rows)

    def _decoded(self, record: bytes) -> Row:
        row = json.loads(record)
        if not isinstance(row, dict) or tuple(row) != self.columns:
            raise ValueError
        return row


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, a line feed after each."""
    records = []
    for row in rows:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\r\n").writerow(row)  # puts what holds either of the two in quotes
        records.append(buffer.getvalue().removesuffix("\r\n") + "\n")
    return "".join(records)


def _open_locked(path: Path) -> IO[bytes]:
    # Without a buffer: what was written is in the hands of the system, whatever happens to this process.
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    try:
        with refused_where_locked(path):
            lock(file.fileno())
    except BulkError:
        file.close()
        raise
    return file
