"""The tables of the store, for SQLite and PostgreSQL alike; `migrations` brings a database to them."""

from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import JSON, DateTime, Float, ForeignKey, Index, String, UniqueConstraint, Uuid, false, null
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

Consent = Literal["none", "given", "withdrawn"]
PhotoState = Literal["none", "pending", "kept", "deleting"]
State = Literal["open", "accepted", "relabelled", "rejected"]
Verdict = Literal["accept", "relabel", "reject"]
Role = Literal["reviewer", "admin"]
ModelState = Literal["candidate", "shadow", "in_use", "retired"]
Part = Literal["taught", "held_out"]

OTHER = "other"
"""The `truth` that stands for: none of the model's classes."""

NO_WASTE = "no_waste"
"""What stands in counts for: it seems to show no waste at all."""


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, aware of it. SQLite alone would give back what it was given without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any zone into UTC on the way in."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Name the zone on the way out."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What the tables have in common."""


class Correction(Base):
    """What a person said about one answer.

    Attributes:
        key: the idempotency key of the request; a repeated request finds its row by it.
        digest: SHA-256 of all that the request said, the photo included, to tell a repetition from another request.
            As a random secret is part of it, nobody can find out from it which photo it was.
        best: the most probable class; `label` is what was answered, None for "not sure".
        truth: what the person says it is: a class, or `OTHER`.
        item: id of the item, where the person named one; its class is `truth`.
        contributor: pseudonym of the device (`corrections.pseudonym`); what the device sent is not kept.
        secret_hash: SHA-256 of the secret with which the contributor withdraws the photo.
        photo: ``pending`` while it is being written and the request is not answered, ``deleting`` from the
            withdrawal until it is gone. A file may lie in the photo store while a row with its `sha256` is pending,
            kept or deleting, and lies there for certain while one is kept.
        sha256: of the JPEG that is kept, which is also its name; None without a photo.
        state: of the review; `settled` is the class on which it ended, None for ``open`` and ``rejected``.
        disputed: two reviewers decided differently.
        asked: the answer was drawn at random to be asked about.
        novelty: how new the photo is to the model in use, 0..1 (teaching/novelty.py); None until it was measured, and
            without a photo. `novelty_bank` is the SHA-256 of the bank that it was measured against.
    """

    __tablename__ = "corrections"
    __table_args__ = (Index("corrections_to_review", "state", "photo"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    key: Mapped[UUID] = mapped_column(Uuid, unique=True)
    digest: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    model_name: Mapped[str] = mapped_column(String(200))
    model_version: Mapped[str] = mapped_column(String(200))
    best: Mapped[str] = mapped_column(String(64))
    label: Mapped[str | None] = mapped_column(String(64))
    truth: Mapped[str] = mapped_column(String(64))
    item: Mapped[str | None] = mapped_column(String(64))
    confidence: Mapped[float] = mapped_column(Float)
    lang: Mapped[str] = mapped_column(String(2))
    contributor: Mapped[str] = mapped_column(String(32), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    consent: Mapped[Consent] = mapped_column(String(10))
    photo: Mapped[PhotoState] = mapped_column(String(10))
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    state: Mapped[State] = mapped_column(String(10), default="open")
    settled: Mapped[str | None] = mapped_column(String(64))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disputed: Mapped[bool] = mapped_column(default=False)
    asked: Mapped[bool] = mapped_column(default=False, server_default=false())
    novelty: Mapped[float | None] = mapped_column(Float)
    novelty_bank: Mapped[str | None] = mapped_column(String(64))
    votes: Mapped[list["Vote"]] = relationship(order_by="Vote.id", cascade="all, delete-orphan")


class Vote(Base):
    """What one reviewer decided on one correction; `label` is the class that it amounts to, None for a rejection."""

    __tablename__ = "votes"
    __table_args__ = (UniqueConstraint("correction_id", "reviewer", name="one_vote_each"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    correction_id: Mapped[UUID] = mapped_column(ForeignKey("corrections.id", ondelete="CASCADE"), index=True)
    reviewer: Mapped[str] = mapped_column(String(100))
    decision: Mapped[Verdict] = mapped_column(String(10))
    label: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Token(Base):
    """A reviewer's or admin's token: `id` is its public part, `hash` the SHA-256 of its secret part."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role] = mapped_column(String(10))
    hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used: Mapped[date | None]
    revoked: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Phrase(Base):
    """A phrase for which no item was found, and how often that was on a day."""

    __tablename__ = "phrases"

    day: Mapped[date] = mapped_column(primary_key=True)
    lang: Mapped[str] = mapped_column(String(2), primary_key=True)
    phrase: Mapped[str] = mapped_column(String(60), primary_key=True)
    count: Mapped[int]


