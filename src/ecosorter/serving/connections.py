"""What stands before the first route: connections. None may wait without an end, and all together are capped.

uvicorn's `limit_concurrency` answers 503 to requests; it neither closes a connection nor counts one whose head never
comes, and asyncio takes in more than there are files for. Hence a protocol of our own around uvicorn's.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from socket import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ecosorter.serving.problems import Problem, problem_response
from ecosorter.serving.settings import Caps

BACKLOG = 2048
"""Connections that the system holds until a worker takes them."""

_OTHERS = 64  # files that are no connections: database, photos, model, log
_MOST_AT_ONCE = 128  # connections that asyncio takes in before it looks at them
_LAST_CALL = 1.0  # seconds in which a request that was on its way when the service stopped may still come

log = logging.getLogger("ecosorter.serving.connections")


@dataclass(slots=True)
class Door:
    """What the connections of a process have in common.

    Attributes:
        most: connections at a time.
        head_seconds: from the connection, or the first byte of a further request, to the end of the head.
        send_seconds: for the client to read an answer.
        waiting: connections without a request, those that have been so for longest first, and their alarms.
    """

    most: int
    head_seconds: float
    send_seconds: float
    waiting: "dict[Connection, asyncio.TimerHandle]" = field(default_factory=dict)


def at_once(files: int | None) -> int:
    """Return how many connections asyncio may take in at a time, where a process may have so many files open."""
    return _MOST_AT_ONCE if files is None else max(8, min(_MOST_AT_ONCE, files // 16))


def door_of(caps: Caps, files: int | None) -> Door:
    """Make a door whose connections leave files for everything else, and for what asyncio takes in unseen.

    Args:
        caps: `connections` is the most, however many files there may be.
        files: that a process may have open; None for no limit.
    """
    room = caps.connections if files is None else max(8, files - _OTHERS - 4 * at_once(files))
    return Door(min(caps.connections, room), caps.head_seconds, caps.upload_seconds)


def open_files() -> int | None:
    """Return how many files this process may have open; None where there is no limit."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def protocol(caps: Caps) -> Callable[..., "Connection"]:
    """Return what uvicorn's setting `http` takes."""
    return partial(Connection, door=door_of(caps, open_files()))


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to every wait. It waits for a request, or answers one."""

    def __init__(self, *args: Any, door: Door, **named: Any) -> None:
        super().__init__(*args, **named)
        self._door = door
        self._begun = True  # whether the time for the head runs already
        self._last = False  # whether the service is stopping
        self._unread: asyncio.TimerHandle | None = None

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a connection in; where there are too many, the one that has waited for longest goes."""
        super().connection_made(transport)
        self._wait(self._door.head_seconds)
        if len(self.connections) > self._door.most:
            oldest = next(iter(self._door.waiting))
            log.warning("too_many_connections", extra={"most": self._door.most})
            if oldest is self:
                self._refuse(Problem("queue_full", 503, headers={"Retry-After": "2"}, seconds=2))
            else:
                oldest._cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._stop_waiting()
        self._set_unread(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a further request has as much time as the first."""
        super().data_received(data)
        if self._answers:
            self._stop_waiting()
            self.cycle.keep_alive = self.cycle.keep_alive and not self._last
        elif not self._begun and not self.transport.is_closing():
            self._begun = True
            self._wait(self._door.head_seconds)

    def on_response_complete(self) -> None:
        """Wait for the next request, and for the client to read this answer."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._set_unread(self._door.send_seconds)
        if not self._answers and not self.transport.is_closing():
            self._begun = False
            self._wait(self._door.head_seconds)

    def pause_writing(self) -> None:
        """Begin to wait for a client that reads more slowly than it is answered."""
        super().pause_writing()
        self._set_unread(self._door.send_seconds)

    def resume_writing(self) -> None:
        """Go on: it has read."""
        super().resume_writing()
        self._set_unread(None)

    def shutdown(self) -> None:
        """Finish the request; take one that is on its way."""
        self._last = True
        if self._answers:
            super().shutdown()
        else:
            self._begun = True
            self._wait(_LAST_CALL)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words; ours are in the problem
        """Say that this is no HTTP, as everything else is said."""
        if self._answers and self.cycle.response_started:
            self.transport.close()
        else:
            self._refuse(Problem("bad_request", 400))

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._door.waiting[self] = self.loop.call_later(seconds, self._head_is_late)

    def _stop_waiting(self) -> None:
        if alarm := self._door.waiting.pop(self, None):
            alarm.cancel()

    def _head_is_late(self) -> None:
        if self._last or not self.conn.trailing_data[0]:  # nothing was asked, so nothing can be answered
            self._cut()
        else:
            log.info("head_too_slow")
            self._refuse(Problem("head_too_slow", 408))

    def _set_unread(self, seconds: float | None) -> None:
        if self._unread:
            self._unread.cancel()
        self._unread = None if seconds is None else self.loop.call_later(seconds, self._check_unread)

    def _check_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            log.info("answer_not_read")
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Answer without a request, and close."""
        self._stop_waiting()
        response = problem_response(problem, {"type": "http", "headers": [], "query_string": b"", "path": ""})
        head = f"HTTP/1.1 {problem.status_code} {HTTPStatus(problem.status_code).phrase}".encode()
        headers = [b": ".join(pair) for pair in (*response.raw_headers, (b"connection", b"close"))]
        self.transport.write(b"\r\n".join((head, *headers, b"", bytes(response.body))))
        self.transport.close()
        self._set_unread(_LAST_CALL)

    def _cut(self) -> None:
        self._stop_waiting()
        self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn's server, which lets the system hold many connections for it, and at its end answers those, too."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start; uvicorn asks the system to hold no more connections than asyncio takes in at a time."""
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take in what waits at the door, then stop as uvicorn does."""
        loop = asyncio.get_running_loop()
        make_protocol: Any = self.config.http_protocol_class  # uvicorn's type leaves out what it is called with
        make = partial(
            make_protocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for listening in sockets or []:
            for _ in range(self.config.backlog):
                try:
                    taken, _ = listening.accept()
                except OSError:  # nobody is left
                    break
                taken.setblocking(False)
                await loop.connect_accepted_socket(make, taken)
        await super().shutdown(sockets)
