import asyncio
import gzip
import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from ecosorter.errors import ServiceError
from ecosorter.serving.app import create_app
from ecosorter.serving.guard import RateLimit, _client
from ecosorter.serving.logs import JsonLines
from ecosorter.serving.settings import Access, Caps
from ecosorter.serving.store import Store
from tests.serving.live import running
from tests.tiny import photo, tiny_bundle

PHOTO = photo()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("guard") / "bundle").folder


@contextmanager
def service(bundle: Path, *, caps: Caps = Caps(), access: Access = Access(rate=0)) -> Iterator[str]:  # noqa: B008
    with running(create_app(bundle, caps=caps, access=access)) as address:
        yield address


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """Gather the lines of the service's log."""
    lines: list[dict[str, Any]] = []

    class Gather(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines().format(record)))

    handler, log = Gather(), logging.getLogger("ecosorter.serving")
    level = log.level
    log.addHandler(handler)
    log.setLevel("INFO")
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# Rate limit


def test_a_bucket_fills_up_again() -> None:
    limit = RateLimit(rate=2, burst=3)
    assert [limit.wait("a", 0) for _ in range(3)] == [0, 0, 0]
    assert limit.wait("a", 0) == 0.5
    assert limit.wait("b", 0) == 0
    assert limit.wait("a", 0.5) == 0
    assert limit.wait("a", 0.5) > 0
    assert [limit.wait("a", 1000) for _ in range(4)] == [0, 0, 0, 0.5]


def test_no_rate_is_no_limit() -> None:
    limit = RateLimit(rate=0, burst=1)
    assert not any(limit.wait("a", 0) for _ in range(100))


def test_the_memory_of_clients_is_bounded() -> None:
    limit = RateLimit(rate=1, burst=1, most=10)
    for number in range(1000):
        limit.wait(str(number), 0)
    assert len(limit._buckets) == 10
    assert limit.wait("999", 0) > 0


