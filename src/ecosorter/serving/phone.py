"""What a phone downloads to answer by itself: see `parts.py`."""

from fastapi import APIRouter, HTTPException, Request, Response

from ecosorter.serving.assets import ASKED_AGAIN, KEPT_FOR_A_YEAR, make_asset, send, takes
from ecosorter.serving.engine import Engine, UsedEngine
from ecosorter.serving.parts import LIST, Parts, make_parts

router = APIRouter(include_in_schema=False)


class PartsOf:
    """The parts of the bundle in use, made when they are first asked for."""

    def __init__(self) -> None:
        self._made: tuple[str, Parts] | None = None

    def now(self, engine: Engine) -> Parts:
        """Return them; those of a bundle that is no more in use are forgotten."""
        if self._made is None or self._made[0] != engine.info.sha256:
            self._made = engine.info.sha256, make_parts(engine.classifier.bundle)
        return self._made[1]


@router.get(f"/{LIST}")
def parts(request: Request, engine: UsedEngine) -> Response:
    """Send the list of the parts."""
    return send(request, make_asset(request.app.state.parts.now(engine).list, "application/json"), ASKED_AGAIN)


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
