"""Phrases for which no item was found, counted by day: what the dictionary lacks. Nobody's name or address is in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from ecosorter.serving.store.database import Database
from ecosorter.serving.store.tables import Phrase, now

KEPT = 200
"""So many are kept; for a new one, the rarest of the oldest day goes."""

LONGEST = 60
"""How many letters one may have."""


@dataclass(frozen=True, slots=True)
class Sought:
    """A phrase, in how many requests of a day it came, and in which language the page was."""

    day: date
    lang: str
    phrase: str
    count: int


class Phrases:
    """The phrases in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, phrase: str, lang: str) -> bool:
        """Count a phrase. One that may tell about a person is not kept.

        Args:
            phrase: what somebody typed.
            lang: ``"id"`` or ``"en"``.

        Returns:
            Whether it was counted: it has letters, no @ and no long number, and is at most 60 characters long.
        """
        plain = " ".join(phrase.lower().split())
        if (
            not re.search("[a-z]", plain)
            or len(plain) > LONGEST
            or re.search(r"@|://|\d[\d\s-]{4,}|[\x00-\x1f\x7f]", plain)
        ):
            return False
        today = now().date()
        with self._database.writing() as session:
            self._database.lock(session, "phrases")
            row = session.get(Phrase, (today, lang, plain))
            if row is not None:
                row.count += 1
                return True
            if (session.scalar(select(func.count()).select_from(Phrase)) or 0) >= KEPT:
                rarest = select(Phrase).order_by(Phrase.day, Phrase.count, Phrase.phrase).limit(1)
                session.delete(session.scalars(rarest).one())
            session.add(Phrase(day=today, lang=lang, phrase=plain, count=1))
        return True

    def listed(self) -> Sequence[Sought]:
        """Return all, the most frequent first."""
        query = select(Phrase).order_by(Phrase.count.desc(), Phrase.day.desc(), Phrase.phrase)
        with self._database.reading() as session:
            return [Sought(row.day, row.lang, row.phrase, row.count) for row in session.scalars(query)]
