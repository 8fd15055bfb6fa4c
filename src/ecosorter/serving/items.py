"""`/v1/items`: things by name, what to do with one, and all of them for the page."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ecosorter.errors import GuidanceError
from ecosorter.guidance import Dictionary, Found, Guidance
from ecosorter.guidance.packed import packed
from ecosorter.guidance.poster import poster as draw_poster
from ecosorter.serving.assets import ASKED_AGAIN, Asset, make_asset, send
from ecosorter.serving.info import SchemeId, Schemes, UsedSchemes
from ecosorter.serving.problems import Problem, Speak, documented

router = APIRouter(prefix="/v1", tags=["items"])
pages = APIRouter()

ItemId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64, examples=["kotak-susu"])]


class FoundItems(BaseModel):
    """Items, best first."""

    model_config = ConfigDict(frozen=True)

    items: list[Found]


class Dictionaries:
    """The items under each scheme of the service, made when they are first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Dictionary] = {}
        self._packed: dict[tuple[str, str, bool], Asset] = {}

    def of(self, schemes: Schemes, scheme_id: str | None) -> Dictionary:
        """Return the items under a scheme.

        Raises:
            Problem: unknown_scheme.
        """
        scheme = schemes.find(scheme_id)
        if scheme.id not in self._made:
            self._made[scheme.id] = Dictionary(scheme)
        return self._made[scheme.id]

    def packed(self, known: Dictionary, language: Speak, *, collects: bool) -> Asset:
        """Return what the page gets."""
        key = (known.scheme.id, language, collects)
        if key not in self._packed:
            content = packed(known, language) | {"collects": collects}
            body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
            self._packed[key] = make_asset(body, "application/json")
        return self._packed[key]


def _dictionaries(request: Request) -> Dictionaries:
    found: Dictionaries = request.app.state.dictionaries
    return found


UsedDictionaries = Annotated[Dictionaries, Depends(_dictionaries)]


@router.get("/items", summary="Items by name", responses=documented())
def items(
    made: UsedDictionaries,
    known: UsedSchemes,
    speak: Speak,
    q: Annotated[
        str,
        Query(max_length=200, description="What somebody typed; without it, all items.", examples=["kotak susu"]),
    ] = "",
    scheme: SchemeId = None,
    limit: Annotated[int, Query(ge=1, le=50, description="At most so many that fit the phrase.")] = 10,
) -> FoundItems:
    """Return the items that fit a phrase, best first, none where nothing fits; without a phrase all, from A to Z."""
    dictionary = made.of(known, scheme)
    return FoundItems(items=dictionary.find(q, speak, limit) if q.strip() else dictionary.listed(speak))


@router.get("/items/{item}", summary="What to do with one item", responses=documented(404))
def guide_item(
    made: UsedDictionaries,
    known: UsedSchemes,
    speak: Speak,
    item: Annotated[str, Path(max_length=64, description="Id of an item.", examples=["kotak-susu"])],
    scheme: SchemeId = None,
    answer: Annotated[
        str | None, Query(max_length=100, description="Answer to the question of its class.", examples=["basah"])
    ] = None,
) -> Guidance:
    """Return what to do with one item."""
    dictionary = made.of(known, scheme)
    if item not in dictionary.items:
        raise Problem("not_found", 404)
    try:
        return dictionary.guide(item, answer, speak)
    except GuidanceError as error:  # of what can be wrong, only the answer is left
        raise Problem("unknown_answer", 422) from error


@pages.get("/poster", include_in_schema=False)
def poster(
    request: Request, made: UsedDictionaries, known: UsedSchemes, speak: Speak, scheme: SchemeId = None
) -> Response:
    """Send the poster of a scheme, with the page's own address on it."""
    text = draw_poster(made.of(known, scheme), speak, str(request.base_url))
    # The policy of the service allows no style in a document; this one has it, but no script, nothing from elsewhere.
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return Response(
        text, media_type="text/html", headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    )


@router.get("/dictionary", include_in_schema=False)
def dictionary(
    request: Request, made: UsedDictionaries, known: UsedSchemes, speak: Speak, scheme: SchemeId = None
) -> Response:
    """Send the page all items of a scheme in one language, with what to do with each class."""
    collects = request.app.state.phrases
    return send(request, made.packed(made.of(known, scheme), speak, collects=collects), ASKED_AGAIN)
