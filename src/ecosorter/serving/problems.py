"""Errors over HTTP: RFC 9457 problem documents with a stable code, in the caller's language.

The words stand in `texts/problems.toml`: the title under the code, the detail under ``<code>_detail``.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from ecosorter.errors import StoreError
from ecosorter.serving.logs import log
from ecosorter.texts import Language, texts

MEDIA_TYPE = "application/problem+json"

_OF_STATUS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_many_bytes"}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})[A-Za-z0-9-]*\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


class Problem(HTTPException):
    """A request cannot be answered as asked. It is FastAPI's own kind of exception so that parsers let it through.

    Attributes:
        code: stable name, snake_case; a key of `texts/problems.toml`.
        fields: for the ``{name}`` fields of the words.
        errors: what is wrong with which part of the request, for code ``validation``.
    """

    def __init__(
        self,
        code: str,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
        **fields: object,
    ) -> None:
        super().__init__(status, code, headers)
        self.code = code
        self.fields = fields
        self.errors = errors


class ProblemDocument(BaseModel):
    """What an error looks like (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str = Field(description="A URN made of the code.", examples=["urn:ecosorter:problem:queue_full"])
    title: str = Field(description="What is wrong, in the caller's language.")
    status: int = Field(description="The HTTP status.", examples=[503])
    detail: str = Field(description="What to do about it, in the caller's language.")
    instance: str = Field(description="The path that was asked for.", examples=["/v1/classify"])
    code: str = Field(description="Stable name of the problem.", examples=["queue_full"])
    request_id: str = Field(description="Also in the header X-Request-ID and in the service's log.")
    errors: list[dict[str, str]] | None = Field(
        default=None, description="For code `validation`: `where` in the request, and `what` is wrong there."
    )


def request_language(scope: Scope) -> Language:
    """Return the caller's language: ``?lang=``, else the first of Accept-Language that is known, else Indonesian."""
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("lang", [""])[0]
    if asked in ("id", "en"):
        return "id" if asked == "id" else "en"
    ranges = []
    for place, entry in enumerate(Headers(scope=scope).get("accept-language", "")[:500].split(",")):
        if found := _RANGE.fullmatch(entry):
            ranges.append((-float(found[2] or 1), place, found[1].lower()))
    for weight, _, name in sorted(ranges):
        if weight < 0 and name in ("id", "in", "ms", "en"):
            return "en" if name == "en" else "id"
    return "id"


def _speak(
    request: Request,
    lang: Annotated[  # noqa: ARG001 - declared for the documentation and the check; `request_language` reads it
        Language | None, Query(description="Language of the words; else Accept-Language decides, else Indonesian.")
    ] = None,
) -> Language:
    return request_language(request.scope)


Speak = Annotated[Language, Depends(_speak)]
"""A route's parameter of this type gets the caller's language, and documents `lang`."""


def problem_words(code: str, language: Language, fields: Mapping[str, object]) -> tuple[str, str]:
    """Return title and detail. The codes ``photo_<status>`` of bad photos take theirs from `texts/photos.toml`."""
    words = texts("problems", language)
    statuses = texts("photos", language)
    if (status := code.removeprefix("photo_")) in statuses and code not in words:
        said = statuses[status]
        return words["photo_unusable"], f"{said[0].upper()}{said[1:]}."
    return words[code].format(**fields), words[f"{code}_detail"].format(**fields)


def problem_response(problem: Problem, scope: Scope) -> JSONResponse:
    """Return the response that tells of a problem. `scope` is the request's."""
    language = request_language(scope)
    request_id = scope.get("state", {}).get("request_id", "")
    title, detail = problem_words(problem.code, language, {"request_id": request_id, **problem.fields})
    document = ProblemDocument(
        type=f"urn:ecosorter:problem:{problem.code}",
        title=title,
        status=problem.status_code,
        detail=detail,
        instance=quote(scope.get("path", "")[:500], safe="/"),
        code=problem.code,
        request_id=request_id,
        errors=problem.errors,
    )
    return JSONResponse(
        document.model_dump(exclude_none=True),
        problem.status_code,
        {**(problem.headers or {}), "Content-Language": language},
        media_type=MEDIA_TYPE,
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Let an app answer every exception that reaches it with a problem document.

    What nobody foresaw is not handled here but in guard.py, outside of everything else.
    """

    async def of_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)  # noqa: S101 - Starlette's type says less than it does
        return problem_response(error, request.scope)

    async def of_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        status = error.status_code
        code = _OF_STATUS.get(status, "internal" if status >= 500 else "bad_request")
        return problem_response(Problem(code, status, headers=error.headers), request.scope)

    async def of_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return problem_response(invalid(error.errors()), request.scope)

    async def of_store(request: Request, error: Exception) -> JSONResponse:
        log.error("store", extra={"problem": str(error)})
        return problem_response(Problem("store_unavailable", 503, headers={"Retry-After": "5"}), request.scope)

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(StoreError, of_store)


def invalid(errors: Any) -> Problem:
    """Return the problem for pydantic's errors; what was sent is not repeated."""
    return Problem(
        "validation",
        422,
        errors=[{"where": ".".join(map(str, error["loc"])), "what": error["msg"]} for error in errors],
    )


def documented(*statuses: int, also: Mapping[Any, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return what a route's `responses` says: that these statuses are problem documents.

    Every route may be asked for too often (429), take in nonsense (400, 422) and fail (500).

    Args:
        statuses: beside those.
        also: other responses, as FastAPI takes them.
    """
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "description": _SAYS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, 400, 422, 429, 500})
    }
    return {**described, **(also or {})}


_SAYS = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    403: "The token is not allowed to do this.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "It does not fit what is there.",
    413: "The body is too large.",
    415: "The body is of a kind that is not taken.",
    422: "A part of the request is wrong.",
    429: "Too many requests from one client; see Retry-After.",
    500: "A fault of the service.",
    503: "The service is busy or not ready; see Retry-After.",
    504: "It took too long.",
}
