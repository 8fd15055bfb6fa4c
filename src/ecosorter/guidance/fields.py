"""What every data file of the guidance is made of: texts in both languages, ids, dates, sources."""

import datetime
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ecosorter.texts import Language

_PRICE = re.compile(r"\b(rp|idr)\b\.?\s*\d", re.IGNORECASE)


def _no_price(text: str) -> str:
    if _PRICE.search(text):
        raise ValueError("a price stands here. Prices change and this file does not: leave it out")
    return text


def _iso_date(text: str) -> str:
    """Check a date of reduced precision (ISO 8601): often only the year of a rule is known."""
    try:
        datetime.date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    except ValueError as error:
        raise ValueError("write a date as 2026, 2026-01 or 2026-01-31") from error
    return text


def _one_line(text: object) -> object:
    return " ".join(text.split()) if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_one_line), Field(min_length=1), AfterValidator(_no_price)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
IsoDate = Annotated[str, Field(pattern=r"^\d{4}(-\d{2}){0,2}$"), AfterValidator(_iso_date)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]


class Data(BaseModel):
    """Unchangeable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(Data):
    """One text in both languages."""

    id: Text
    en: Text

    def said(self, language: Language) -> str:
        """Return the text in one of them."""
        return self.id if language == "id" else self.en


class Source(Data):
    """Where something was read. `date` is of the rule or the page: a year, a month or a day, where it is known."""

    title: Text
    url: Url | None = None
    date: IsoDate | None = None
