"""Experiment tracking: tell somebody else what happens in a run, without ever depending on them.

A run talks to one `Tracker`. `NoTracker` listens to nothing; `Careful` stands before a real one and sees to it that
a tracker that fails costs the record, never the run.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from ecosorter.training.results import Epoch, RunResult

_log = logging.getLogger(__name__)

TrackerKind = Literal["none", "wandb"]


class Tracker(Protocol):
    """What a run tells: `start` once, `epoch` for every epoch of every fit, then `finish` or `fail` once."""

    def start(self, run_id: str, config: Mapping[str, Any], name: str) -> None:
        """A run starts, or goes on after a kill.

        Args:
            run_id: the same for every part of one run.
            config: the resolved recipe, as plain data.
            name: for people.
        """

    def epoch(self, fit_name: str, epoch: Epoch) -> None:
        """One epoch of one fit is over."""

    def finish(self, result: RunResult, bundle: Path | None, report: Path | None) -> None:
        """The run is over: its figures, and the bundle's folder and the report's file where there are any."""

    def fail(self, message: str) -> None:
        """The run broke off; `message` says why."""


class NoTracker:
    """Listens to nothing."""

    def start(self, run_id: str, config: Mapping[str, Any], name: str) -> None:
        """Do nothing."""

    def epoch(self, fit_name: str, epoch: Epoch) -> None:
        """Do nothing."""

    def finish(self, result: RunResult, bundle: Path | None, report: Path | None) -> None:
        """Do nothing."""

    def fail(self, message: str) -> None:
        """Do nothing."""


class Careful:
    """Stands before a tracker: whatever that raises becomes one warning, and the run goes on.

    A tracker that cannot start is not asked again. One that fails later is: the network may be back at the end,
    when the model is handed over.

    Args:
        tracker: the real one.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._warned = False

    def start(self, run_id: str, config: Mapping[str, Any], name: str) -> None:
        """Start the tracker; without it where it cannot start."""
        if not self._try(lambda: self._tracker.start(run_id, config, name)):
            self._tracker = NoTracker()

    def epoch(self, fit_name: str, epoch: Epoch) -> None:
        """Pass an epoch on."""
        self._try(lambda: self._tracker.epoch(fit_name, epoch))

    def finish(self, result: RunResult, bundle: Path | None, report: Path | None) -> None:
        """Pass the result on."""
        self._try(lambda: self._tracker.finish(result, bundle, report))

    def fail(self, message: str) -> None:
        """Pass the failure on."""
        self._try(lambda: self._tracker.fail(message))

    def _try(self, call: Callable[[], None]) -> bool:
        try:
            call()
        except Exception as error:  # a tracker may raise anything; the run is worth more than its record
            if not self._warned:
                _log.warning(
                    "Tracking failed and the run goes on without it: %s: %s. "
                    "Everything is also in the run's own folder; --track none turns tracking off.",
                    type(error).__name__,
                    error,
                )
            self._warned = True
            return False
        return True


def open_tracker(kind: TrackerKind, folder: Path, project: str = "ecosorter") -> Tracker:
    """Return a tracker that cannot stop a run. Nothing is written or sent before its `start`.

    Args:
        kind: ``"wandb"`` for Weights & Biases, ``"none"`` for none.
        folder: the run's folder; what the tracker writes goes below it.
        project: the tracker's own name for a group of runs.
    """
    if kind == "none":
        return NoTracker()
    from ecosorter.training.tracking.weights_and_biases import WandbTracker  # noqa: PLC0415  it takes a second to import

    return Careful(WandbTracker(folder, project))
