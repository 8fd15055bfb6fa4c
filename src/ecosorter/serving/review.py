"""`/v1/review`: people with a token decide which corrections become training data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.serving.access import ClassesOf, Reviewer, StoreOf, reviewer
from ecosorter.serving.corrections import ClassId
from ecosorter.serving.problems import Problem, documented
from ecosorter.serving.store.tables import Role, State, Verdict
from ecosorter.teaching.novelty import FAR

router = APIRouter(prefix="/v1/review", tags=["review"])


class Me(BaseModel):
    """Whose token it is."""

    model_config = ConfigDict(from_attributes=True, title="Me")

    name: str
    role: Role


class VoteShown(BaseModel):
    """What one reviewer decided; `label` is the class that it amounts to, null for a rejection."""

    model_config = ConfigDict(from_attributes=True, title="Vote")

    reviewer: str
    decision: Verdict
    label: str | None


class ItemShown(BaseModel):
    """A correction in the review."""

    model_config = ConfigDict(from_attributes=True, title="ReviewItem")

    id: UUID
    created: datetime
    best: str = Field(description="The model's most probable class.")
    label: str | None = Field(description="What the model answered; null when it was not sure.")
    truth: str = Field(description="What the person says it is: a class, or `other`.")
    item: str | None = Field(description="Id of the item that the person named, where it was one.")
    confidence: float
    photo: bool
    votes: Sequence[VoteShown]
    state: State
    settled: str | None = Field(description="The class on which the review ended; null while open, and when rejected.")
    novelty: float | None = Field(
        description=f"How new the photo is to the model in use, 0..1; from {FAR} on it is near no photo that the model "
        "knows. Null until it was measured."
    )
    weakness: float | None = Field(
        default=None, description="Share of the photos of `truth` that the model in use does not find, where known."
    )


class Queue(BaseModel):
    """What to look at next, and how many there are in all."""

    items: list[ItemShown]
    left: int


class Decided(BaseModel):
    """A reviewer's decision."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"decision": "relabel", "label": "kardus"}]}
    )

    decision: Verdict
    label: ClassId | None = Field(default=None, description="The class, for `relabel`; else it is not looked at.")


@router.get("/me", responses=documented(401, 404, 503))
def me(person: Reviewer) -> Me:
    """Say whose token it is."""
    return Me.model_validate(person)


@router.get("/queue", responses=documented(401, 404, 503))
def queue(
    store: StoreOf,
    person: Reviewer,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Queue:
    """List what this reviewer should look at next.

    First what reviewers disagree on, then where person and model differ; within each, what would teach the model most:
    photos that it was unsure of, that are new to it, and of classes that it often misses.
    """
    weakness = store.models.weakness()
    items, left = store.reviews.queue(person.name, limit, weakness)
    shown = [ItemShown.model_validate(item) for item in items]
    return Queue(items=[item.model_copy(update={"weakness": weakness.get(item.truth)}) for item in shown], left=left)


@router.get(
    "/{correction}/photo",
    dependencies=[Depends(reviewer)],
    response_class=Response,
    responses=documented(401, 404, 503, also={200: {"content": {"image/jpeg": {}}, "description": "The photo."}}),
)
def photo(store: StoreOf, correction: UUID) -> Response:
    """Return the photo of a correction."""
    jpeg = store.reviews.photo(correction)
    if jpeg is None:
        raise Problem("not_found", 404)
    # A copy in a cache would outlive the withdrawal of the consent.
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.post("/{correction}", responses=documented(401, 404, 409, 503))
def decide(store: StoreOf, classes: ClassesOf, person: Reviewer, correction: UUID, decided: Decided) -> ItemShown:
    """Decide on a correction; sent again, it replaces one's own decision."""
    if decided.decision == "relabel":
        if decided.label is None:
            raise Problem("label_missing", 422)
        if classes is not None and decided.label not in classes:
            raise Problem("unknown_class", 422, label=decided.label)
    item = store.reviews.decide(correction, person.name, decided.decision, decided.label)
    if item == "unknown":
        raise Problem("not_found", 404)
    if item == "settled":
        raise Problem("already_settled", 409)
    return ItemShown.model_validate(item)
