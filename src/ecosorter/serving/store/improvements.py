"""The runs of `ecosorter improve`: one at a time, each noted with what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import Improvement, now

Outcome = Literal["candidate", "missing", "nothing_new", "failed", "killed", "running"]

_LOCK = "improve"


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `detail` is what else there is to tell of its outcome."""

    number: int
    started: datetime
    who: str
    finished: datetime | None
    outcome: Outcome
    detail: dict[str, Any]
    model: UUID | None


class Improvements:
    """The runs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def one(self, who: str, every: timedelta | None = None) -> Iterator[int | None]:
        """Begin a run, unless one is under way; yields its number, or None.

        Args:
            who: starts it.
            every: do not begin when the last one began less than this ago.
        """
        with self._database.alone(_LOCK) as mine:
            yield self._begin(who) if mine and (every is None or self.due(every)) else None

    def end(self, number: int, outcome: Outcome, detail: dict[str, Any], model: UUID | None = None) -> None:
        """Note what came of a run."""
        with self._database.writing() as session:
            row = session.get_one(Improvement, number)
            row.finished, row.outcome, row.detail, row.model_id = now(), outcome, detail, model

    def due(self, every: timedelta) -> bool:
        """Tell whether the last run began so long ago."""
        with self._database.reading() as session:
            last = session.scalar(select(func.max(Improvement.started)))
        return last is None or now() - last >= every

    def running(self) -> bool:
        """Tell whether one is under way, in any process."""
        with self._database.alone(_LOCK) as mine:
            return not mine

    def latest(self) -> Run | None:
        """Return the last run; one that has not ended and is not under way was killed."""
        row = self._last()
        if row is None:
            return None
        outcome: Outcome = "running"
        if row.outcome or not self.running():
            row = self._last() or row  # it may have ended between the two looks
            outcome = row.outcome or "killed"  # type: ignore[assignment]
        return Run(row.id, row.started, row.who, row.finished, outcome, row.detail or {}, row.model_id)

    def _last(self) -> Improvement | None:
        with self._database.reading() as session:
            return session.scalar(select(Improvement).order_by(Improvement.id.desc()).limit(1))

    def _begin(self, who: str) -> int:
        with self._database.writing() as session:
            row = Improvement(who=who, started=now())
            session.add(row)
            session.flush()
            return row.id
