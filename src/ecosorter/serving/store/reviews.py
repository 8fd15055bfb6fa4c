"""Reviewers look at photos that people corrected, what teaches most first, and decide what becomes training data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import selectinload

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.photos import PhotoStore
from ecosorter.serving.store.tables import Correction, State, Verdict, Vote, now


@dataclass(frozen=True, slots=True)
class Cast:
    """One reviewer's decision; `label` is the class that it amounts to, None for a rejection."""

    reviewer: str
    decision: Verdict
    label: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """A correction as a reviewer sees it.

    Attributes:
        settled: the class on which the review ended.
        novelty: how new the photo is to the model in use, 0..1; None where it was not measured.
    """

    id: UUID
    created: datetime
    best: str
    label: str | None
    truth: str
    item: str | None
    confidence: float
    photo: bool
    votes: Sequence[Cast]
    state: State
    settled: str | None
    novelty: float | None


class Reviews:
    """The reviews in a database.

    Args:
        database: where the corrections are.
        photos: where their photos are.
        two_person: a correction is settled when two reviewers decide the same; else one is enough.
    """

    def __init__(self, database: Database, photos: PhotoStore, *, two_person: bool) -> None:
        self._database, self._photos = database, photos
        self.votes_needed = 2 if two_person else 1

    def queue(self, reviewer: str, limit: int, weakness: Mapping[str, float] = {}) -> tuple[list[Item], int]:
        """Return what a reviewer should look at next, and how many there are in all.

        Only corrections with a photo are there, for without one there is nothing to judge; and none on which this
        reviewer has decided. First come those on which reviewers differ, then those where the model and the person
        differ: of what it knows already, a model learns least. In each case, those come first that would teach most.
        That is a sum of three numbers, 0..1 each: how unsure the model was (uncertainty sampling: Lewis and Gale 1994,
        "A sequential algorithm for training text classifiers"), how new the photo is to it, and how weak it is in the
        class.

        Args:
            reviewer: who asks.
            limit: how many at most.
            weakness: by class, share of its photos that the model in use does not find, 0..1.
        """
        decided = select(Vote.id).where(Vote.correction_id == Correction.id, Vote.reviewer == reviewer).exists()
        waiting = (Correction.state == "open", Correction.photo == "kept", ~decided)
        worth = 1 - Correction.confidence + func.coalesce(Correction.novelty, 0.0)
        if weakness:
            worth += case(weakness, value=Correction.truth, else_=0.0)
        order = (
            Correction.disputed.desc(),
            (Correction.truth != Correction.best).desc(),
            worth.desc(),
            Correction.created,
            Correction.id,
        )
        query = select(Correction).where(*waiting).order_by(*order).limit(limit)
        with self._database.reading() as session:
            rows = session.scalars(query.options(selectinload(Correction.votes))).all()
            left = session.scalar(select(func.count()).select_from(Correction).where(*waiting)) or 0
        return [_item(row) for row in rows], left

    def measuring(self) -> AbstractContextManager[bool]:
        """Be the only process that measures how new photos are; yields whether this one may."""
        return self._database.alone("novelty")

    def unmeasured(self, bank: str, limit: int) -> list[UUID]:
        """Return corrections that wait for review, and whose photo was not measured against a bank, the oldest first.

        Args:
            bank: SHA-256 of it.
            limit: how many at most.
        """
        query = (
            select(Correction.id)
            .where(Correction.state == "open", Correction.photo == "kept")
            .where(func.coalesce(Correction.novelty_bank, "") != bank)
            .order_by(Correction.created, Correction.id)
            .limit(limit)
        )
        with self._database.reading() as session:
            return list(session.scalars(query))

    def note_novelty(self, correction: UUID, bank: str, novelty: float | None) -> None:
        """Note how new the photo of a correction is; None for one that cannot be measured."""
        with self._database.writing() as session:
            row = session.get(Correction, correction, with_for_update=True)
            if row is not None and row.photo == "kept":
                row.novelty, row.novelty_bank = novelty, bank

    def photo(self, correction: UUID) -> bytes | None:
        """Return the JPEG of a correction, None when it has none, or none any more."""
        with self._database.reading() as session:
            row = session.get(Correction, correction)
        if row is None or row.photo != "kept" or row.sha256 is None:
            return None
        return self._photos.get(row.sha256)

    def decide(
        self, correction: UUID, reviewer: str, decision: Verdict, label: str | None = None
    ) -> Item | Literal["unknown", "settled"]:
        """Note a reviewer's decision, and settle the correction when enough of them agree.

        Deciding again replaces the reviewer's own decision, also after the end: fingers slip.

        Args:
            correction: which one.
            reviewer: whose decision it is.
            decision: ``accept`` what the person said, ``relabel`` it, or ``reject`` the photo.
            label: the class for ``relabel``.

        Returns:
            The correction after that; ``"unknown"`` when there is none with a photo, ``"settled"`` when others have
            settled it.
        """
        with self._database.writing() as session:
            row = session.get(Correction, correction, with_for_update=True)
            if row is None or row.photo != "kept":
                return "unknown"
            mine = next((vote for vote in row.votes if vote.reviewer == reviewer), None)
            if mine is None:
                if row.state != "open":
                    return "settled"
                mine = Vote(reviewer=reviewer)
                row.votes.append(mine)
            mine.label = {"accept": row.truth, "relabel": label, "reject": None}[decision]
            mine.decision = "accept" if mine.label == row.truth else decision
            self._settle(row)
            session.flush()
            return _item(row)

    def _settle(self, row: Correction) -> None:
        counts = Counter(vote.label for vote in row.votes)
        row.disputed = len(counts) > 1
        label, votes = counts.most_common(1)[0]
        if votes < self.votes_needed:
            row.state, row.settled, row.settled_at = "open", None, None
        else:
            row.state = "rejected" if label is None else "accepted" if label == row.truth else "relabelled"
            row.settled, row.settled_at = label, now()


def _item(row: Correction) -> Item:
    return Item(
        id=row.id,
        created=row.created,
        best=row.best,
        label=row.label,
        truth=row.truth,
        item=row.item,
        confidence=row.confidence,
        photo=row.photo == "kept",
        votes=[Cast(vote.reviewer, vote.decision, vote.label) for vote in row.votes],
        state=row.state,
        settled=row.settled,
        novelty=row.novelty,
    )
