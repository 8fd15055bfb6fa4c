"""The page: its files out of `web/`, with their words filled in, compressed once, and cacheable.

Everything that is named by its version may be kept for a year; everything else is asked for again and answered with
304 while it has not changed. A change to any file or word changes the version, and so the service worker.
"""

from fastapi import APIRouter, HTTPException, Request, Response

from ecosorter.serving.assets import ASKED_AGAIN, KEPT_FOR_A_YEAR, send
from ecosorter.serving.frontend import Frontend, words
from ecosorter.serving.problems import request_language
from ecosorter.texts import LANGUAGES

router = APIRouter(include_in_schema=False)
_page = Frontend()


@router.get("/")
def start(request: Request) -> Response:
    """Send the page, with its words in the language that the browser asks for."""
    return send(request, _page.filled("index.html", request_language(request.scope)), ASKED_AGAIN)


@router.get("/review")
def review(request: Request) -> Response:
    """Send the page for people who review corrections."""
    return send(request, _page.filled("review.html", request_language(request.scope)), ASKED_AGAIN)


@router.get("/sw.js")
def worker(request: Request) -> Response:
    """Send the service worker."""
    return send(request, _page.filled("sw.js", "id"), ASKED_AGAIN)


@router.get("/offline.js")
def offline(request: Request) -> Response:
    """Send the part of the worker that opens the page; by itself, the worker of browsers that know no modules there."""
    return send(request, _page.filled("offline.js", "id"), ASKED_AGAIN)


@router.get("/manifest.webmanifest")
def manifest(request: Request) -> Response:
    """Send what makes the page installable."""
    return send(request, _page.filled("manifest.webmanifest", request_language(request.scope)), ASKED_AGAIN)


@router.get("/texts/{language}.json")
def page_words(request: Request, language: str) -> Response:
    """Send every word of the page in one language."""
    for known in LANGUAGES:
        if known == language:
            return send(request, words(known), ASKED_AGAIN)
    raise HTTPException(404)


@router.get("/static/{version}/{name:path}")
def static(request: Request, version: str, name: str) -> Response:
    """Send a file of the page. Another version gets the file of this one, but may not keep it."""
    asset = _page.static.get(name)  # a look-up in what was read before: no path of a request is ever opened
    if asset is None:
        raise HTTPException(404)
    return send(request, asset, KEPT_FOR_A_YEAR if version == _page.version else ASKED_AGAIN)
