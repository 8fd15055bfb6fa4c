"""`/v1/phrases`: what the page's search found nothing for, where an operator wants to know. Off by default."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.serving.access import StoreOf, reviewer
from ecosorter.serving.problems import Problem, documented
from ecosorter.serving.store.phrases import LONGEST

router = APIRouter(prefix="/v1", tags=["items"])


class PhraseSent(BaseModel):
    """A phrase for which nothing was found. Nothing else is taken with it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"phrase": "gagang pintu", "lang": "id"}]}
    )

    phrase: Annotated[str, Field(min_length=2, max_length=LONGEST, pattern=r"^[^\x00-\x1f\x7f]+$")]
    lang: Literal["id", "en"]


class PhraseCounted(BaseModel):
    """A phrase, and how often it came on a day."""

    model_config = ConfigDict(from_attributes=True, title="Phrase")

    day: date
    lang: str
    phrase: str
    count: int


class PhraseList(BaseModel):
    """What was looked for in vain, the most frequent first."""

    phrases: list[PhraseCounted]


def _wanted(request: Request) -> None:
    """Refuse a phrase where the operator did not ask for any.

    Raises:
        Problem: not_found.
    """
    if not request.app.state.phrases:
        raise Problem("not_found", 404)


@router.post("/phrases", status_code=204, dependencies=[Depends(_wanted)], responses=documented(404, 503))
def count(store: StoreOf, sent: PhraseSent) -> None:
    """Count a phrase for today. One that looks like an address or a number of somebody is passed over."""
    store.phrases.add(sent.phrase, sent.lang)


@router.get("/review/phrases", dependencies=[Depends(reviewer)], tags=["review"], responses=documented(401, 404, 503))
def phrases(store: StoreOf) -> PhraseList:
    """List phrases for which nothing was found."""
    return PhraseList(phrases=[PhraseCounted.model_validate(each) for each in store.phrases.listed()])
