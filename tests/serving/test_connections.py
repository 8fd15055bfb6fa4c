"""Connections as they come in bad hours: half heads, silence, clients that do not read, too many of all."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from ecosorter.serving.app import create_app
from ecosorter.serving.connections import at_once, door_of
from ecosorter.serving.settings import Access, Caps
from tests.serving.live import running
from tests.tiny import photo, tiny_bundle

resource = pytest.importorskip("resource", reason="only Unix limits open files")

HALF_HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nX-Slow: "
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("connections") / "bundle").folder


@contextmanager
def service(bundle: Path, **caps: float) -> Iterator[tuple[str, int]]:
    with running(create_app(bundle, caps=Caps(**caps), access=Access(rate=0))) as address:  # type: ignore[arg-type]
        host, port = address.removeprefix("http://").split(":")
        yield host, int(port)


def connect(place: tuple[str, int], sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(place, timeout=20)
    connection.sendall(sent)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["code"]


# Deadlines


def test_half_a_head_is_given_up_in_words(bundle: Path) -> None:
    with service(bundle, head_seconds=0.5) as place, connect(place, HALF_HEAD) as connection:
        start = time.monotonic()
        assert problem(rest(connection)) == (408, "head_too_slow")
        assert 0.4 < time.monotonic() - start < 15


def test_a_head_that_trickles_gets_no_more_time(bundle: Path) -> None:
    with service(bundle, head_seconds=0.6) as place, connect(place, HALF_HEAD) as connection:
        connection.settimeout(0.05)
        start = time.monotonic()
        answer = b""
        while not answer and time.monotonic() < start + 15:
            try:
                connection.sendall(b"x")
                answer = connection.recv(65536)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_silence_is_given_up_without_a_word(bundle: Path) -> None:
    with service(bundle, head_seconds=0.5) as place, connect(place) as connection:
        assert rest(connection) == b""


def test_the_head_of_a_further_request_has_its_own_time(bundle: Path) -> None:
    with service(bundle, head_seconds=0.8) as place, connect(place) as connection:
        for _ in range(3):  # longer together than one may take
            connection.sendall(REQUEST[:20])
            time.sleep(0.4)
            connection.sendall(REQUEST[20:])
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                piece = connection.recv(65536)
                assert piece, answer
                answer += piece
        connection.sendall(HALF_HEAD)
        assert problem(rest(connection)) == (408, "head_too_slow")


def test_a_body_may_take_longer_than_a_head(bundle: Path) -> None:
    body = photo()
    head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n"
    begun = head.encode() + b"Connection: close\r\n\r\n" + body[:10]
    with service(bundle, head_seconds=0.3) as place, connect(place, begun) as connection:
        time.sleep(0.7)
        connection.sendall(body[10:])
        assert rest(connection).startswith(b"HTTP/1.1 200 ")


def test_whoever_never_reads_is_cut(bundle: Path) -> None:
    with service(bundle, upload_seconds=0.5) as place, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(place)
        # Sooner or later the answers fill all that there is between us.
        with pytest.raises((ConnectionError, TimeoutError)):
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000_000)
        with connect(place, REQUEST) as other:
            assert other.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"x" * 70_000 + b"\r\n\r\n"]
)
def test_what_is_no_http_is_told_so_in_words(bundle: Path, nonsense: bytes) -> None:
    with service(bundle) as place, connect(place, nonsense) as connection:
        assert problem(rest(connection)) == (400, "bad_request")


# Too many


def test_those_who_wait_longest_make_room(bundle: Path) -> None:
    with service(bundle, connections=20, head_seconds=60) as place, ExitStack() as open_ones:
        waiting = [open_ones.enter_context(connect(place, HALF_HEAD)) for _ in range(60)]
        for _ in range(10):
            with connect(place, REQUEST) as other:
                assert other.recv(100).startswith(b"HTTP/1.1 200 ")
        assert rest(waiting[0]) == b""


def test_nobody_who_is_being_answered_makes_room(bundle: Path) -> None:
    body = photo()
    head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n"
    head += "Connection: close\r\n\r\n"
    with service(bundle, connections=5) as place, ExitStack() as open_ones:
        sending = [open_ones.enter_context(connect(place, head.encode() + body[:10])) for _ in range(5)]
        time.sleep(0.5)
        with connect(place) as one_more:
            assert problem(rest(one_more)) == (503, "queue_full")
        for connection in sending:
            connection.sendall(body[10:])
            assert rest(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("files", [40, 256, 1024, 65_536, None])
def test_connections_leave_files_for_everything_else(files: int | None) -> None:
    door = door_of(Caps(), files)
    assert 8 <= door.most <= Caps().connections
    if files and files >= 256:
        assert door.most + 3 * at_once(files) + 50 < files
    assert door_of(Caps(connections=3), files).most == 3


FILES = 256


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


@contextmanager
def served(bundle: Path, log: Path, *options: str, files: bool = True) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    arguments = ["--model", str(bundle), "--port", "0", "--rate", "0", "--no-corrections", *options]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ecosorter.cli", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=few_files if files else None,  # noqa: PLW1509 - nothing else runs in this process
        )
    try:
        assert process.stdout
        yield process, process.stdout.readline().split()[-1].rstrip("/")
    finally:
        process.terminate()
        process.wait(120)


def test_more_half_heads_than_files_stop_nothing(bundle: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with served(bundle, log, "--head-seconds", "3") as (_, address), ExitStack() as open_ones:
        host, port = address.removeprefix("http://").split(":")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        open_ones.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(3 * FILES):
            try:
                open_ones.enter_context(connect((host, int(port)), HALF_HEAD))
            except OSError:  # it was cut before it had said anything
                continue
        assert httpx.get(f"{address}/healthz", timeout=20).status_code == 200
        answer = httpx.post(f"{address}/v1/classify", files={"photos": photo()}, timeout=20)
        assert answer.json()["results"][0]["label"] == "plastik"
        time.sleep(3.5)
        assert httpx.get(f"{address}/healthz", timeout=20).status_code == 200
    lines = [json.loads(line) for line in log.read_text().splitlines()]  # all of it is JSON
    assert not [line for line in lines if "traceback" in line]
    assert len(lines) < 60
    assert {"too_many_connections", "head_too_slow"} & {line["event"] for line in lines}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_whoever_is_let_in_at_the_last_moment_is_answered(bundle: Path, tmp_path: Path, workers: str) -> None:
    with served(bundle, tmp_path / "log", "--workers", workers, files=False) as (process, address), ExitStack() as all_:
        place = (address.removeprefix("http://").split(":")[0], int(address.rsplit(":", 1)[1]))
        while b"200" not in _asked(place):
            time.sleep(0.1)
        connections = [all_.enter_context(connect(place)) for _ in range(20)]  # connected, and nothing said
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        for connection in connections:
            connection.sendall(REQUEST)
        answers = [rest(connection) for connection in connections]
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
        assert process.wait(60) in (0, -signal.SIGTERM)


def _asked(place: tuple[str, int]) -> bytes:
    try:
        with connect(place, REQUEST) as connection:
            return connection.recv(100)
    except OSError:
        return b""
