"""Tokens of reviewers and admins: made once, shown once, kept as a hash."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from sqlalchemy import select

from ecosorter.errors import StoreError
from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import Role, Token, now

_PREFIX = "eco"


@dataclass(frozen=True, slots=True)
class Person:
    """Who a valid token stands for."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token, which is not the token. `last_used` is a day; `revoked` is None while it is valid."""

    id: str
    name: str
    role: Role
    created: datetime
    last_used: date | None
    revoked: datetime | None


def hashed(secret: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal.

    A slow hash, as for passwords, would add nothing: secrets here are 32 random bytes, which nobody guesses.
    """
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def same(secret: str, known_hash: str) -> bool:
    """Tell whether a secret has this hash, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(hashed(secret), known_hash)


class Tokens:
    """The tokens in a database. One looks like ``eco_<id>_<secret>``: the id finds the row, the secret proves it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, role: Role) -> str:
        """Make a token for a person and return it; it cannot be shown again.

        Raises:
            StoreError: the name is empty or too long, or has a valid token already.
        """
        name = name.strip()
        if not name or len(name) > 100 or not name.isprintable():
            raise StoreError("A token needs the name of its person, with 1 to 100 printable characters.")
        key, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        with self._database.writing() as session:
            self._database.lock(session, f"token {name}")
            if session.scalar(select(Token.id).where(Token.name == name, Token.revoked.is_(None))):
                raise StoreError(f"{name} has a token already; revoke it first, or give another name.")
            session.add(Token(id=key, name=name, role=role, hash=hashed(secret)))
        return f"{_PREFIX}_{key}_{secret}"

    def all(self) -> list[TokenInfo]:
        """Return what is known of every token, the oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(Token).order_by(Token.created, Token.id))
            return [TokenInfo(row.id, row.name, row.role, row.created, row.last_used, row.revoked) for row in rows]

    def revoke(self, name: str) -> None:
        """End the token of a person, from the next request on.

        Raises:
            StoreError: the person has no valid token.
        """
        with self._database.writing() as session:
            token = session.scalar(select(Token).where(Token.name == name.strip(), Token.revoked.is_(None)))
            if token is None:
                raise StoreError(f"{name} has no valid token; `ecosorter token list` shows who has.")
            token.revoked = now()

    def person(self, token: str) -> Person | None:
        """Return whom a token stands for, None when it is not valid; notes the day of its use."""
        parts = token.split("_", 2)
        if len(parts) != 3 or parts[0] != _PREFIX or not parts[1].isalnum() or not parts[1].isascii():
            return None
        with self._database.reading() as session:
            row = session.get(Token, parts[1])
        if row is None or not same(parts[2], row.hash) or row.revoked is not None:
            return None
        if row.last_used != now().date():  # a day is enough, and saves a write a request
            with self._database.writing() as session:
                if (row := session.get_one(Token, row.id)).revoked is None:
                    row.last_used = now().date()
        return Person(row.name, row.role)
