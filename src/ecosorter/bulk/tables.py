"""Rows on disk that a kill at any moment leaves whole. What every format has in common; see lines.py and parquet.py.

There is no journal beside the output: the output is the journal. A row that is there is done, and what it says is all
that resuming needs to know (see resume.py). A last line that a kill cut in half is cut off.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, Self

from ecosorter.bulk.rows import Row
from ecosorter.errors import BulkError


class Appendable(Protocol):
    """Takes rows."""

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows, whole, before it returns."""


class Table(ABC):
    """An output that grows.

    Attributes:
        path: where it is.
        columns: of its rows.
        done: how many whole rows an earlier run left.
        failed: how many of them are photos that could not be used.
        rows_at_a_time: how many rows should at least be appended at once, if they come within `seconds`.
        seconds: see there.
    """

    rows_at_a_time = 1
    seconds = 0.0

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, tuple(columns)
        self.done = self.failed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yield the rows that an earlier run left, in order."""

    @abstractmethod
    def append(self, rows: Sequence[Row]) -> None:
        """Write rows, whole, before it returns."""

    @abstractmethod
    def replacement(self) -> AbstractContextManager[Appendable]:
        """Take as many rows as there are, in the same order, to stand in their place when all have come."""

    @abstractmethod
    def close(self) -> None:
        """Let others have it."""

    def spelled(self, name: str) -> str:
        """Return a path as it comes back from this format."""
        return name

    def foreign(self) -> BulkError:
        """Return the error for a file that holds something else."""
        return BulkError(
            f"{self.path} is there already, and holds something else or other columns: it was not written by this "
            "command with the same options. Choose another file, or start it anew with --restart."
        )


@contextmanager
def refused_where_locked(path: Path) -> Iterator[None]:
    """Say that another run is writing an output where a block finds it locked."""
    try:
        yield
    except BlockingIOError as error:
        raise BulkError(f"{path} is being written by another run; wait for its end.") from error
