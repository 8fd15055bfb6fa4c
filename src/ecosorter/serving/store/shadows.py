"""What models in shadow said, counted by day and class over all workers and replicas."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import ModelChange, ShadowCount


@dataclass(frozen=True, slots=True)
class Beside:
    """Counts of what a model in shadow said beside the model in use; the sums are those of the table `ShadowCount`."""

    photos: int = 0
    agreed: int = 0
    confidence: float = 0.0
    confidence_in_use: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Beside") -> "Beside":
        return Beside(
            self.photos + other.photos,
            self.agreed + other.agreed,
            self.confidence + other.confidence,
            self.confidence_in_use + other.confidence_in_use,
            self.seconds + other.seconds,
        )


class Shadows:
    """The counts in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: UUID, counts: Mapping[tuple[date, str], Beside]) -> None:
        """Add what a process has counted, by day and class of the model in use."""
        with self._database.writing() as session:
            self._database.lock(session, f"shadow {model}")
            for (day, best), new in counts.items():
                row = session.get(ShadowCount, (model, day, best))
                if row is None:
                    row = ShadowCount(
                        model_id=model,
                        day=day,
                        best=best,
                        photos=0,
                        agreed=0,
                        confidence=0,
                        confidence_in_use=0,
                        seconds=0,
                    )
                    session.add(row)
                row.photos += new.photos
                row.agreed += new.agreed
                row.confidence += new.confidence
                row.confidence_in_use += new.confidence_in_use
                row.seconds += new.seconds

    def of(self, model: UUID) -> dict[str, Beside]:
        """Return what a model said in all its time in shadow, by class of the model in use."""
        found: dict[str, Beside] = {}
        with self._database.reading() as session:
            for row in session.scalars(
                select(ShadowCount).where(ShadowCount.model_id == model).order_by(ShadowCount.best)
            ):
                one = Beside(row.photos, row.agreed, row.confidence, row.confidence_in_use, row.seconds)
                found[row.best] = found.get(row.best, Beside()) + one
        return found

    def since(self, model: UUID) -> datetime | None:
        """Return when a model last went into shadow; None when it never did."""
        query = select(func.max(ModelChange.at)).where(ModelChange.model_id == model, ModelChange.after == "shadow")
        with self._database.reading() as session:
            return session.scalar(query)
