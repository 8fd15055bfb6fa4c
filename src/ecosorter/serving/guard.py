"""What stands before every route: request id, log, metrics, security headers, rate limit, caps on bodies.

It is plain ASGI, outside of the app's own error handling, so that it also answers for what nobody foresaw.
"""

import asyncio
import ipaddress
import math
import re
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecosorter.serving.logs import log
from ecosorter.serving.metrics import Metrics
from ecosorter.serving.problems import Problem, problem_response
from ecosorter.serving.settings import Access, Caps

_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_CLIENT_GONE = 499  # nginx' number for it; nobody sees it but the log


@dataclass(slots=True)
class RateLimit:
    """A bucket of tokens for each client: `burst` at first, `rate` more a second. In the memory of one process.

    Attributes:
        rate: tokens a second; 0 for no limit.
        burst: what a bucket holds.
        most: clients that are remembered; beyond, whoever was not seen for longest is forgotten.
    """

    rate: float
    burst: int
    most: int = 50_000
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, client: str, now: float) -> float:
        """Take a token at the time `now` (seconds); return 0, or after how many seconds there will be one."""
        if not self.rate:
            return 0
        tokens, seen = self._buckets.pop(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - seen) * self.rate)
        wait = 0 if tokens >= 1 else (1 - tokens) / self.rate
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > self.most:
            self._buckets.popitem(last=False)
        return wait


@dataclass(slots=True)
class Room:
    """How many bytes of bodies the process holds, all requests together."""

    most: int
    held: int = 0


@dataclass(slots=True)
class _Exchange:
    """One request and its response, as far as they have come."""

    request_id: str
    start: float
    bytes_in: int = 0
    body_is_whole: bool = False
    status: int = 0


class Guard:
    """The middleware. `caps` and `access` say what it lets through; `metrics` counts it."""

    def __init__(self, app: ASGIApp, *, caps: Caps, access: Access, metrics: Metrics) -> None:
        self._app, self._caps, self._access, self._metrics = app, caps, access, metrics
        self._limit = RateLimit(access.rate, access.burst)
        self._room = Room(caps.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(_request_id(scope), time.monotonic())
        scope.setdefault("state", {})["request_id"] = exchange.request_id

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope, exchange.request_id)
            await send(message)

        async def capped_receive() -> Message:
            return await self._receive(exchange, receive)

        try:
            self._let_in(scope)
            await self._app(scope, capped_receive, counted_send)
        except ClientDisconnect:
            exchange.status = _CLIENT_GONE
        except Exception as error:
            if not isinstance(error, Problem):
                log.exception("fault", extra={"request_id": exchange.request_id})
            if exchange.status:
                raise  # the response has begun: all that is left is to cut the connection
            problem = error if isinstance(error, Problem) else Problem("internal", 500)
            await problem_response(problem, scope)(scope, receive, counted_send)
        finally:
            self._room.held -= exchange.bytes_in
            self._note(scope, exchange)

    def _let_in(self, scope: Scope) -> None:
        """Refuse a request by its head.

        Raises:
            Problem: rate_limited, too_many_bytes.
        """
        if scope["path"].startswith("/v1/") and (wait := self._limit.wait(_client(scope), time.monotonic())):
            seconds = math.ceil(wait)
            raise Problem("rate_limited", 429, headers={"Retry-After": str(seconds)}, seconds=seconds)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared) > self._caps.body_bytes:
            raise Problem("too_many_bytes", 413)

    async def _receive(self, exchange: _Exchange, receive: Receive) -> Message:
        """Take the next piece of the body, whatever its declared length.

        Raises:
            Problem: upload_too_slow, too_many_bytes; queue_full where all bodies together are too large.
        """
        if exchange.body_is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(exchange.start + self._caps.upload_seconds):
                message = await receive()
        except TimeoutError:
            seconds = math.ceil(self._caps.upload_seconds)
            raise Problem("upload_too_slow", 408, headers={"Connection": "close"}, seconds=seconds) from None
        size = len(message.get("body", b""))
        if exchange.bytes_in + size > self._caps.body_bytes:
            raise Problem("too_many_bytes", 413)
        if self._room.held + size > self._room.most:
            raise Problem("queue_full", 503, headers={"Retry-After": "2"}, seconds=2)
        exchange.bytes_in += size
        self._room.held += size
        exchange.body_is_whole = not message.get("more_body", False)
        return message

    def _note(self, scope: Scope, exchange: _Exchange) -> None:
        """Write the log's line, and count."""
        seconds = time.monotonic() - exchange.start
        route = getattr(scope.get("route"), "path", "other")
        status = exchange.status or _CLIENT_GONE
        self._metrics.request(scope["method"], route, status, seconds)
        noted: dict[str, Any] = {
            "request_id": exchange.request_id,
            "method": scope["method"][:20],
            "path": scope["path"][:200],
            "status": status,
            "seconds": round(seconds, 4),
            "bytes_in": exchange.bytes_in,
            **scope["state"].get("noted", {}),
        }
        if self._access.log_clients:
            noted["client"] = (scope.get("client") or ("",))[0]
        log.info("request", extra=noted)


def _request_id(scope: Scope) -> str:
    """Return the id that a proxy gave to the request if it looks like one, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _client(scope: Scope) -> str:
    """Return who is to be counted: an address; of IPv6 the /64, which one household has to itself."""
    host: str = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _add_headers(headers: MutableHeaders, scope: Scope, request_id: str) -> None:
    headers["X-Request-ID"] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if scope["path"].startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")
