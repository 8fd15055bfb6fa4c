"""`POST /v1/classify`: photos in, answers out, with what to do with each item."""

import asyncio
import math
import random
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.classifier import Prediction
from ecosorter.guidance import Guidance, Scheme, guide
from ecosorter.preprocess import Box
from ecosorter.serving.engine import Cam, EngineClosed, QueueFull, Seen, UsedEngine
from ecosorter.serving.info import NamedClass, SchemeId, UsedSchemes
from ecosorter.serving.problems import Problem, Speak, documented, problem_words
from ecosorter.serving.settings import Caps
from ecosorter.serving.uploads import read_photos
from ecosorter.texts import Language, class_name, texts

router = APIRouter(prefix="/v1", tags=["classify"])

Certainty = Literal["sure", "likely", "unsure", "no_waste"]

_SURE = 0.9  # an answer at least so probable is called sure; the bundle's threshold decides whether there is one


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class UsedModel(_Model):
    """The model that answered."""

    name: str
    version: str


class Candidate(NamedClass):
    """A class that it may be."""

    probability: float = Field(ge=0, le=1)


class PhotoProblem(_Model):
    """Why a photo could not be used."""

    code: str = Field(examples=["photo_truncated"])
    title: str
    detail: str


class CamShown(_Model):
    """Where in the photo a class is seen."""

    levels: list[list[int]] = Field(description="Rows from the top, 0 (not at all) to 255 (most).")
    box: Box = Field(
        description="The part of the upright photo that the rows cover: left, top, right and bottom, as shares of its "
        "width and height. It is the whole, unless the model looks at the middle only.",
        examples=[[0.125, 0, 0.875, 1]],
    )


class Result(_Model):
    """What came of one photo. Of a photo with a `problem`, everything between `status` and it is empty."""

    name: str = Field(description="The file's name as sent, for display.")
    status: str = Field(description="`ok`, or why the photo could not be used.", examples=["ok"])
    label: str | None = Field(default=None, description="The answer; null for not sure.", examples=["kaca"])
    label_name: str | None = Field(default=None, examples=["Kaca"])
    best: str | None = Field(default=None, description="The most probable class.", examples=["kaca"])
    best_name: str | None = Field(default=None, examples=["Kaca"])
    confidence: float | None = Field(default=None, ge=0, le=1, description="Calibrated probability of `best`.")
    certainty: Certainty | None = None
    certainty_words: str | None = Field(default=None, examples=["Saya yakin."])
    reason: str = Field(default="", description="`confident`, `low_confidence` or `no_waste`.")
    candidates: tuple[Candidate, ...] = Field(default=(), description="Most probable first.")
    probabilities: dict[str, float] = Field(default={}, description="Of every class of the model.")
    guidance: Guidance | None = Field(default=None, description="What to do with the item.")
    cam: CamShown | None = Field(default=None, description="Where `best` is seen; with `cam=true` only.")
    asked: bool = Field(default=False, description="Drawn at random: the person should be asked whether it is right.")
    problem: PhotoProblem | None = None


class Classified(_Model):
    """The answers, in the order of the photos."""

    model: UsedModel
    request_id: str
    results: list[Result]


_FILE = {"type": "string", "format": "binary"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Photos in a form, or one photo as it is. JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"photos": {"type": "array", "items": _FILE, "minItems": 1}},
                    "required": ["photos"],
                    "additionalProperties": False,
                }
            },
            "image/*": {"schema": _FILE},
            "application/octet-stream": {"schema": _FILE},
        },
    }
}


@router.post(
    "/classify",
    summary="Classify photos",
    responses=documented(408, 413, 415, 503, 504),
    openapi_extra=_BODY,
)
async def classify(
    request: Request,
    engine: UsedEngine,
    schemes: UsedSchemes,
    speak: Speak,
    scheme: SchemeId = None,
    cam: Annotated[bool, Query(description="Also tell where in each photo its best class is seen.")] = False,
) -> Classified:
    """Tell of each photo which class it shows, how sure that is, and what to do with the item.

    A photo that cannot be used has its own `status` and `problem`, and does not keep the others from their answers.
    Photos are not kept.
    """
    caps: Caps = request.app.state.caps
    rules = schemes.find(scheme)
    try:
        engine.check_room()  # before the body is read
        uploads = await read_photos(request, caps.photos)
        async with asyncio.timeout(caps.seconds):
            info, seen = await engine.classify([upload.content for upload in uploads], with_cam=cam)
    except QueueFull as error:
        headers = {"Retry-After": str(error.seconds)}
        raise Problem("queue_full", 503, headers=headers, seconds=error.seconds) from error
    except EngineClosed as error:
        raise Problem("not_ready", 503, headers={"Retry-After": "5"}) from error
    except TimeoutError as error:
        raise Problem("took_too_long", 504, seconds=math.ceil(caps.seconds)) from error
    asks: float = request.app.state.ask_share
    results = [
        _result(upload.name, each, rules, speak, asked=random.random() < asks)  # noqa: S311 - a sample
        for upload, each in zip(uploads, seen, strict=True)
    ]
    for result in results:
        answer = "" if result.status != "ok" else result.label or "not_sure"
        request.app.state.metrics.photo(result.status, answer)
    request.state.noted = {"photos": len(results), "model": info.version}
    return Classified(
        model=UsedModel(name=info.name, version=info.version),
        request_id=request.state.request_id,
        results=results,
    )


def _result(name: str, seen: Seen, scheme: Scheme, speak: Language, *, asked: bool) -> Result:
    prediction = seen.prediction
    if prediction.best is None or prediction.confidence is None:
        code = f"photo_{prediction.status}"
        title, detail = problem_words(code, speak, {})
        problem = PhotoProblem(code=code, title=title, detail=detail)
        return Result(name=name, status=prediction.status, problem=problem)
    certainty = _certainty(prediction)
    return Result(
        name=name,
        status="ok",
        label=prediction.label,
        label_name=class_name(prediction.label, speak) if prediction.label else None,
        best=prediction.best,
        best_name=class_name(prediction.best, speak),
        confidence=prediction.confidence,
        certainty=certainty,
        certainty_words=texts("service", speak)[certainty],
        reason=prediction.reason,
        candidates=tuple(
            Candidate(id=label, name=class_name(label, speak), probability=prediction.probabilities[label])
            for label in prediction.candidates
        ),
        probabilities=prediction.probabilities,
        guidance=None if certainty == "no_waste" else guide(_to_guide(prediction), scheme, language=speak),
        asked=asked,
        cam=None if seen.cam is None or seen.cam_box is None else CamShown(levels=_levels(seen.cam), box=seen.cam_box),
    )


def _certainty(prediction: Prediction) -> Certainty:
    if prediction.reason == "no_waste":
        return "no_waste"
    if prediction.label is None or prediction.confidence is None:
        return "unsure"
    return "sure" if prediction.confidence >= _SURE else "likely"


def _to_guide(prediction: Prediction) -> tuple[str, ...]:
    """Return the class to give guidance on, or those that it may be, so that the cautious one can be said."""
    return (prediction.label,) if prediction.label else prediction.candidates


def _levels(cam: Cam) -> list[list[int]]:
    levels: list[list[int]] = (cam.clip(0, 1) * 255).round().astype(int).tolist()
    return levels
