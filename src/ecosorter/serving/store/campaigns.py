"""Campaigns: photos that the operator asks people for, and how many have come."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import Campaign, Correction, now


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign that runs; `has` counts photos with consent since its beginning that were not rejected."""

    id: int
    label: str
    item: str | None
    wanted: int
    has: int
    created: datetime


class Campaigns:
    """The campaigns in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, label: str, wanted: int, *, who: str, item: str | None = None) -> None:
        """Ask for photos of a class, perhaps of one item, from now on."""
        with self._database.writing() as session:
            session.add(Campaign(label=label, item=item, wanted=wanted, who=who))

    def end(self, campaign: int) -> bool:
        """End a campaign; False where there is no such one that runs."""
        with self._database.writing() as session:
            row = session.get(Campaign, campaign)
            if row is None or row.closed is not None:
                return False
            row.closed = now()
            return True

    def running(self) -> list[Running]:
        """Return the campaigns that run, the oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(Campaign).where(Campaign.closed.is_(None)).order_by(Campaign.id)).all()
            return [Running(row.id, row.label, row.item, row.wanted, _count(session, row), row.created) for row in rows]


def _count(session: Session, row: Campaign) -> int:
    label = func.coalesce(Correction.settled, Correction.truth)
    query = select(func.count()).where(
        label == row.label,
        Correction.photo == "kept",
        Correction.consent == "given",
        Correction.state != "rejected",
        Correction.created >= row.created,
    )
    if row.item is not None:
        query = query.where(Correction.item == row.item)
    return session.scalar(query) or 0
