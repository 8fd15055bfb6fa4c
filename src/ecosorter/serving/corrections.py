"""`/v1/corrections`: a person says whether an answer was right, and may leave the photo, or take it back."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, Header, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, Json, StrictBool

from ecosorter.errors import PhotoError
from ecosorter.serving.access import Bearer, ClassesOf, StoreOf
from ecosorter.serving.items import ItemId
from ecosorter.serving.problems import Problem, documented, request_language
from ecosorter.serving.store.corrections import NewCorrection
from ecosorter.serving.store.tables import OTHER
from ecosorter.texts import texts

router = APIRouter(prefix="/v1/corrections", tags=["corrections"])

# No control characters: PostgreSQL keeps no NUL, and nobody wants the others in a list.
ClassId = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=64, examples=["kertas"])]
_Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]


class ModelNamed(BaseModel):
    """The model that gave the answer, as `/v1/classify` said."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    version: _Name


class CorrectionSent(BaseModel):
    """What a person says about one answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "model": {"name": "ecosorter", "version": "2026-01-31-0a1b2c3d"},
                    "best": "kertas",
                    "label": None,
                    "confidence": 0.41,
                    "truth": "kardus",
                    "consent": False,
                    "contributor": "7b1d2c1e-2f50-4c7e-9f8b-0f6f3f9f3a11",
                    "secret": "00" * 32,
                    "lang": "id",
                }
            ]
        },
    )

    model: ModelNamed
    best: ClassId = Field(description="The answer's most probable class.")
    label: ClassId | None = Field(description="The answer's label; null when it was not sure.")
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False)
    truth: ClassId = Field(description=f"What it really is: a class, or `{OTHER}`. The same as `best`: it was right.")
    item: ItemId | None = Field(default=None, description="Id of the item, where the person named one; of that class.")
    asked: StrictBool = Field(default=False, description="As in the answer: it was drawn at random to be asked about.")
    consent: StrictBool = Field(description="To keeping the photo. Without it, no photo may be sent.")
    contributor: UUID = Field(description="Random, made on the device. Only a pseudonym of it is kept.")
    secret: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="32 random bytes in hexadecimal, made on the device; with it the photo can be taken back.",
    )
    lang: Literal["id", "en"]


class Kept(BaseModel):
    """What was kept."""

    model_config = ConfigDict(from_attributes=True, title="CorrectionKept")

    id: UUID
    photo_kept: bool
    created: datetime


_SENT_AGAIN: dict[int | str, Any] = {
    200: {"model": Kept, "description": "The same request came before; nothing has changed."}
}


@router.post("", status_code=201, responses=documented(404, 409, 413, 503, also=_SENT_AGAIN))
def correct(
    request: Request,
    response: Response,
    store: StoreOf,
    classes: ClassesOf,
    key: Annotated[UUID, Header(alias="Idempotency-Key", description="New for every correction; the same on retries.")],
    data: Annotated[Json[CorrectionSent], Form(description="The correction, as JSON.")],
    photo: Annotated[UploadFile | None, File(description="The photo, only with consent.")] = None,
) -> Kept:
    """Say that an answer was right, or what it really is; with consent, the photo may come along.

    Sent again with the same key, it is kept once and answered the same way, so retry as often as needed.
    """
    if photo is not None and not data.consent:
        raise Problem("consent_missing", 422)
    if classes is not None and data.truth not in (*classes, OTHER):
        raise Problem("unknown_class", 422, label=data.truth)
    new = NewCorrection(
        model_name=data.model.name,
        model_version=data.model.version,
        **data.model_dump(exclude={"model"}),
    )
    try:
        receipt = store.corrections.add(key, new, None if photo is None else photo.file.read())
    except PhotoError as error:
        problem = texts("photos", request_language(request.scope))[error.status]
        raise Problem("photo_unusable", 422, problem=problem) from error
    if receipt is None:
        raise Problem("key_reused", 409)
    response.status_code = 201 if receipt.new else 200
    return Kept.model_validate(receipt)


@router.delete("/{correction}/photo", status_code=204, responses=documented(401, 403, 404, 503))
def withdraw(store: StoreOf, correction: UUID, secret: Bearer) -> None:
    """Take back the consent: the photo is deleted, the labels stay. Authorization: Bearer with the secret."""
    outcome = store.corrections.withdraw(correction, secret)
    if outcome == "unknown":
        raise Problem("not_found", 404)
    if outcome == "wrong_secret":
        raise Problem("secret_wrong", 403)
