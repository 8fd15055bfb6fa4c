"""Progress bars on a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
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

from ecosorter.bulk import Record, Tally, find_inputs
from ecosorter.bulk.archives import is_tar
from ecosorter.bulk.find import is_list
from ecosorter.bulk.remote import is_address
from ecosorter.photos import Limits
from ecosorter.texts import Language, texts

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


class _Failures(ProgressColumn):
    """How many photos failed so far."""

    def __init__(self, tally: Tally, words: str) -> None:
        super().__init__()
        self._tally, self._words = tally, words

    def render(self, task: Task) -> Text:  # noqa: ARG002 - there is one task
        return Text(self._words.format(failed=f"{self._tally.failed:,}") if self._tally.failed else "", "red")


class _PhotoBar(Bars):
    """A bar that also tells the failures."""

    def __init__(self, tally: Tally, speak: Language) -> None:
        super().__init__()
        self._bars.columns = (*self._bars.columns, _Failures(tally, texts("bulk", speak)["failures"]))


@contextmanager
def photo_bar(
    named: Sequence[str], limits: Limits, speak: Language, *, hidden: bool
) -> Iterator[Callable[[Sequence[Record]], None]]:
    """Draw a bar on standard error, if that is a terminal; the function is to be told of every batch.

    Args:
        named: the command's inputs, which are counted first where that is cheap, for the time that is left.
        limits: caps on each photo.
        speak: language of the words.
        hidden: draw none.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda _: None
        return
    tally = Tally()
    with _PhotoBar(tally, speak) as bar, bar.stage(texts("bulk", speak)["photos"], _number(named, limits)) as advance:

        def told(batch: Sequence[Record]) -> None:
            tally.add(answer.row for answer in batch)
            advance(len(batch))

        yield told


def _number(named: Sequence[str], limits: Limits) -> int:
    """Count photos in local files and folders; 0 if something cannot be counted without reading or waiting for it."""
    if not named or any(name == "-" or is_list(name) or is_address(name) or is_tar(name) for name in named):
        return 0
    return sum(1 for _ in find_inputs(named, limits))
