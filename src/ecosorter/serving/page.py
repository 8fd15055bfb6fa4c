"""The page: its files out of `web/`, with their words filled in, compressed once, and cacheable.

Everything that is named by its version may be kept for a year; everything else is asked for again and answered with
304 while it has not changed. A change to any file or word changes the version, and so the service worker.
"""

import hashlib
import html
import json
import mimetypes
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException, Request, Response

from ecosorter.serving.assets import ASKED_AGAIN, KEPT_FOR_A_YEAR, Asset, make_asset, send
from ecosorter.serving.problems import request_language
from ecosorter.texts import LANGUAGES, Language, texts

_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"}
_PAGES = {"index.html": "app.js", "review.html": "review.js", "admin.html": "admin.js"}  # each with its first script
_AT_ROOT = ("sw.js", "offline.js", "manifest.webmanifest")  # a worker's address says what it may serve

router = APIRouter(include_in_schema=False)


@router.get("/")
def start(request: Request) -> Response:
    """Send the page, with its words in the language that the browser asks for."""
    return send(request, _filled("index.html", request_language(request.scope)), ASKED_AGAIN)


@router.get("/review")
def review(request: Request) -> Response:
    """Send the page for people who review corrections."""
    return send(request, _filled("review.html", request_language(request.scope)), ASKED_AGAIN)


@router.get("/admin")
def admin(request: Request) -> Response:
    """Send the page for people who run the service."""
    return send(request, _filled("admin.html", request_language(request.scope)), ASKED_AGAIN)


@router.get("/sw.js")
def worker(request: Request) -> Response:
    """Send the service worker."""
    return send(request, _filled("sw.js", "id"), ASKED_AGAIN)


@router.get("/offline.js")
def offline(request: Request) -> Response:
    """Send the part of the worker that opens the page; by itself, the worker of browsers that know no modules there."""
    return send(request, _filled("offline.js", "id"), ASKED_AGAIN)


@router.get("/manifest.webmanifest")
def manifest(request: Request) -> Response:
    """Send what makes the page installable."""
    return send(request, _filled("manifest.webmanifest", request_language(request.scope)), ASKED_AGAIN)


@router.get("/texts/{language}.json")
def words(request: Request, language: str) -> Response:
    """Send every word of the page in one language."""
    for known in LANGUAGES:
        if known == language:
            return send(request, _words(known), ASKED_AGAIN)
    raise HTTPException(404)


@router.get("/static/{version}/{name:path}")
def static(request: Request, version: str, name: str) -> Response:
    """Send a file of the page. Another version gets the file of this one, but may not keep it."""
    asset = _static().get(name)  # a look-up in what was read before: no path of a request is ever opened
    if asset is None:
        raise HTTPException(404)
    return send(request, asset, KEPT_FOR_A_YEAR if version == _version() else ASKED_AGAIN)


def _asset(name: str, body: bytes) -> Asset:
    ending = name[name.rindex(".") :]
    kind = _TYPES.get(ending) or mimetypes.types_map[ending]
    return make_asset(body, kind)


@cache
def _sources() -> dict[str, bytes]:
    """Read `web/`: content by path, the paths with slashes."""

    def read(folder: Traversable, prefix: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for entry in sorted(folder.iterdir(), key=lambda each: each.name):
            path = prefix + entry.name
            found |= read(entry, f"{path}/") if entry.is_dir() else {path: entry.read_bytes()}
        return found

    return read(files("ecosorter.serving").joinpath("web"), "")


@cache
def _version() -> str:
    """Return what changes with any file and any word."""
    digest = hashlib.sha256()
    for name, body in _sources().items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    for language in LANGUAGES:
        digest.update(_words(language).body)
    return digest.hexdigest()[:12]


@cache
def _static() -> dict[str, Asset]:
    return {name: _asset(name, body) for name, body in _sources().items() if name not in (*_PAGES, *_AT_ROOT)}


@cache
def _words(language: Language) -> Asset:
    return _asset("words.json", json.dumps(texts("page", language), ensure_ascii=False, separators=(",", ":")).encode())


@cache
def _filled(name: str, language: Language) -> Asset:
    """Fill in what a file leaves open: words, addresses, and for the worker the files that it keeps."""
    said = texts("page", language)
    static_at = f"/static/{_version()}"
    scripts = _scripts(_PAGES.get(name, "app.js"))
    preloads = [f'<link rel="modulepreload" href="{static_at}/{script}">' for script in scripts]
    # `crossorigin` only because a preload without it does not fit what `fetch` asks for.
    preloads.append(f'<link rel="preload" as="fetch" href="/texts/{language}.json" crossorigin>')
    kept = ["/", "/manifest.webmanifest", *(f"/texts/{each}.json" for each in LANGUAGES)]
    kept += [f"{static_at}/{each}" for each in (*_scripts("app.js"), "app.css", "icons/mark.svg", "icons/192.png")]
    open_places = {
        "lang": language,
        "static": static_at,
        "version": _version(),
        "description": said["app_description"],
        "preloads": "\n".join(preloads),
        "files": json.dumps(kept),
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: open_places[found[1]], _sources()[name].decode())
    if name in _PAGES:
        # The words stand in the document itself, so that there is something to read before any script has come.
        text = re.sub(r'data-text="(\w+)"([^>]*)></', lambda at: f"{at[0][:-2]}{html.escape(said[at[1]])}</", text)
        text = re.sub(r'data-label="(\w+)"', lambda at: f'{at[0]} aria-label="{html.escape(said[at[1]])}"', text)
    return _asset(name, text.encode())


@cache
def _scripts(first: str) -> tuple[str, ...]:
    """Return a module and all that it imports, so that a browser can ask for them at once and not one after another."""
    found = [first]
    for name in found:  # grows while it is walked
        imported = re.findall(r'from "\./([\w.]+)"', _sources()[name].decode())
        found += [each for each in dict.fromkeys(imported) if each not in found]
    return tuple(found)
