"""What a phone downloads to answer by itself: see `parts.py`."""

import threading
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request, Response

from ecosorter.bundle import Bundle
from ecosorter.serving.assets import ASKED_AGAIN, KEPT_FOR_A_YEAR, Asset, make_asset, send, takes
from ecosorter.serving.engine import Engine, UsedEngine
from ecosorter.serving.parts import LIST, Piece, make_parts

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is sent of a bundle: the list, and the pieces by path."""

    bundle: Bundle
    list: Asset
    pieces: dict[str, Piece]


class PartsOf:
    """The parts of the bundle in use, made once, when they are first asked for."""

    def __init__(self) -> None:
        self._ready: _Ready | None = None
        self._making = threading.Lock()

    def now(self, engine: Engine) -> _Ready:
        """Return them; those of a bundle that is no more in use are forgotten."""
        bundle = engine.classifier.bundle
        with self._making:  # it takes a second, and many phones ask at once
            if self._ready is None or self._ready.bundle is not bundle:
                made = make_parts(bundle)
                self._ready = _Ready(bundle, make_asset(made.list, "application/json"), made.pieces)
            return self._ready


@router.get(f"/{LIST}")
def parts(request: Request, engine: UsedEngine) -> Response:
    """Send the list of the parts."""
    return send(request, request.app.state.parts.now(engine).list, ASKED_AGAIN)


@router.get("/phone/{name}")
def piece(request: Request, engine: UsedEngine, name: str) -> Response:
    """Send a piece, compressed to those who take Brotli: every browser that knows WebAssembly with SIMD."""
    found = request.app.state.parts.now(engine).pieces.get(f"phone/{name}")
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": KEPT_FOR_A_YEAR, "Vary": "Accept-Encoding"}
    if not takes("br", request.headers.get("accept-encoding", "")):
        return Response(found.content(), media_type=found.kind, headers=headers)
    return Response(found.packed, media_type=found.kind, headers=headers | {"Content-Encoding": "br"})
