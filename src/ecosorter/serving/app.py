"""The service put together: routes, what stands before them, and the life of the engine."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ecosorter import __version__
from ecosorter.classifier import Classifier
from ecosorter.guidance import Scheme
from ecosorter.serving import (
    admin,
    campaigns,
    classify,
    confusions,
    corrections,
    drift,
    health,
    info,
    items,
    page,
    phone,
    phrases,
    review,
)
from ecosorter.serving.engine import Engine
from ecosorter.serving.following import Follower
from ecosorter.serving.guard import Guard, PlainAddresses
from ecosorter.serving.health import reload_model
from ecosorter.serving.job import Job
from ecosorter.serving.metrics import Metrics
from ecosorter.serving.problems import ProblemDocument, add_problem_handlers
from ecosorter.serving.settings import Access, Caps, Growth
from ecosorter.serving.store import Store
from ecosorter.session import Device


def create_app(
    model: Path | None,
    *,
    store: Store | None = None,
    schemes: Sequence[Scheme] = (),
    caps: Caps = Caps(),  # noqa: B008
    access: Access = Access(),  # noqa: B008
    growth: Growth = Growth(),  # noqa: B008
    threads: int | None = None,
    device: Device = "auto",
    supervisor: int | None = None,
    collect_phrases: bool = False,
) -> FastAPI:
    """Make the service: load the model, start its threads. While it runs, SIGHUP loads the model anew.

    Args:
        model: folder of a bundle, None for the one that comes with the package.
        store: of corrections, reviews and tokens; None to do without. Whoever opened it closes it.
        schemes: somebody's own, beside those of the package; the first becomes the default.
        caps: what one process takes.
        access: who may come in.
        growth: how it gets its next models. A model that the store's registry has in use answers in place of `model`.
        threads: for the model, and as many for decoding; None for one a core.
        device: what the model computes on.
        collect_phrases: count phrases for which no item was found; the page says so then.
        supervisor: process that passes a SIGHUP on to all workers, where there are several.

    Returns:
        The app. `app.state` has what was given, and `engine`, `follower` and `metrics`.

    Raises:
        BundleError: the model cannot be used.
    """
    metrics = Metrics()

    def load(folder: Path) -> Classifier:
        return Classifier.load(folder, limits=caps.photo, threads=threads, device=device)

    engine = Engine.open(
        model,
        limits=caps.photo,
        queue=caps.queue,
        batch=caps.batch,
        threads=threads,
        device=device,
        watch=metrics,
    )

    job = None if store is None else Job(store, model)
    follower = None if store is None or job is None else Follower(engine, store, load, metrics, job, growth)
    if follower is not None:
        follower.start()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = None if follower is None else asyncio.create_task(follower.run())
        with _on_hangup(engine, metrics, follower):
            yield
        if following is not None:
            following.cancel()
        await engine.close()

    app = FastAPI(
        title="EcoSorter",
        version=__version__,
        summary="Which bin does it belong in? Photos in, one of a model's classes or “not sure” out.",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.engine, app.state.store, app.state.metrics = engine, store, metrics
    app.state.follower, app.state.job = follower, job
    app.state.ask_share = 0.0 if store is None else growth.ask_share
    app.state.caps, app.state.schemes, app.state.supervisor = caps, tuple(schemes), supervisor
    app.state.phrases, app.state.dictionaries = collect_phrases and store is not None, items.Dictionaries()
    app.state.parts = phone.PartsOf()
    add_problem_handlers(app)
    staff = (review, campaigns, admin, drift, confusions)
    for part in (classify, info, items, corrections, phrases, *staff, health, page, phone):
        app.include_router(part.router)
    app.include_router(items.pages)
    app.add_middleware(Guard, caps=caps, access=access, metrics=metrics)  # the last one added is the outermost
    if access.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    if access.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(access.trusted_proxies))
    app.add_middleware(PlainAddresses)
    _describe_problems(app)
    return app


@contextmanager
def _on_hangup(engine: Engine, metrics: Metrics, follower: Follower | None) -> Iterator[None]:
    """Load the model anew whenever the process gets SIGHUP; only a process's main thread can listen to signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[bool]]()

    def start() -> None:
        task = loop.create_task(reload_model(engine, metrics, follower))
        tasks.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, start)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # a worker starts with it blocked (serve.py)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _describe_problems(app: FastAPI) -> None:
    """Put the schema that every route's errors refer to into the app's OpenAPI document."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
