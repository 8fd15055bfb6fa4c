"""What the service knows: classes, schemes, guidance, and the model itself."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ecosorter import guidance
from ecosorter.bundle import DataSource
from ecosorter.errors import GuidanceError
from ecosorter.guidance import BinWords, Guidance, Scheme, Source, bin_words
from ecosorter.serving.engine import UsedEngine
from ecosorter.serving.problems import Problem, Speak, documented
from ecosorter.texts import Language, class_name

router = APIRouter(prefix="/v1", tags=["information"])

DEFAULT_SCHEME = "permen-pu-2013"
"""The scheme that answers where nobody chose one and no own one was given."""

SchemeId = Annotated[
    str | None,
    Query(max_length=100, description="Whose rules; the service's default where not given.", examples=["jakarta-2020"]),
]
_ClassId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class Schemes:
    """The schemes of the service: the operator's own before those of the package."""

    by_id: dict[str, Scheme]
    default: str

    @classmethod
    def with_own(cls, own: tuple[Scheme, ...]) -> "Schemes":
        """Put an operator's schemes before the package's; the first of them becomes the default."""
        by_id = {scheme.id: scheme for scheme in own}
        for scheme in guidance.schemes():
            by_id.setdefault(scheme.id, scheme)
        return cls(by_id, own[0].id if own else DEFAULT_SCHEME)

    def find(self, scheme_id: str | None) -> Scheme:
        """Return a scheme, the default one for None.

        Raises:
            Problem: unknown_scheme.
        """
        chosen = self.by_id.get(self.default if scheme_id is None else scheme_id)
        if chosen is None:
            raise Problem("unknown_scheme", 422, known=", ".join(self.by_id))
        return chosen


def _schemes(request: Request) -> Schemes:
    return Schemes.with_own(request.app.state.schemes)


UsedSchemes = Annotated[Schemes, Depends(_schemes)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class NamedClass(_Model):
    """A class and its display name."""

    id: str = Field(examples=["kaca"])
    name: str = Field(examples=["Kaca"])


class ClassList(_Model):
    """The classes of the model in use."""

    classes: list[NamedClass]


class SchemeWords(_Model):
    """A scheme in one language."""

    id: str
    name: str
    place: str
    checked: datetime.date = Field(description="When it was last compared with its sources.")
    note: str = Field(description="What could not be checked, and where sources differ.")
    sources: tuple[Source, ...]
    bins: tuple[BinWords, ...]


class SchemeList(_Model):
    """The schemes, and which of them answers where none is asked for."""

    default: str = Field(examples=[DEFAULT_SCHEME])
    schemes: list[SchemeWords]


class ModelInfo(_Model):
    """What the bundle in use says of itself."""

    name: str
    version: str
    created: str = Field(examples=["2026-01-31T12:00:00+00:00"])
    classes: tuple[str, ...]
    metrics: dict[str, Any] = Field(description="How it was measured.")
    data: list[DataSource] = Field(description="What it learnt from.")


@router.get("/classes", summary="Classes of the model", responses=documented(503))
async def classes(engine: UsedEngine, speak: Speak) -> ClassList:
    """Return the classes of the model in use, in its order."""
    return class_list(engine.info.classes, speak)


@router.get("/schemes", summary="Sorting schemes", responses=documented())
async def schemes(known: UsedSchemes, speak: Speak) -> SchemeList:
    """Return who sorts how: the schemes with their bins."""
    return scheme_list(known, speak)


@router.get("/guidance", summary="What to do with an item", responses=documented())
async def guide(
    known: UsedSchemes,
    speak: Speak,
    candidates: Annotated[
        list[_ClassId],
        Query(
            min_length=1, max_length=50, description="A class, or several, the likeliest first.", examples=[["kaca"]]
        ),
    ],
    scheme: SchemeId = None,
    answer: Annotated[
        str | None, Query(max_length=100, description="Answer to the follow-up question.", examples=["pecah"])
    ] = None,
) -> Guidance:
    """Return what to do with an item of a class, or with one that may be of several."""
    rules = known.find(scheme)
    try:
        return guidance.guide(candidates, rules, answer, speak)
    except GuidanceError as error:  # of what can be wrong, only the answer is left
        raise Problem("unknown_answer", 422) from error


@router.get("/model", summary="The model", responses=documented(503))
async def model(engine: UsedEngine) -> ModelInfo:
    """Return what the model in use is, what it learnt from and how it was measured."""
    info = engine.info
    return ModelInfo(
        name=info.name,
        version=info.version,
        created=info.created,
        classes=info.classes,
        metrics=info.metrics,
        data=info.data,
    )


def class_list(classes: Iterable[str], language: Language) -> ClassList:
    """Return classes with their names in a language."""
    return ClassList(classes=[NamedClass(id=label, name=class_name(label, language)) for label in classes])


def scheme_list(known: Schemes, language: Language) -> SchemeList:
    """Return schemes in a language."""
    return SchemeList(default=known.default, schemes=[_in_words(each, language) for each in known.by_id.values()])


def _in_words(scheme: Scheme, language: Language) -> SchemeWords:
    return SchemeWords(
        id=scheme.id,
        name=scheme.name.said(language),
        place=scheme.place.said(language),
        checked=scheme.checked,
        note=scheme.note.said(language) if scheme.note else "",
        sources=scheme.sources,
        bins=tuple(bin_words(bin_id, bin_, language) for bin_id, bin_ in scheme.bins.items()),
    )
