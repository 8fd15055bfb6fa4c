"""The tables of the store, for SQLite and PostgreSQL alike; `migrations` brings a database to them."""

from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import DateTime, Float, ForeignKey, Index, String, UniqueConstraint, Uuid, null
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

Consent = Literal["none", "given", "withdrawn"]
PhotoState = Literal["none", "pending", "kept", "deleting"]
State = Literal["open", "accepted", "relabelled", "rejected"]
Verdict = Literal["accept", "relabel", "reject"]
Role = Literal["reviewer", "admin"]

OTHER = "other"
"""The `truth` that stands for: none of the model's classes."""


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


_VALID = Token.revoked.is_(null())
Index("one_valid_token_a_name", Token.name, unique=True, sqlite_where=_VALID, postgresql_where=_VALID)
