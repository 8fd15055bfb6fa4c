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
from ecosorter.serving.policy import HEADERS, HEADERS_OF_ALL, content_policy
from ecosorter.serving.problems import Problem, problem_response
from ecosorter.serving.settings import Access, Caps

_HEADERS = {"Content-Security-Policy": content_policy(), **HEADERS}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
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
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope  # its answer without the body
        asked.setdefault("state", {})["request_id"] = exchange.request_id

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope, exchange.request_id)
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        async def capped_receive() -> Message:
            return await self._receive(exchange, receive)

        try:
            self._let_in(scope)
            await self._app(asked, capped_receive, counted_send)
        except ClientDisconnect:
            exchange.status = _CLIENT_GONE
        except Exception as error:
            if not isinstance(error, Problem):
                log.exception("fault", extra={"request_id": exchange.request_id})
            if exchange.status:
                raise  # the response has begun: all that is left is to cut the connection
            problem = error if isinstance(error, Problem) else Problem("internal", 500)
            await problem_response(problem, asked)(asked, receive, counted_send)
        finally:
            self._room.held -= exchange.bytes_in
            self._note(asked, scope["method"], exchange)

    def _let_in(self, scope: Scope) -> None:
        """Refuse a request by its head.

        Raises:
            Problem: rate_limited, body_encoded, too_many_bytes.
        """
        headers = Headers(scope=scope)
        if scope["path"].startswith("/v1/") and (wait := self._limit.wait(_client(scope), time.monotonic())):
            seconds = math.ceil(wait)
            raise Problem("rate_limited", 429, headers={"Retry-After": str(seconds)}, seconds=seconds)
        if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
            raise Problem("body_encoded", 415, headers={"Accept-Encoding": "identity"})
        declared = headers.get("content-length", "0")
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
            due = exchange.start + self._caps.upload_seconds + exchange.bytes_in / self._caps.upload_rate
            async with asyncio.timeout_at(due):
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

    def _note(self, scope: Scope, method: str, exchange: _Exchange) -> None:
        """Write the log's line, and count."""
        seconds = time.monotonic() - exchange.start
        route = getattr(scope.get("route"), "path", "other")
        status = exchange.status or _CLIENT_GONE
        self._metrics.request(method, route, status, seconds)
        noted: dict[str, Any] = {
            "request_id": exchange.request_id,
            "method": method[:20],
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


class PlainAddresses:
    """A middleware: clients that speak IPv4 have an IPv4 address, also on a socket that takes both.

    It stands before whatever looks at addresses: trusted proxies are named as they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if client := scope.get("client"):
            scope["client"] = (_plain(client[0]), client[1])
        await self._app(scope, receive, send)


def _client(scope: Scope) -> str:
    """Return who is to be counted: an address; of IPv6 the /64, which one household has to itself."""
    host = _plain((scope.get("client") or ("",))[0])
    try:
        return str(ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False))
    except ValueError:
        return host[:64]  # IPv4, or no address


def _plain(host: str) -> str:
    """Return an address as its client would write it: the IPv4 one that is inside an IPv6 one, if there is."""
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    return str(_ipv4_inside(address) or address)


def _ipv4_inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for: mapped, of 6to4, or of NAT64 (RFC 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _add_headers(headers: MutableHeaders, scope: Scope, request_id: str) -> None:
    if "immutable" not in headers.get("Cache-Control", ""):  # else a copy would be told as the answer to this request
        headers["X-Request-ID"] = request_id
    # What a document loads needs no more, and there are some fifty such files; a worker alone starts by itself.
    is_part = scope["path"].startswith("/static/") and not scope["path"].endswith("worker.js")
    for name, value in (HEADERS_OF_ALL if is_part else _HEADERS).items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if scope["path"].startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")
