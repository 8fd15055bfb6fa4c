"""Progress bars on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from ecosorter.progress import Advance


class _Rate(ProgressColumn):
    """Things per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if not speed else f"{speed:,.0f}/s")


class Bars:
    """Draws a bar for each stage on standard error; quiet but for notes where that is no terminal.

    Args:
        in_bytes: what is counted are bytes, to be shown as MB.
    """

    def __init__(self, *, in_bytes: bool = False) -> None:
        self._console = Console(stderr=True)
        amount = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(), _Rate())
        self._bars = Progress(
            TextColumn("{task.description:<18}"),
            BarColumn(),
            *amount,
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator["Advance"]:
        """Draw a bar while the stage lasts."""
        task = self._bars.add_task(name, total=total or None)
        yield lambda number: self._bars.advance(task, number)
        self._bars.update(task, total=self._bars.tasks[task].completed)  # early stopping ends before the total

    def note(self, text: str) -> None:
        """Print a sentence."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
