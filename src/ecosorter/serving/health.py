"""For those who run the service: whether it lives, whether it is ready, its figures, and a new model on demand."""

import asyncio
import os
import signal
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from ecosorter.errors import BundleError
from ecosorter.serving.access import Admin
from ecosorter.serving.classify import UsedModel
from ecosorter.serving.engine import Engine, UsedEngine
from ecosorter.serving.following import Follower
from ecosorter.serving.logs import log
from ecosorter.serving.metrics import CONTENT_TYPE, Metrics
from ecosorter.serving.problems import Problem, documented
from ecosorter.serving.store import Store

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    """It is alive, or ready."""

    status: Literal["ok"]


@router.get("/healthz", summary="Is it alive?", responses=documented())
async def healthz() -> Health:
    """Answer as long as the process lives."""
    return Health(status="ok")


@router.get("/readyz", summary="Is it ready?", responses=documented(503))
async def readyz(request: Request, engine: UsedEngine) -> Health:
    """Answer 200 when the model is loaded and the database answers, else 503."""
    store: Store | None = request.app.state.store
    if not engine.ready or (store is not None and not await asyncio.to_thread(store.ready)):
        raise Problem("not_ready", 503, headers={"Retry-After": "5"})
    return Health(status="ok")


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses=documented(also={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}),
)
async def metrics(request: Request) -> Response:
    """Return counters, gauges and histograms; of all workers together where there are several."""
    text = await asyncio.to_thread(request.app.state.metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})


@router.post(
    "/v1/admin/reload",
    summary="Load the model's folder again",
    responses=documented(401, 403, 404, 409, 503),
)
async def reload(
    request: Request,
    engine: UsedEngine,
    admin: Admin,  # noqa: ARG001 - it only lets admins in
) -> UsedModel:
    """Take the new bundle that lies in the model's folder; requests that have begun end with the old one.

    A bundle that does not verify is refused (409), and the old one goes on serving.
    """
    if not await reload_model(engine, request.app.state.metrics, request.app.state.follower):
        raise Problem("bundle_refused", 409)
    if request.app.state.supervisor:  # it passes the signal on to the other workers
        os.kill(request.app.state.supervisor, signal.SIGHUP)
    return UsedModel(name=engine.info.name, version=engine.info.version)


async def reload_model(engine: Engine, metrics: Metrics, follower: Follower | None) -> bool:
    """Load the bundle again and log what came of it; return whether it is in use now.

    Where the registry has a model in use, that is looked at in place of the folder.
    """
    old = engine.info
    if follower is not None and follower.governs:
        await asyncio.to_thread(follower.look)
        return True
    try:
        new = await engine.reload()
    except BundleError as error:
        metrics.reload("refused")
        log.error("bundle_refused", extra={"model": old.version, "problem": str(error)})  # with paths: not for clients
        return False
    metrics.reload("loaded")
    log.info("bundle_loaded", extra={"model": new.version, "before": old.version, "sha256": new.sha256})
    return True
