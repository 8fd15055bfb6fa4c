"""Take in what people say about answers, with or without a photo, and let go of the photo when they ask for it.

How a row and its photo stay together through a kill at any moment. The photo store cannot take part in a transaction
of the database, so the row goes first and says what is under way:

    add        commit the row as `pending` · write the photo · commit it as `kept` · answer
    withdraw   commit the row as `deleting` · delete the photo · commit it as `none`

What is found half-way is finished by the repeated request, or by `sweep` when a store is opened. Nobody sees a pending
row: it was never acknowledged. No file is ever without a row, since a file is written and deleted only while a row
says that it may be there; and a kept row is never without its file.

Several corrections may hold the same photo. So that one's withdrawal does not cross another's arrival, writing and
deleting happen under a lock on the photo's address.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ecosorter.photos import Limits
from ecosorter.serving.store.database import Database
from ecosorter.serving.store.photos import PhotoStore, address, plain_jpeg
from ecosorter.serving.store.tables import OTHER, Consent, Correction, State, now
from ecosorter.serving.store.tokens import hashed, same

_ABANDONED = timedelta(minutes=15)
"""A row that is pending for longer belongs to a request that was killed: no request takes that long."""

_DECODERS = 2  # photos decoded at once: one of 50 megapixels takes 150 MB


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """What a person says about one answer; the fields are those of the table `Correction`.

    Attributes:
        item: id of the item, where the person named one.
        consent: to keeping the photo.
        contributor: random name of the device; only its `pseudonym` is kept.
        secret: random; proves later that the photo may be withdrawn. Only its hash is kept.
        asked: the answer was drawn at random to be asked about.
    """

    model_name: str
    model_version: str
    best: str
    label: str | None
    confidence: float
    truth: str
    consent: bool
    contributor: UUID
    secret: str
    lang: str
    item: str | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the contributor gets. `new` is False when the same request came before."""

    id: UUID
    photo_kept: bool
    created: datetime
    new: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A correction as lists show it; `photo` is the address of the photo that is kept, if any."""

    id: UUID
    created: datetime
    model: str
    best: str
    label: str | None
    truth: str
    confidence: float
    consent: Consent
    photo: str | None
    contributor: str
    state: State
    settled: str | None
    settled_at: datetime | None
    item: str | None


def pseudonym(contributor: UUID) -> str:
    """Return the name under which a contributor is kept: stable, and not to be turned back, as a UUID is random."""
    return hashlib.sha256(b"contributor " + contributor.bytes).hexdigest()[:32]


class Corrections:
    """The corrections in a database, with their photos in a photo store.

    Args:
        database: where the rows are.
        photos: where the photos are; they belong to this database alone.
        limits: caps on the photos that come in.
    """

    def __init__(self, database: Database, photos: PhotoStore, limits: Limits) -> None:
        self._database, self._photos, self._limits = database, photos, limits
        self._decoding = BoundedSemaphore(_DECODERS)

    def add(self, key: UUID, new: NewCorrection, photo: bytes | None) -> Receipt | None:
        """Keep a correction. When this returns, it is on disk.

        Args:
            key: of the request; a request with the same key is the same request, sent again.
            new: what was said.
            photo: the photo's file, kept without its metadata; only with consent.

        Returns:
            The receipt, None when the key belongs to a request that said something else.

        Raises:
            PhotoError: the photo cannot be used; nothing was kept.
            StoreError: the database or the photos' place does not answer; send it again.
            ValueError: a photo without consent.
        """
        if photo is not None and not new.consent:
            raise ValueError("a photo without consent must not come here")
        digest = _digest(new, photo)
        jpeg: bytes | None = None
        inserted = False
        while True:  # once in general; more often when the same request comes twice at the same time, or was killed
            row = self._find(key)
            if row is not None and row.digest != digest:
                return None
            if row is not None and row.photo != "pending":
                return Receipt(row.id, row.photo == "kept", row.created, inserted)
            if photo is not None and jpeg is None:
                with self._decoding:
                    jpeg = plain_jpeg(photo, self._limits)
            if row is None:
                inserted = self._insert(key, digest, new, jpeg)
            if jpeg is not None:
                self._keep(key, jpeg)

    def withdraw(self, correction: UUID, secret: str) -> Literal["done", "unknown", "wrong_secret"]:
        """Take back the consent to one photo: it is deleted, the labels stay. Doing it again changes nothing.

        A photo that another correction holds too, with a consent of its own, stays for that one.

        Raises:
            StoreError: the deletion is not complete; it is when this is done again, or when a store is next opened.
        """
        with self._database.writing() as session:
            row = session.get(Correction, correction, with_for_update=True)
            if row is None:
                return "unknown"
            if not same(secret, row.secret_hash):
                return "wrong_secret"
            if row.consent == "given":
                row.consent = "withdrawn"
            if row.photo in ("kept", "pending"):
                row.photo = "deleting"
        self._erase(correction)
        return "done"

    def listed(self, *, state: State | None = None, limit: int | None = None) -> list[Listed]:
        """Return corrections, the latest first.

        Args:
            state: only those in this state of the review.
            limit: at most so many.
        """
        query = select(Correction).where(Correction.photo != "pending").order_by(Correction.created.desc())
        if state is not None:
            query = query.where(Correction.state == state)
        with self._database.reading() as session:
            return [_listed(row) for row in session.scalars(query.limit(limit))]

    def usable(self) -> list[Listed]:
        """Return what a model may learn from, in the order in which it was settled.

        That is: accepted or relabelled, as a class, with a photo, whose contributor consents to this day.
        """
        query = (
            select(Correction)
            .where(Correction.state.in_(("accepted", "relabelled")), Correction.settled != OTHER)
            .where(Correction.photo == "kept", Correction.consent == "given")
            .order_by(Correction.settled_at, Correction.id)
        )
        with self._database.reading() as session:
            return [_listed(row) for row in session.scalars(query)]

    def sweep(self) -> None:
        """Finish what a kill has left half-way: withdrawals are completed, abandoned requests are forgotten."""
        abandoned = (Correction.photo == "pending") & (Correction.created < now() - _ABANDONED)
        with self._database.reading() as session:
            deleting = session.scalars(select(Correction.id).where(Correction.photo == "deleting")).all()
            pending = session.scalars(select(Correction.id).where(abandoned)).all()
        for correction in deleting:
            self._erase(correction)
        for correction in pending:
            with self._database.writing() as session:
                row = session.get(Correction, correction, with_for_update=True)
                if row is not None and row.photo == "pending":
                    self._forget(session, row)

    def _find(self, key: UUID) -> Correction | None:
        with self._database.reading() as session:
            return session.scalar(select(Correction).where(Correction.key == key))

    def _insert(self, key: UUID, digest: str, new: NewCorrection, jpeg: bytes | None) -> bool:
        """Insert the row; False when the same request, sent twice, was quicker."""
        row = Correction(
            key=key,
            digest=digest,
            model_name=new.model_name,
            model_version=new.model_version,
            best=new.best,
            label=new.label,
            truth=new.truth,
            item=new.item,
            confidence=new.confidence,
            lang=new.lang,
            asked=new.asked,
            contributor=pseudonym(new.contributor),
            secret_hash=hashed(new.secret),
            consent="given" if new.consent else "none",
            photo="none" if jpeg is None else "pending",
            sha256=None if jpeg is None else address(jpeg),
        )
        try:
            with self._database.writing() as session:
                session.add(row)
        except IntegrityError:
            return False
        return True

    def _keep(self, key: UUID, jpeg: bytes) -> None:
        """Write the photo of a pending row, and say so."""
        with self._database.writing() as session:
            row = session.scalar(select(Correction).where(Correction.key == key).with_for_update())
            if row is None or row.photo != "pending":  # the same request, sent twice, was quicker; or it was swept
                return
            if row.sha256 != address(jpeg):  # from before an update of Pillow, which encodes differently
                self._forget(session, row)
                return
            self._database.lock(session, row.sha256)
            self._photos.put(row.sha256, jpeg)
            row.photo = "kept"

    def _erase(self, correction: UUID) -> None:
        """Delete the photo of a row that says `deleting`."""
        with self._database.writing() as session:
            row = session.get(Correction, correction, with_for_update=True)
            if row is not None and row.photo == "deleting":
                self._delete_unless_held(session, row)
                row.photo, row.sha256, row.novelty, row.novelty_bank = "none", None, None, None

    def _forget(self, session: Session, row: Correction) -> None:
        """Remove a row that was never acknowledged, and what there is of its photo."""
        self._delete_unless_held(session, row)
        session.delete(row)

    def _delete_unless_held(self, session: Session, row: Correction) -> None:
        if row.sha256 is None:
            return
        self._database.lock(session, row.sha256)
        holds_it = (Correction.sha256 == row.sha256) & Correction.photo.in_(("pending", "kept"))
        if session.scalar(select(Correction.id).where(holds_it, Correction.id != row.id).limit(1)) is None:
            self._photos.delete(row.sha256)


def _digest(new: NewCorrection, photo: bytes | None) -> str:
    fields = asdict(new)
    if new.item is None:
        del fields["item"]  # as before there were items: a request that is sent again after an update is the same one
    if not new.asked:
        del fields["asked"]
    said = json.dumps(fields, default=str, sort_keys=True)
    parts: Sequence[bytes] = (said.encode(), b"" if photo is None else hashlib.sha256(photo).digest())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _listed(row: Correction) -> Listed:
    return Listed(
        id=row.id,
        created=row.created,
        model=f"{row.model_name} {row.model_version}",
        best=row.best,
        label=row.label,
        truth=row.truth,
        confidence=row.confidence,
        consent=row.consent,
        photo=row.sha256 if row.photo == "kept" else None,
        contributor=row.contributor,
        state=row.state,
        settled=row.settled,
        settled_at=row.settled_at,
        item=row.item,
    )
