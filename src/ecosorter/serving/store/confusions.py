"""What models took for what, with the photos that show it: those that are kept, with consent to this day."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import Correction, Lesson


@dataclass(frozen=True, slots=True)
class Cell:
    """Photos that show one class and in which a model sees one class."""

    truth: str
    best: str
    photos: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo that may be looked at; `truth` is what reviewers settled on, None where they have not, or rejected it."""

    id: UUID
    said: str
    truth: str | None
    best: str
    contributor: str


class Confusions:
    """What the registry knows of each model's answers to reviewed photos.

    Those of photos that taught it are of heads that had not learnt from the same contributor.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, model: UUID) -> list[Cell]:
        """Count a model's answers by what is shown and what it sees."""
        query = (
            select(Correction.settled, Lesson.best, func.count())
            .join(Lesson, Lesson.correction_id == Correction.id)
            .where(Lesson.model_id == model, Lesson.best.is_not(None))
            .where(Correction.photo == "kept", Correction.settled.is_not(None))
            .group_by(Correction.settled, Lesson.best)
            .order_by(Correction.settled, Lesson.best)
        )
        with self._database.reading() as session:
            return [Cell(truth or "", best or "", photos) for truth, best, photos in session.execute(query)]

    def photos(self, model: UUID, truth: str, best: str, limit: int) -> list[Shown]:
        """Return photos of one cell, the latest first."""
        in_cell = select(Lesson.correction_id).where(Lesson.model_id == model, Lesson.best == best)
        found = self._kept(Correction.id.in_(in_cell) & (Correction.settled == truth), limit)
        return [Shown(row.id, row.truth, row.settled, best, row.contributor) for row in found]

    def photos_of(self, contributor: str, limit: int) -> list[Shown]:
        """Return photos of one contributor, the latest first, with what was answered at the time."""
        found = self._kept(Correction.contributor == contributor, limit)
        return [Shown(row.id, row.truth, row.settled, row.best, row.contributor) for row in found]

    def _kept(self, which: ColumnElement[bool], limit: int) -> Sequence[Correction]:
        latest_first = (Correction.created.desc(), Correction.id)
        query = select(Correction).where(which, Correction.photo == "kept").order_by(*latest_first).limit(limit)
        with self._database.reading() as session:
            return session.scalars(query).all()
