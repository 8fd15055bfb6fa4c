"""The command as it is: real processes, real signals."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ecosorter.bundle import MODEL, write_bundle
from ecosorter.cli.app import app as command
from ecosorter.cli.serve import _show_code
from ecosorter.errors import BundleError, GuidanceError, ServiceError, StoreError
from ecosorter.serving.serve import addresses, listen
from ecosorter.texts import texts
from tests.tiny import photo, tiny_bundle, tiny_info, tiny_model

PATIENCE = 120  # seconds


@dataclass
class Service:
    """A running `ecosorter serve`."""

    process: "subprocess.Popen[str]"
    address: str
    log: Path

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def wait_for(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if len(found := [line for line in self.events() if line["event"] == event]) >= times:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {event!r} in {self.log.read_text()[-3000:]}")


@contextmanager
def served(bundle: Path, *options: str) -> Iterator[Service]:
    log = bundle.parent / "log"
    arguments = ("--model", str(bundle), "--port", "0", "--rate", "0", "--lang", "en", "--no-corrections", *options)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ecosorter.cli", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + log.read_text()
        yield Service(process, found[0].rstrip("/"), log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle").folder


def put(bundle: Path, version: str) -> None:
    write_bundle(bundle, tiny_model(), tiny_info(version=version), "# new\n", replace=True)


class Clients:
    """Three clients that post a photo again and again, and note every answer."""

    def __init__(self, address: str) -> None:
        self.answers: list[tuple[int, str]] = []
        self._address, self._stop = address, threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(3)]

    def _post(self) -> None:
        with httpx.Client(base_url=self._address, timeout=PATIENCE) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post("/v1/classify", files={"photos": photo()})
                    self.answers.append((answer.status_code, answer.json()["model"]["version"]))
                except httpx.HTTPError as error:
                    self.answers.append((0, repr(error)))

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answer: tuple[int, str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while answer not in self.answers:
            assert time.monotonic() < deadline, self.answers[-5:]
            time.sleep(0.02)


def test_a_new_bundle_reaches_every_worker_and_no_request_is_lost(bundle: Path) -> None:
    with served(bundle, "--workers", "2") as service:
        with Clients(service.address) as clients:
            clients.wait_for((200, "1"))  # from the first that is ready; the other may still be starting
            put(bundle, "2")
            service.process.send_signal(signal.SIGHUP)
            loaded = service.wait_for("bundle_loaded", 2)
            assert len({line["process"] for line in loaded}) == 2
            clients.wait_for((200, "2"))

            (bundle / MODEL).write_bytes(b"broken")
            service.process.send_signal(signal.SIGHUP)
            refused = service.wait_for("bundle_refused", 2)
            assert "SHA-256" in refused[0]["problem"]
            before = len(clients.answers)
            while len(clients.answers) < before + 10:
                time.sleep(0.02)
        assert {status for status, _ in clients.answers} == {200}
        assert {version for _, version in clients.answers[before:]} == {"2"}

        # The figures are of both workers together, whichever answers.
        text = httpx.get(f"{service.address}/metrics").text
        (count,) = re.findall(r'^ecosorter_photos_total\{answer="plastik",status="ok"\} (\S+)', text, re.MULTILINE)
        assert float(count) == len(clients.answers)
        assert 'ecosorter_reloads_total{outcome="refused"} 2.0' in text

        # A worker that dies is replaced, as soon as there is a model that it can load.
        os.kill(loaded[0]["process"], signal.SIGKILL)
        service.wait_for("worker_cannot_start")
        assert service.wait_for("worker_ended", 2)[0]["worker"] == loaded[0]["process"]
        assert httpx.post(f"{service.address}/v1/classify", files={"photos": photo()}).status_code == 200
        shutil.rmtree(bundle)
        put(bundle, "3")
        service.wait_for("Application startup complete.", 3)


def test_a_stop_finishes_what_came_in(bundle: Path) -> None:
    with served(bundle) as service:
        host, port = service.address.removeprefix("http://").split(":")
        body = photo(kind="BMP", size=(600, 400))
        head = (
            f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/bmp\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            connection.sendall(head.encode() + body[:1000])
            time.sleep(0.3)
            service.process.terminate()
            service.wait_for("Shutting down")
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{service.address}/healthz")
            connection.sendall(body[1000:])
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"label":"plastik"' in answer
        assert service.process.wait(PATIENCE) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--model", "nowhere"], BundleError, "no model folder nowhere"),
        (["--workers", "2", "--model", "nowhere"], BundleError, "no model folder nowhere"),
        (["--trusted-proxy", "my-proxy"], ServiceError, "'my-proxy' is no address"),
        (["--cors", "example.org"], ServiceError, "'example.org' is no origin"),
        (["--cors", "https://example.org/"], ServiceError, "is no origin"),
        (["--scheme", "nowhere.toml"], GuidanceError, "nowhere.toml cannot be read"),
        (["--database", "mysql://x/y"], StoreError, "only SQLite and PostgreSQL"),
        (["--host", "192.0.2.1", "--no-corrections"], ServiceError, "Nothing can listen on 192.0.2.1"),
    ],
)
def test_what_is_wrong_is_said_before_it_starts(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("ECOSORTER_MODEL", str(bundle))
    done = CliRunner().invoke(command, ["serve", "--port", "0", *options])
    assert isinstance(done.exception, error)
    assert message in str(done.exception)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "1e300", "0", "-1", "much"])
@pytest.mark.parametrize(
    "option",
    [
        "--max-megabytes",
        "--max-photo-megabytes",
        "--max-megapixels",
        "--max-held-megabytes",
        "--upload-seconds",
        "--answer-seconds",
        "--head-seconds",
        "--rate",
    ],
)
def test_an_option_that_is_no_number_is_said(option: str, value: str) -> None:
    if (option, value) == ("--rate", "0"):
        return  # no limit
    done = CliRunner().invoke(command, ["serve", "--model", "nowhere", "--no-corrections", option, value])
    assert done.exit_code == 2
    assert option in done.output


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ServiceError, match="take another --host or --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_addresses_are_those_that_people_can_open() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert addresses(taken) == [f"http://127.0.0.1:{port}/"]
    with listen("0.0.0.0", 0) as taken:  # noqa: S104
        first, *others = addresses(taken)
        assert first.startswith("http://127.0.0.1:")
        assert all(re.fullmatch(r"http://[0-9.]+:\d+/", other) for other in others)
        assert "http://0.0.0.0" not in first


@pytest.mark.parametrize(("address", "shown"), [("http://192.0.2.7:8000/", "█"), ("http://[::1]:8000/", "--host")])
def test_a_code_for_phones_needs_the_network(address: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    _show_code(address, texts("service", "en"))
    printed = capsys.readouterr().out
    assert shown in printed
    assert ("█" in printed) == (shown == "█")


def test_help_loads_no_web_framework() -> None:
    code = (
        "import sys; from ecosorter.cli.app import app\n"
        "try: app(['serve', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*({'fastapi', 'uvicorn', 'sqlalchemy', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
    assert "--workers" in done.stdout
