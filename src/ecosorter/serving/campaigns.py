"""Campaigns: which photos the operator asks for. Everybody may know; admins begin and end them."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.serving.access import Admin, ClassesOf, StoreOf
from ecosorter.serving.corrections import ClassId
from ecosorter.serving.info import UsedSchemes
from ecosorter.serving.items import ItemId
from ecosorter.serving.problems import Problem, Speak, documented
from ecosorter.serving.store import Store
from ecosorter.texts import class_name

router = APIRouter(prefix="/v1", tags=["corrections"])

_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


class CampaignShown(BaseModel):
    """A campaign: what photos are needed of, how many, and how many have come."""

    id: int
    label: str
    item: str | None
    name: str = Field(description="Of the item, else of the class.", examples=["Drink carton"])
    wanted: int
    has: int


class CampaignList(BaseModel):
    """The campaigns that run."""

    campaigns: list[CampaignShown]


class CampaignWanted(BaseModel):
    """A new campaign."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"label": "kardus", "item": "kotak-susu", "wanted": 30}]}
    )

    label: ClassId
    item: ItemId | None = Field(default=None, description="Id of an item of that class.")
    wanted: int = Field(ge=1, le=100_000)


@router.get("/campaigns", summary="Photos that are needed", responses=documented(503))
def campaigns(request: Request, schemes: UsedSchemes, speak: Speak) -> CampaignList:
    """List what the operator asks people for; nothing where corrections are not kept."""
    store: Store | None = request.app.state.store
    running = [] if store is None else store.campaigns.running()
    named = {}
    if any(one.item for one in running):
        known = request.app.state.dictionaries.of(schemes, None)
        named = {each.id: each.name for each in known.listed(speak)}
    return CampaignList(
        campaigns=[
            CampaignShown(
                id=one.id,
                label=one.label,
                item=one.item,
                name=named.get(one.item) or class_name(one.label, speak),
                wanted=one.wanted,
                has=one.has,
            )
            for one in running
        ]
    )


@router.post("/admin/campaigns", status_code=204, summary="Ask for photos", responses=documented(401, 403, 404, 503))
def begin(store: StoreOf, admin: Admin, classes: ClassesOf, wanted: CampaignWanted) -> None:
    """Begin a campaign."""
    if classes is not None and wanted.label not in classes:
        raise Problem("unknown_class", 422, label=wanted.label)
    store.campaigns.begin(wanted.label, wanted.wanted, who=admin.name, item=wanted.item)


@router.delete(
    "/admin/campaigns/{campaign}",
    status_code=204,
    summary="Ask no more",
    responses=documented(401, 403, 404, 503),
)
def end(store: StoreOf, admin: Admin, campaign: _Number) -> None:  # noqa: ARG001 - it only lets admins in
    """End a campaign."""
    if not store.campaigns.end(campaign):
        raise Problem("not_found", 404)
