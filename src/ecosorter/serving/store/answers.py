"""How often each class was answered, by day, over all workers and replicas; and how new the photos were."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import AnswerCount


@dataclass(frozen=True, slots=True)
class Answered:
    """Counts of answers; the fields are those of the table `AnswerCount`."""

    photos: int = 0
    measured: int = 0
    distance: float = 0.0
    far: int = 0

    def __add__(self, other: "Answered") -> "Answered":
        return Answered(
            self.photos + other.photos,
            self.measured + other.measured,
            self.distance + other.distance,
            self.far + other.far,
        )


class Answers:
    """The counts in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Mapping[tuple[date, str], Answered]) -> None:
        """Add what a process has counted, by day and class."""
        with self._database.writing() as session:
            self._database.lock(session, "answers")
            for (day, seen), new in counts.items():
                row = session.get(AnswerCount, (day, seen))
                if row is None:
                    row = AnswerCount(day=day, seen=seen, photos=0, measured=0, distance=0, far=0)
                    session.add(row)
                row.photos += new.photos
                row.measured += new.measured
                row.distance += new.distance
                row.far += new.far

    def by_week(self, since: date) -> dict[date, dict[str, Answered]]:
        """Return the counts by class of each week in which there were any, the first week first.

        Args:
            since: the week of this day is the first.

        Returns:
            By the week's Monday, in UTC.
        """
        found: dict[date, dict[str, Answered]] = {}
        query = select(AnswerCount).where(AnswerCount.day >= monday(since)).order_by(AnswerCount.day, AnswerCount.seen)
        with self._database.reading() as session:
            for row in session.scalars(query):
                week = found.setdefault(monday(row.day), {})
                one = Answered(row.photos, row.measured, row.distance, row.far)
                week[row.seen] = week.get(row.seen, Answered()) + one
        return found


def monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())
