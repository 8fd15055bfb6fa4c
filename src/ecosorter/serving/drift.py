"""`/v1/admin/drift`: does what is answered, and what the photos look like, change from week to week?"""

import math
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ecosorter.serving.access import Admin, StoreOf
from ecosorter.serving.problems import documented
from ecosorter.serving.store.answers import Answered
from ecosorter.serving.store.tables import now

router = APIRouter(prefix="/v1/admin", tags=["operation"])

Change = Literal["little", "moderate", "significant"]

_SHOWN = 26  # weeks
_BEFORE = 12  # weeks with which each is compared
_LEAST = 100  # photos: of fewer, chance alone makes the index large


class WeekShown(BaseModel):
    """The answers of a week."""

    week: date = Field(description="Its Monday, in UTC.")
    photos: int
    shares: dict[str, float] = Field(
        description="Of the photos by most probable class, `no_waste` for those that seem to show none; they sum to 1."
    )
    stability_index: float | None = Field(
        description="How much these shares differ from those of the twelve weeks before: the population stability "
        f"index. Null where either has fewer than {_LEAST} photos."
    )
    change: Change | None = Field(description="What that index is usually called: from 0.1 and 0.25 on, a change.")
    distance: float | None = Field(
        description="Mean cosine distance of the photos' features from the nearest photo of the bank, 0..2. Null where "
        "none was measured, as of a model without a bank."
    )
    far: float | None = Field(description="Share of the photos that are near no photo of the bank.")


class Drift(BaseModel):
    """The last weeks in which there were answers, the first one first."""

    weeks: list[WeekShown]


@router.get("/drift", summary="Drift of classes and features", responses=documented(401, 403, 404, 503))
def drift(store: StoreOf, admin: Admin) -> Drift:  # noqa: ARG001 - it only lets admins in
    """Tell how answers and photos change from week to week, over all that this service answers.

    What phones answer by themselves is not known here. A new model answers otherwise, and has another bank: see when
    models changed.
    """
    today = now().date()
    found = store.answers.by_week(today - timedelta(weeks=_SHOWN + _BEFORE - 1))
    shown = [_week(week, found) for week in found if today - week < timedelta(weeks=_SHOWN)]
    return Drift(weeks=shown)


def stability_index(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """Return the population stability index of two counts: the sum over classes of (q - p) ln(q / p).

    p and q are the shares before and after. Below 0.1 the change is called little, below 0.25 moderate, else
    significant, which is a rule of thumb (Yurdakul and Naranjo, Statistical properties of the population stability
    index, Journal of Risk Model Validation; https://econpapers.repec.org/article/rskjourn5/7725371.htm, as read on
    2026-11-27). Half a photo is added to each count, so that a class that one of them lacks does not make it infinite.

    Args:
        before: photos by class.
        after: the same, later.
    """
    classes = {*before, *after}
    total, later = (sum(each.values()) + len(classes) / 2 for each in (before, after))
    index = 0.0
    for name in classes:
        p, q = (before.get(name, 0) + 0.5) / total, (after.get(name, 0) + 0.5) / later
        index += (q - p) * math.log(q / p)
    return index


def _week(week: date, found: Mapping[date, Mapping[str, Answered]]) -> WeekShown:
    counts = {name: one.photos for name, one in found[week].items()}
    before = Counter[str]()
    for earlier, classes in found.items():
        if timedelta(0) < week - earlier <= timedelta(weeks=_BEFORE):
            before.update({name: one.photos for name, one in classes.items()})
    photos = sum(counts.values())
    enough = min(photos, before.total()) >= _LEAST
    index = stability_index(before, counts) if enough else None
    measured = sum((one for one in found[week].values()), Answered())
    return WeekShown(
        week=week,
        photos=photos,
        shares={name: number / photos for name, number in counts.items()},
        stability_index=index,
        change=None if index is None else "little" if index < 0.1 else "moderate" if index < 0.25 else "significant",
        distance=measured.distance / measured.measured if measured.measured else None,
        far=measured.far / measured.measured if measured.measured else None,
    )
