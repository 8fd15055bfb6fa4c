"""`/v1/admin`: the models, their figures, which one answers; and the job that makes the next one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.errors import BundleError
from ecosorter.serving.access import Admin, StoreOf
from ecosorter.serving.logs import log
from ecosorter.serving.problems import Problem, documented
from ecosorter.serving.store import Store
from ecosorter.serving.store.models import Registered
from ecosorter.serving.store.tables import ModelState

_WEAK = 0.3  # share of a class's photos that may be missed before it is weak

router = APIRouter(prefix="/v1/admin", tags=["operation"])


class _Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Measured(_Shown):
    """The figures of one model on some photos, 0..1; the interval is 95 %."""

    photos: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    top2_accuracy: float
    coverage: float = Field(description="Share of the photos that are answered.")
    answered_accuracy: float | None = Field(description="Share of right answers among those.")
    recall: dict[str, float] = Field(description="By class.")


class BeforeAndAfter(_Shown):
    """The model that was in use, and the candidate, on the same photos."""

    before: Measured
    after: Measured


class DoubtfulShown(_Shown):
    """A contributor whose labels fit nobody's, and who was left out."""

    contributor: str
    photos: int
    contradicted: float
    usual: float


class FiguresShown(_Shown):
    """How a candidate did beside the model that was in use when it was made."""

    before: UUID = Field(description="That model.")
    contributors: tuple[int, int] = Field(description="How many taught it, and how many it was measured on.")
    photos: tuple[int, int] = Field(description="The same in photos.")
    difference: dict[str, float] = Field(description="`mean`, `low` and `high` of the accuracy's change.")
    held_out: BeforeAndAfter = Field(description="On contributors from whom neither learnt.")
    bank: BeforeAndAfter = Field(description="On what the first model learnt from.")
    doubtful: list[DoubtfulShown]


class BesideShown(_Shown):
    """What a model said in shadow, for one class that the model in use saw. Means are over its photos."""

    best: str
    photos: int
    agreement: float
    confidence: float
    confidence_in_use: float
    seconds: float


class ModelShown(_Shown):
    """A model of the registry."""

    id: UUID
    name: str
    version: str
    created: datetime
    parent: UUID | None = Field(description="The model that was taught.")
    state: ModelState
    figures: FiguresShown | None
    shadow: list[BesideShown]
    withdrawn: int = Field(description="Photos in it that were withdrawn since.")
    erased: bool = Field(description="Its files are gone for good.")


class ChangeShown(_Shown):
    """A change of a model's state."""

    number: int
    model: UUID
    before: ModelState | None
    after: ModelState
    who: str
    why: str
    at: datetime


class RunShown(_Shown):
    """A run of `ecosorter improve`."""

    started: datetime
    who: str
    finished: datetime | None
    outcome: str = Field(
        description="`candidate`, `missing`, `nothing_new`, `failed`, `killed`, or `running`.", examples=["candidate"]
    )
    missing: dict[str, tuple[int, int]] = Field(description="What there is too little of: how many, how many needed.")
    doubtful: list[DoubtfulShown] = Field(description="Contributors whose labels fit nobody's, and who were left out.")
    model: UUID | None


class AskedShown(_Shown):
    """Answers of a month that were asked about at random: how many were right, with the 95 % interval of that share."""

    month: str = Field(examples=["2026-11"])
    answers: int
    right: int
    low: float
    high: float


class ModelList(_Shown):
    """Everything about the models."""

    models: list[ModelShown]
    changes: list[ChangeShown]
    seen: int = Field(description="Number of the latest change; whoever changes something says it.")
    back: UUID | None = Field(description="The model that was in use before.")
    run: RunShown | None = Field(description="The last run of `ecosorter improve`.")
    in_use: list[AskedShown] = Field(description="How often it is right in use, by month.")
    weak: list[str] = Field(description="The classes that the model in use finds worst, the worst first.")


