"""Things that are sent as they are: compressed once, and answered with 304 while they have not changed."""

import gzip
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from fastapi import Request, Response

KEPT_FOR_A_YEAR = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"

_WORTH_ZIPPING = ("text/", "application/json", "application/manifest+json", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Asset:
    """Something to send: its bytes as they are and zipped (None where that saves nothing), and what they are."""

    body: bytes
    zipped: bytes | None
    kind: str
    etag: str


def make_asset(body: bytes, kind: str) -> Asset:
    """Compress what is worth it, and name the content.

    Args:
        body: the bytes.
        kind: their media type.
    """
    zipped = gzip.compress(body, 9, mtime=0) if kind.startswith(_WORTH_ZIPPING) else None
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'  # weak: the same for plain and zipped bytes
    return Asset(body, zipped, kind, etag)


def send(request: Request, asset: Asset, keep: str) -> Response:
    """Answer with something, or with 304 where the client has it already.

    Args:
        request: says what the client has and takes.
        asset: what was asked for.
        keep: the Cache-Control.
    """
    headers = {"Cache-Control": keep, "ETag": asset.etag, "Vary": "Accept-Encoding, Accept-Language"}
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    body = asset.body
    if asset.zipped is not None and takes("gzip", request.headers.get("accept-encoding", "")):
        body = asset.zipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=asset.kind, headers=headers)


def takes(coding: Literal["gzip", "br"], accepted: str) -> bool:
    """Whether an Accept-Encoding allows a coding (RFC 9110, 12.5.3): named or by ``*``, and not with a weight of 0."""
    weights: dict[str, float] = {}
    for entry in accepted.lower().split(","):
        name, _, weight = (part.strip() for part in entry.partition(";"))
        with suppress(ValueError):
            weights[name.removeprefix("x-")] = float(weight.removeprefix("q=")) if weight else 1
    return weights.get(coding, weights.get("*", 0)) > 0
