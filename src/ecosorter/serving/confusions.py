"""`/v1/admin`: what a model takes for what, and which photos are behind each number."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.serving.access import Admin, StoreOf
from ecosorter.serving.corrections import ClassId
from ecosorter.serving.problems import Problem, documented

router = APIRouter(prefix="/v1/admin", tags=["operation"])

_MOST = 24  # photos at a time

_Contributor = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The pseudonym of a contributor.")]


class CellShown(BaseModel):
    """Photos that show `truth` and in which the model sees `best`."""

    model_config = ConfigDict(from_attributes=True)

    truth: str
    best: str
    photos: int


class CellList(BaseModel):
    """What a model takes for what."""

    cells: list[CellShown]


class PhotoShown(BaseModel):
    """A photo that is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(description="Of the correction: the photo is `/v1/review/{id}/photo`.")
    said: str = Field(description="What the person says it is: a class, or `other`.")
    truth: str | None = Field(description="What reviewers say it is; null while open, and when rejected.")
    best: str = Field(description="What the model sees.")
    contributor: str = Field(description="Pseudonym of the person.")


class PhotoList(BaseModel):
    """Photos that are kept, the latest first."""

    photos: list[PhotoShown]


@router.get("/models/{model}/confusions", summary="What it takes for what", responses=documented(401, 403, 404, 503))
def confusions(store: StoreOf, admin: Admin, model: UUID) -> CellList:  # noqa: ARG001 - it only lets admins in
    """Count a model's answers to reviewed photos that are kept, by what they show and what it sees.

    Those photos that taught it were answered by heads that had not learnt from the same contributor.
    """
    if store.models.get(model) is None:
        raise Problem("not_found", 404)
    return CellList(cells=[CellShown.model_validate(each) for each in store.confusions.of(model)])


@router.get("/models/{model}/photos", summary="Photos of such a cell", responses=documented(401, 403, 404, 503))
def photos(
    store: StoreOf,
    admin: Admin,  # noqa: ARG001 - it only lets admins in
    model: UUID,
    truth: Annotated[ClassId, Query(description="What they show.")],
    best: Annotated[ClassId, Query(description="What the model sees.")],
) -> PhotoList:
    """List photos that show one class and in which a model sees one class, at most 24."""
    if store.models.get(model) is None:
        raise Problem("not_found", 404)
    return _listed(store.confusions.photos(model, truth, best, _MOST))


@router.get(
    "/contributors/{contributor}/photos", summary="Photos of a contributor", responses=documented(401, 403, 404, 503)
)
def photos_of(store: StoreOf, admin: Admin, contributor: _Contributor) -> PhotoList:  # noqa: ARG001 - as above
    """List photos of one contributor, as of one whose labels fit nobody's, at most 24."""
    return _listed(store.confusions.photos_of(contributor, _MOST))


def _listed(found: object) -> PhotoList:
    return PhotoList.model_validate({"photos": found}, from_attributes=True)