class Wanted(BaseModel):
    """A new state of a model."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"state": "in_use", "seen": 7}]})

    state: Literal["candidate", "shadow", "in_use", "retired"]
    seen: int = Field(ge=0, le=2**31, description="`seen` of the list that the admin looked at.")
    why: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class Started(BaseModel):
    """It was started."""

    started: Literal[True] = True


@router.get("/models", summary="The models", responses=documented(401, 403, 404, 503))
def models(store: StoreOf, admin: Admin) -> ModelList:  # noqa: ARG001 - it only lets admins in
    """List the models, their figures and states, what changed and who did it."""
    return _list(store)


@router.post("/models/{model}/state", summary="Change a model's state", responses=documented(401, 403, 404, 409, 503))
async def change(request: Request, store: StoreOf, admin: Admin, model: UUID, wanted: Wanted) -> ModelList:
    """Promote a model, put it into shadow, or go back to an earlier one.

    When something has changed since the list with `seen`, nothing is done (409 `changed_meanwhile`): look again. A
    model whose files are damaged is refused (409 `bundle_refused`). All workers and replicas follow within 10 seconds.
    """
    try:
        found = await asyncio.to_thread(
            store.models.change, model, wanted.state, seen=wanted.seen, who=admin.name, why=wanted.why
        )
    except BundleError as error:
        log.error("bundle_refused", extra={"model": str(model), "problem": str(error)})
        raise Problem("bundle_refused", 409) from error
    if found == "unknown":
        raise Problem("not_found", 404)
    if found == "changed":
        raise Problem("changed_meanwhile", 409)
    if not isinstance(found, Registered):
        raise Problem("state_impossible", 409)
    log.info("model_state", extra={"model": found.version, "state": found.state, "who": admin.name})
    await asyncio.to_thread(request.app.state.follower.look)
    return await asyncio.to_thread(_list, store)


@router.post("/improve", status_code=202, summary="Make a candidate", responses=documented(401, 403, 404, 409, 503))
def improve(request: Request, store: StoreOf, admin: Admin) -> Started:
    """Start `ecosorter improve` in a process of its own; the list of models tells what comes of it."""
    if request.app.state.job.running or store.improvements.running():
        raise Problem("improving_already", 409)
    request.app.state.job.start(admin.name)
    return Started()


def _list(store: Store) -> ModelList:
    history, withdrawn, run = store.models.changes(), store.models.withdrawn(), store.improvements.latest()
    return ModelList(
        in_use=[AskedShown.model_validate(each) for each in store.in_use()],
        weak=_weak(store),
        models=[_model(store, each, withdrawn.get(each.id, 0)) for each in store.models.all()],
        changes=[ChangeShown.model_validate(each) for each in history[:100]],
        seen=history[0].number if history else 0,
        back=next(iter(store.models.used_before()), None),
        run=run
        and RunShown(
            started=run.started,
            who=run.who,
            finished=run.finished,
            outcome=run.outcome,
            missing=run.detail.get("missing", {}),
            doubtful=run.detail.get("doubtful", []),
            model=run.model,
        ),
    )


def _weak(store: Store) -> list[str]:
    """Return classes of which the model in use finds less than most, the worst first."""
    weakness = store.models.weakness()
    return sorted((name for name, missed in weakness.items() if missed > _WEAK), key=weakness.__getitem__)[:-4:-1]


def _model(store: Store, model: Registered, withdrawn: int) -> ModelShown:
    return ModelShown(
        id=model.id,
        name=model.name,
        version=model.version,
        created=model.created,
        parent=model.parent,
        state=model.state,
        figures=None if model.figures is None else _figures(dict(model.figures)),
        shadow=_beside(store, model),
        withdrawn=withdrawn,
        erased=not model.files,
    )


def _beside(store: Store, model: Registered) -> Sequence[BesideShown]:
    return [
        BesideShown(
            best=best,
            photos=one.photos,
            agreement=one.agreed / one.photos,
            confidence=one.confidence / one.photos,
            confidence_in_use=one.confidence_in_use / one.photos,
            seconds=one.seconds / one.photos,
        )
        for best, one in store.shadows.of(model.id).items()
    ]


def _figures(figures: dict[str, Any]) -> FiguresShown:
    def pair(name: str) -> dict[str, Any]:
        return {
            side: scores | {"recall": {key: one["recall"] for key, one in scores["per_class"].items() if one["photos"]}}
            for side, scores in figures[name].items()
        }

    return FiguresShown.model_validate(figures | {"held_out": pair("held_out"), "bank": pair("bank")})