class Model(Base):
    """A model of the registry; its files lie beside the photos (artefacts.py).

    Attributes:
        parent_id: the model that was taught; None for one that came from elsewhere.
        files: SHA-256 by file name, of every file of the bundle.
        figures: how it was measured beside the model in use, as `Figures` of improving/figures.py; None for others.
    """

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("name", "version", name="one_model_a_version"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("models.id"))
    state: Mapped[ModelState] = mapped_column(String(10))
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class ModelChange(Base):
    """A change of a model's state: who did it, when, and why. Its number tells whether something has changed since."""

    __tablename__ = "model_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), index=True)
    before: Mapped[ModelState | None] = mapped_column(String(10))
    after: Mapped[ModelState] = mapped_column(String(10))
    who: Mapped[str] = mapped_column(String(100))
    why: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Lesson(Base):
    """A correction from which a model learnt, or on which it was measured.

    Attributes:
        best: the most probable class of its photo: of one that taught, by a head that learnt from other people alone.
            None for models of before this was noted.
    """

    __tablename__ = "lessons"

    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    correction_id: Mapped[UUID] = mapped_column(
        ForeignKey("corrections.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    part: Mapped[Part] = mapped_column(String(10))
    best: Mapped[str | None] = mapped_column(String(64))


class Improvement(Base):
    """A run of `ecosorter improve`.

    Attributes:
        finished: None while it runs, and for ever where it was killed.
        outcome: ``candidate``, ``missing``, ``nothing_new`` or ``failed``.
        detail: what else there is to tell.
    """

    __tablename__ = "improvements"

    id: Mapped[int] = mapped_column(primary_key=True)
    started: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    who: Mapped[str] = mapped_column(String(100))
    finished: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(20))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    model_id: Mapped[UUID | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))


class ShadowCount(Base):
    """What a model in shadow said on a day beside the model in use, for one class that the latter saw.

    Attributes:
        best: the most probable class of the model in use.
        agreed: photos in which both saw the same.
        confidence: sum of that of the shadow; `confidence_in_use` of the other.
        seconds: sum of what the shadow took for each photo.
    """

    __tablename__ = "shadow_counts"

    model_id: Mapped[UUID] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    best: Mapped[str] = mapped_column(String(64), primary_key=True)
    photos: Mapped[int]
    agreed: Mapped[int]
    confidence: Mapped[float] = mapped_column(Float)
    confidence_in_use: Mapped[float] = mapped_column(Float)
    seconds: Mapped[float] = mapped_column(Float)


class AnswerCount(Base):
    """What was answered on a day, for one class.

    Attributes:
        seen: the most probable class, or `NO_WASTE`.
        measured: photos whose distance from the bank was measured.
        distance: sum of those, each 0..2.
        far: those that are near no photo of the bank.
    """

    __tablename__ = "answer_counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    seen: Mapped[str] = mapped_column(String(64), primary_key=True)
    photos: Mapped[int]
    measured: Mapped[int]
    distance: Mapped[float] = mapped_column(Float)
    far: Mapped[int]


class Campaign(Base):
    """Photos that the operator asks for: so many of a class, perhaps of one item, from now on.

    Attributes:
        item: id of the item; None for any of the class.
        closed: when it ended; None while it runs.
    """

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(64))
    item: Mapped[str | None] = mapped_column(String(64))
    wanted: Mapped[int]
    who: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    closed: Mapped[datetime | None] = mapped_column(UtcDateTime)


_VALID = Token.revoked.is_(null())
Index("one_valid_token_a_name", Token.name, unique=True, sqlite_where=_VALID, postgresql_where=_VALID)

for _state in ("in_use", "shadow"):
    _only = Model.state == _state
    Index(f"one_model_{_state}", Model.state, unique=True, sqlite_where=_only, postgresql_where=_only)
