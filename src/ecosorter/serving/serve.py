"""Runs the service with uvicorn: in this process, or in several workers that share one socket."""

import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from ecosorter.classifier import Classifier
from ecosorter.errors import EcoSorterError, ServiceError
from ecosorter.guidance import load_scheme
from ecosorter.photos import ignore_pillow_warnings
from ecosorter.serving.app import create_app
from ecosorter.serving.connections import BACKLOG, Server, at_once, open_files, protocol
from ecosorter.serving.logs import log, log_config
from ecosorter.serving.metrics import SHARED
from ecosorter.serving.settings import Access, Settings
from ecosorter.serving.store import Store


def make_app(settings: Settings) -> FastAPI:
    """Open the store and make the app; the store is closed with the process.

    Raises:
        BundleError, GuidanceError, StoreError: what they stand for cannot be used.
    """
    logging.captureWarnings(capture=True)  # of every library, as lines of the log
    ignore_pillow_warnings()
    schemes = tuple(map(load_scheme, settings.schemes))
    store = (
        Store.open(settings.database, settings.photos_at, two_person=settings.two_person, limits=settings.caps.photo)
        if settings.corrections
        else None
    )
    return create_app(
        settings.model,
        store=store,
        schemes=schemes,
        caps=settings.caps,
        access=settings.access,
        growth=settings.growth,
        threads=settings.threads,
        device=settings.device,
        supervisor=settings.supervisor,
        collect_phrases=settings.collect_phrases,
    )


def serve(settings: Settings, *, host: str, port: int, workers: int = 1, announce: Callable[[list[str]], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests that came in are finished.

    SIGHUP loads the model anew, in every worker; one that does not verify is refused, and the old one goes on.

    Args:
        settings: of the app.
        host: address to listen on; ``0.0.0.0`` or ``::`` for every one.
        port: 0 for a free one.
        workers: processes, at least 1.
        announce: called with the addresses as soon as connections are taken.

    Raises:
        ServiceError: an access setting is wrong, or nobody can listen there.
        BundleError, GuidanceError, StoreError: as `make_app`, before anything is opened to the network.
    """
    _check(settings.access)
    if workers == 1:
        app = make_app(settings)
        with listen(host, port) as taken:
            announce(addresses(taken))
            Server(_config(app, settings)).run(sockets=[taken])
        return
    threads = settings.threads or max(1, (os.cpu_count() or 1) // workers)
    settings = replace(settings, threads=threads, supervisor=os.getpid())
    _try_out(settings)
    with TemporaryDirectory(prefix="ecosorter-metrics-") as folder, listen(host, port) as taken:
        os.environ[SHARED] = folder
        announce(addresses(taken))
        config = _config(partial(_make_app_of_worker, settings), settings, factory=True, workers=workers)
        _Workers(config, [taken], Path(folder)).run()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections.

    Raises:
        ServiceError: the address is taken or not this machine's.
    """
    try:
        (family, *_, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(place[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        raise ServiceError(
            f"Nothing can listen on {host}, port {port} ({error}); take another --host or --port."
        ) from error


def addresses(taken: socket.socket) -> list[str]:
    """Return where people find the service: one address, or two where it listens on every one of the machine's."""
    host, port = taken.getsockname()[:2]
    if not ip_address(host).is_unspecified:
        return [_url(host, port)]
    own = _own_address(taken.family)
    return [_url("127.0.0.1" if taken.family == socket.AF_INET else "::1", port), *([_url(own, port)] if own else [])]


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _own_address(family: int) -> str | None:
    """Return this machine's address in its network, None without one. Nothing is sent."""
    somewhere = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"  # addresses for documentation
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((somewhere, 9))
        except OSError:
            return None
        host: str = probe.getsockname()[0]
        return host


def _check(access: Access) -> None:
    """Raise ServiceError when an entry is not what it should be: it would silently never match."""
    for proxy in access.trusted_proxies:
        try:
            ip_network(proxy)
        except ValueError as error:
            raise ServiceError(f"{proxy!r} is no address or network of a proxy ({error}).") from error
    for origin in access.cors:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}" or not parts.netloc:
            raise ServiceError(f"{origin!r} is no origin; write it as https://example.org, without a path.")


def _config(app: object, settings: Settings, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # a callable: the app, or what makes it
        factory=factory,
        workers=workers,
        http=protocol(settings.caps),  # type: ignore[arg-type]  # makes what the class would
        backlog=at_once(open_files()),
        lifespan="on",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the app has its own list of proxies to trust
        log_config=log_config(),
        timeout_graceful_shutdown=math.ceil(settings.caps.upload_seconds + settings.caps.seconds),
    )


def _try_out(settings: Settings) -> None:
    """Open what the workers will open, so that a mistake shows before there are any."""
    Classifier.load(settings.model, device=settings.device)
    for path in settings.schemes:
        load_scheme(path)
    if settings.corrections:
        Store.open(settings.database, settings.photos_at).close()


def _make_app_of_worker(settings: Settings) -> FastAPI:
    """Make the app; a worker that cannot is started again, and the others go on."""
    try:
        return make_app(settings)
    except EcoSorterError as error:
        log.error("worker_cannot_start", extra={"problem": str(error)})
        sys.exit(1)


class _Worker(Process):
    """A process with our server in it."""

    @property
    def server(self) -> Server:
        """The server of this process."""
        if not isinstance(self._server, Server):
            self._server = Server(self.config)
        return self._server


class _Workers(Multiprocess):
    """uvicorn's supervisor, with two changes: SIGHUP goes to the workers, and only one that has ended is replaced.

    uvicorn starts all workers anew on SIGHUP, which would cut idle connections, and ends a worker that is silent for
    some seconds, as one that starts on a busy machine is.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], metrics: Path) -> None:
        super().__init__(config, sockets)
        self._metrics = metrics

    def init_processes(self) -> None:
        self.processes = [self._started() for _ in range(self.processes_num)]

    def handle_hup(self) -> None:
        for process in self.processes:
            if process.pid and process.process.is_alive():
                os.kill(process.pid, signal.SIGHUP)

    def terminate_all(self) -> None:
        for taken in self.sockets:  # the workers have it, too: when they have let go of it, nobody is let in any more
            taken.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        if self.should_exit.is_set():  # Ctrl+C has reached the workers, too
            return
        for place, process in enumerate(self.processes):
            if not process.process.is_alive():
                log.warning("worker_ended", extra={"worker": process.pid, "exit_code": process.exitcode})
                process.kill()  # closes what connects it
                mark_process_dead(process.pid, str(self._metrics))  # type: ignore[no-untyped-call]
                self.processes[place] = self._started()

    def _started(self) -> Process:
        """Start a worker, which inherits that SIGHUP waits until it listens to it (app.py)."""
        process = _Worker(self.config, self.sockets)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        return process
