"""The page: its files out of `web/`, with their words filled in, compressed once, and cacheable.

Everything that is named by its version may be kept for a year; everything else is asked for again and answered with
304 while it has not changed. A change to any file or word changes the version, and so the service worker.
"""

import gzip
import hashlib
import html
import json
import mimetypes
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException, Request, Response

from ecosorter.serving.problems import request_language
from ecosorter.texts import LANGUAGES, Language, texts

_KEPT_FOR_A_YEAR = "public, max-age=31536000, immutable"
_ASKED_AGAIN = "no-cache"
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"}
_WORTH_ZIPPING = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_PAGES = ("index.html", "review.html")
_AT_ROOT = ("sw.js", "offline.js", "manifest.webmanifest")  # a worker's address says what it may serve

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Asset:
    """Something to send: its bytes as they are and zipped (None where that saves nothing), and what they are."""

    body: bytes
    zipped: bytes | None
    kind: str
    etag: str


@router.get("/")
def start(request: Request) -> Response:
    """Send the page, with its words in the language that the browser asks for."""
    return _send(request, _filled("index.html", request_language(request.scope)), _ASKED_AGAIN)


@router.get("/review")
def review(request: Request) -> Response:
    """Send the page for people who review corrections."""
    return _send(request, _filled("review.html", request_language(request.scope)), _ASKED_AGAIN)


@router.get("/sw.js")
def worker(request: Request) -> Response:
    """Send the service worker."""
    return _send(request, _filled("sw.js", "id"), _ASKED_AGAIN)


@router.get("/offline.js")
def offline(request: Request) -> Response:
    """Send the part of the worker that opens the page; by itself, the worker of browsers that know no modules there."""
    return _send(request, _filled("offline.js", "id"), _ASKED_AGAIN)


@router.get("/manifest.webmanifest")
def manifest(request: Request) -> Response:
    """Send what makes the page installable."""
    return _send(request, _filled("manifest.webmanifest", request_language(request.scope)), _ASKED_AGAIN)


@router.get("/texts/{language}.json")
def words(request: Request, language: str) -> Response:
    """Send every word of the page in one language."""
    for known in LANGUAGES:
        if known == language:
            return _send(request, _words(known), _ASKED_AGAIN)
    raise HTTPException(404)


@router.get("/static/{version}/{name:path}")
def static(request: Request, version: str, name: str) -> Response:
    """Send a file of the page. Another version gets the file of this one, but may not keep it."""
    asset = _static().get(name)  # a look-up in what was read before: no path of a request is ever opened
    if asset is None:
        raise HTTPException(404)
    return _send(request, asset, _KEPT_FOR_A_YEAR if version == _version() else _ASKED_AGAIN)


def _send(request: Request, asset: _Asset, keep: str) -> Response:
    headers = {"Cache-Control": keep, "ETag": asset.etag, "Vary": "Accept-Encoding, Accept-Language"}
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    body = asset.body
    if asset.zipped is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
        body = asset.zipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=asset.kind, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding allows gzip (RFC 9110, 12.5.3): named or by ``*``, and not with a weight of 0."""
    weights: dict[str, float] = {}
    for entry in accepted.lower().split(","):
        name, _, weight = (part.strip() for part in entry.partition(";"))
        with suppress(ValueError):
            weights[name] = float(weight.removeprefix("q=")) if weight else 1
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0))) > 0


def _asset(name: str, body: bytes) -> _Asset:
    ending = name[name.rindex(".") :]
    kind = _TYPES.get(ending) or mimetypes.types_map[ending]
    zipped = gzip.compress(body, 9, mtime=0) if kind.startswith(_WORTH_ZIPPING) else None
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'  # weak: the same for plain and zipped bytes
    return _Asset(body, zipped, kind, etag)


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
def _static() -> dict[str, _Asset]:
    return {name: _asset(name, body) for name, body in _sources().items() if name not in (*_PAGES, *_AT_ROOT)}


@cache
def _words(language: Language) -> _Asset:
    return _asset("words.json", json.dumps(texts("page", language), ensure_ascii=False, separators=(",", ":")).encode())


@cache
def _filled(name: str, language: Language) -> _Asset:
    """Fill in what a file leaves open: words, addresses, and for the worker the files that it keeps."""
    said = texts("page", language)
    static_at = f"/static/{_version()}"
    scripts = _scripts("app.js" if name != "review.html" else "review.js")
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