def test_too_many_requests_are_told_when_to_come_back(bundle: Path) -> None:
    with service(bundle, access=Access(rate=0.01, burst=2)) as address:
        assert [httpx.get(f"{address}/v1/classes").status_code for _ in range(2)] == [200, 200]
        refused = httpx.get(f"{address}/v1/classes")
        assert code(refused) == (429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        assert httpx.get(f"{address}/healthz").status_code == 200  # probes are not counted


def clients(address: str, forwarded: list[str]) -> list[int]:
    return [httpx.get(f"{address}/v1/classes", headers={"X-Forwarded-For": each}).status_code for each in forwarded]


def test_behind_a_trusted_proxy_each_client_has_its_own_limit(bundle: Path) -> None:
    access = Access(rate=0.01, burst=1, trusted_proxies=("127.0.0.0/8",))
    with service(bundle, access=access) as address:
        assert clients(address, ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) == [200, 200, 429]
        # What a client puts before the proxy's own entry does not count, and a household's /64 is one client.
        assert clients(address, ["203.0.113.9, 198.51.100.1"]) == [429]
        assert clients(address, ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"]) == [200, 429, 200]
        assert clients(address, ["nonsense" * 100, ""])[0] == 200


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("::FFFF:C633:6401", "198.51.100.1"),
        ("0:0:0:0:0:ffff:198.51.100.1", "198.51.100.1"),
        ("2002:c633:6401::7", "198.51.100.1"),
        ("64:ff9b::198.51.100.1", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:198.51.100.1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
        ("x" * 100, "x" * 64),
    ],
)
def test_clients_are_counted_by_their_own_address(address: str, counted: str) -> None:
    assert _client({"type": "http", "client": (address, 1)}) == counted


def test_ipv4_clients_of_a_socket_for_both_are_told_apart(bundle: Path) -> None:
    access = Access(rate=0.01, burst=1, trusted_proxies=("127.0.0.1",))
    with service(bundle, access=access) as address:
        assert clients(address, ["::ffff:198.51.100.1", "::ffff:198.51.100.2", "198.51.100.1"]) == [200, 200, 429]


def test_a_proxy_is_trusted_by_either_way_to_write_its_address(bundle: Path) -> None:
    async def seen(host: str) -> list[int]:
        app = create_app(bundle, access=Access(rate=0.01, burst=1, trusted_proxies=("192.0.2.0/24",)))
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        for client in (b"198.51.100.1", b"198.51.100.2"):
            scope = {"type": "http", "method": "GET", "path": "/v1/classes", "query_string": b"", "client": (host, 1)}
            await app(scope | {"headers": [(b"x-forwarded-for", client)]}, receive, send)
        await app.state.engine.close()
        return statuses

    assert asyncio.run(seen("192.0.2.7")) == asyncio.run(seen("::ffff:192.0.2.7")) == [200, 200]
    assert asyncio.run(seen("::ffff:192.0.3.7")) == [200, 429]


def test_nobody_else_is_believed(bundle: Path) -> None:
    with service(bundle, access=Access(rate=0.01, burst=1)) as address:
        assert clients(address, ["198.51.100.1", "198.51.100.2"]) == [200, 429]


# Headers


def test_every_response_has_the_security_headers(bundle: Path) -> None:
    with service(bundle) as address:
        for path in ("/healthz", "/v1/classes", "/nothing", "/openapi.json"):
            headers = httpx.get(address + path).headers
            policy = dict(entry.split(" ", 1) for entry in headers["content-security-policy"].split("; "))
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
            assert policy["img-src"] == "'self' blob: data:"
            assert headers["content-security-policy"].count("unsafe") == 1  # that of WebAssembly
            assert "camera=(self)" in headers["permissions-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers
            assert "access-control-allow-origin" not in headers
            assert "strict-transport-security" not in headers


def test_parts_of_a_document_have_what_they_need_and_workers_all(bundle: Path) -> None:
    with service(bundle) as address:
        for path in ("/static/now/app.js", "/static/now/nothing"):
            headers = httpx.get(address + path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "content-security-policy" not in headers
        for path in ("/static/now/phone/worker.js", "/static/now/shrink-worker.js", "/sw.js", "/review"):
            headers = httpx.get(address + path).headers
            assert "wasm-unsafe-eval" in headers["content-security-policy"]
            assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_https_at_the_proxy_is_made_to_last(bundle: Path) -> None:
    with service(bundle, access=Access(trusted_proxies=("127.0.0.1",))) as address:
        headers = httpx.get(f"{address}/healthz", headers={"X-Forwarded-Proto": "https"}).headers
        assert headers["strict-transport-security"].startswith("max-age=")


def test_only_named_origins_may_call(bundle: Path) -> None:
    with service(bundle, access=Access(rate=0.01, burst=1, cors=("https://example.org",))) as address:
        for _ in range(2):  # the second one is a 429, which the page must be able to read, too
            answer = httpx.get(f"{address}/v1/classes", headers={"Origin": "https://example.org"})
            assert answer.headers["access-control-allow-origin"] == "https://example.org"
        other = httpx.get(f"{address}/v1/classes", headers={"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers


def test_the_request_id_is_the_proxys_or_a_new_one(bundle: Path) -> None:
    with service(bundle) as address:
        given = httpx.get(f"{address}/nothing", headers={"X-Request-ID": "abc-123_456"})
        assert given.headers["x-request-id"] == given.json()["request_id"] == "abc-123_456"
        for bad in ("short", "x" * 65, "a b c d e f g h", '"},{"a":"'):
            made = httpx.get(f"{address}/nothing", headers={"X-Request-ID": bad}).headers["x-request-id"]
            assert re.fullmatch("[0-9a-f]{32}", made)


# HEAD


def test_wherever_there_is_get_there_is_head(bundle: Path, tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "corrections.sqlite")) as store:
        app = create_app(bundle, store=store, access=Access(rate=0))
        known = app.openapi()["paths"]
        paths = [path for path, methods in known.items() if "get" in methods and "{" not in path]
        with running(app) as address:
            for path in (*paths, "/", "/review", "/sw.js", "/texts/id.json", "/nothing", "/openapi.json"):
                got, asked = httpx.get(address + path), httpx.head(address + path)
                assert asked.status_code == got.status_code, path
                assert asked.content == b""
                assert asked.headers["content-type"] == got.headers["content-type"]
                if path != "/metrics":  # counts this, too
                    assert asked.headers["content-length"] == got.headers["content-length"]
            refused = httpx.head(f"{address}/v1/classify")
            assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert {"/healthz", "/readyz", "/metrics", "/v1/classes", "/v1/model"} <= set(paths)


def test_head_is_counted_and_logged_as_what_it_is(bundle: Path) -> None:
    with logged() as lines, service(bundle) as address:
        httpx.head(f"{address}/v1/model")
        figures = httpx.get(f"{address}/metrics").text
    assert [line["method"] for line in lines if line.get("path") == "/v1/model"] == ["HEAD"]
    assert 'ecosorter_requests_total{method="HEAD",route="/v1/model",status="200"} 1.0' in figures


# Bodies


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "nonsense"])
def test_a_compressed_body_is_refused_by_its_head(bundle: Path, encoding: str) -> None:
    with service(bundle) as address:
        headers = {"Content-Type": "image/png", "Content-Encoding": encoding}
        for path in ("/v1/classify", "/v1/corrections"):
            answer = httpx.post(address + path, content=gzip.compress(PHOTO), headers=headers)
            assert code(answer) == (415, "body_encoded")
            assert answer.headers["accept-encoding"] == "identity"
        headers["Content-Encoding"] = "identity"
        assert httpx.post(f"{address}/v1/classify", content=PHOTO, headers=headers).status_code == 200


def in_pieces(pieces: list[bytes], pause: float = 0) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        time.sleep(pause)


def test_a_body_is_capped_whatever_it_declares(bundle: Path) -> None:
    with service(bundle, caps=Caps(body_bytes=1000)) as address:
        kind = {"Content-Type": "image/png"}
        for content in (b"x" * 1001, in_pieces([b"x" * 400] * 3)):  # with Content-Length, and chunked without
            answer = httpx.post(f"{address}/v1/classify", content=content, headers=kind)
            assert code(answer) == (413, "too_many_bytes")
        assert httpx.post(f"{address}/v1/classify", content=PHOTO[:1000], headers=kind).status_code == 200


def test_a_huge_declared_length_is_refused_before_anything_is_sent(bundle: Path) -> None:
    with service(bundle) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            lines = (
                "POST /v1/classify HTTP/1.1",
                f"Host: {host}",
                "Content-Type: image/png",
                f"Content-Length: {10**15}",
            )
            connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_trickles_is_given_up(bundle: Path) -> None:
    with service(bundle, caps=Caps(upload_seconds=0.2)) as address:
        content = in_pieces([b"x"] * 50, pause=0.05)
        try:
            answer = httpx.post(f"{address}/v1/classify", content=content, headers={"Content-Type": "image/png"})
        except httpx.WriteError:  # the connection is closed: the client may see that before the answer
            return
        assert code(answer) == (408, "upload_too_slow")


def test_a_body_that_comes_steadily_may_take_longer(bundle: Path) -> None:
    with service(bundle, caps=Caps(upload_seconds=0.3, upload_rate=500)) as address:
        content = in_pieces([bytes(200)] * 12, pause=0.1)  # 2,000 bytes a second for 1.2 seconds
        answer = httpx.post(f"{address}/v1/classify", content=content, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200


def test_all_bodies_together_are_capped_and_given_back(bundle: Path) -> None:
    with service(bundle, caps=Caps(held_bytes=1000)) as address:
        for _ in range(20):
            answer = httpx.post(f"{address}/v1/classify", content=PHOTO, headers={"Content-Type": "image/png"})
            assert answer.status_code == 200
        answer = httpx.post(f"{address}/v1/classify", content=b"x" * 1001, headers={"Content-Type": "image/png"})
        assert code(answer) == (503, "queue_full")
        assert answer.headers["retry-after"]


# Faults, and the log


def test_a_fault_has_no_traceback_in_the_body(bundle: Path) -> None:
    app = create_app(bundle, access=Access(rate=0))
    add_fault(app)
    with logged() as lines, running(app) as address:
        answer = httpx.get(f"{address}/fault?lang=en")
    assert code(answer) == (500, "internal")
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (fault,) = (line for line in lines if line["event"] == "fault")
    assert "ZeroDivisionError: secret" in fault["traceback"]
    assert fault["request_id"] == answer.headers["x-request-id"]


def add_fault(app: FastAPI) -> None:
    @app.get("/fault")
    def fault() -> None:
        raise ZeroDivisionError("secret")


def test_a_request_is_one_line_without_content_or_client(bundle: Path) -> None:
    with logged() as lines, service(bundle) as address:
        answer = httpx.post(
            f"{address}/v1/classify?lang=en", files={"photos": ("my private name.png", PHOTO)}, headers={"X-Api": "key"}
        )
    (line,) = (line for line in lines if line.get("path") != "/healthz")
    assert line["event"] == "request"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/classify", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["photos"] == 1
    assert line["bytes_in"] > len(PHOTO)
    assert 0 < line["seconds"] < 60
    assert "127.0.0.1" not in json.dumps(line)
    assert "private" not in json.dumps(line)


def test_clients_are_logged_when_the_operator_wants_it(bundle: Path) -> None:
    with logged() as lines, service(bundle, access=Access(log_clients=True)) as address:
        httpx.get(f"{address}/healthz")
    assert lines[-1]["client"] == "127.0.0.1"


def test_a_client_that_leaves_is_no_fault(bundle: Path) -> None:
    async def scene() -> list[int]:
        sent: list[int] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message.get("status", 0))

        app = create_app(bundle, access=Access(rate=0))
        await app(
            {
                "type": "http",
                "method": "POST",
                "path": "/v1/classify",
                "query_string": b"",
                "headers": [(b"content-type", b"image/png")],
            },
            receive,
            send,
        )
        await app.state.engine.close()
        return sent

    with logged() as lines:
        assert asyncio.run(scene()) == []
    assert [line["status"] for line in lines] == [499]


# Caps


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), float("1e400")])
@pytest.mark.parametrize(
    "name", ["body_bytes", "held_bytes", "upload_seconds", "seconds", "head_seconds", "connections"]
)
def test_a_cap_is_a_number(name: str, value: float) -> None:
    with pytest.raises(ServiceError, match=f"cap {name} must be a number"):
        Caps(**{name: value})  # type: ignore[arg-type]


def test_a_library_of_another_kind_writes_json_too() -> None:
    code_ = (
        "import logging.config, warnings; from ecosorter.serving.logs import log_config\n"
        "logging.config.dictConfig(log_config()); logging.captureWarnings(True)\n"
        "for name in ('asyncio', 'PIL', 'sqlalchemy.pool', 'uvicorn.error', 'ecosorter.serving.store'):\n"
        "    for _ in range(3): logging.getLogger(name).error('out of %s', 'files', exc_info=OSError(24, 'too many'))\n"
        "warnings.warn('old')"
    )
    done = subprocess.run([sys.executable, "-c", code_], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines[:-1]] == ["out of files"] * 13  # asyncio's once, the others' each time
    assert "OSError" in lines[0]["traceback"]
    assert "UserWarning: old" in lines[-1]["event"]
