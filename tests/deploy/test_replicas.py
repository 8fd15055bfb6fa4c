"""Two replicas behind nginx, as deploy/compose.yaml has them: one is killed, nobody notices."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from ecosorter.serving.store import Store
from tests.deploy.stand import Nginx, Replica, lines, nginx, nginx_at, until
from tests.tiny import photo, tiny_bundle

BURST = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if nginx_at() is None:
        pytest.skip("nginx is not installed (apt-get install nginx)")
    return tmp_path_factory.mktemp("replicas")


@pytest.fixture(scope="module")
def replicas(folder: Path) -> Iterator[list[Replica]]:
    """Two on one store, which believe the proxy and count each client's requests."""
    options = ("--model", str(tiny_bundle(folder / "bundle").folder), "--database", str(folder / "c.sqlite"))
    options += (
        "--trusted-proxy",
        "127.0.0.1",
        "--log-clients",
        "--rate",
        "0.1",
        "--burst",
        str(BURST),
        "--threads",
        "1",
    )
    started = [Replica(options, folder / f"log-{number}") for number in (1, 2)]
    for replica in started:
        replica.start()
    for replica in started:
        replica.wait()
    yield started
    for replica in started:
        replica.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, replicas: list[Replica]) -> Iterator[Nginx]:
    with nginx(folder, replicas) as running:
        yield running


def correction() -> tuple[bytes, dict[str, str]]:
    """Return a correction with its photo, as body and headers, under a key of its own."""
    said = {
        "model": {"name": "tiny", "version": "1"},
        "best": "plastik",
        "label": "plastik",
        "confidence": 0.9,
        "truth": "kaca",
        "consent": True,
        "contributor": str(uuid4()),
        "secret": "5e" * 32,
        "lang": "id",
    }
    request = httpx.Request("POST", "http://x", data={"data": json.dumps(said)}, files={"photo": photo()})
    return request.read(), {"Content-Type": request.headers["content-type"], "Idempotency-Key": str(uuid4())}


@dataclass
class Load:
    """Clients that send photos, and every fourth a correction, and note every answer."""

    proxy: Nginx
    answers: list[tuple[str, int]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._threads += [threading.Thread(target=self._send) for _ in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while not self._over.wait(0.05):
            number = next(self._numbers)
            path = "/v1/corrections" if number % 4 == 0 else "/v1/classify"
            body, headers = correction() if number % 4 == 0 else (photo(), {"Content-Type": "image/png"})
            source = f"127.1.{number // 250}.{number % 250 + 1}"  # everybody sends once: no rate limit
            try:
                status, _ = self.proxy.send("POST", path, body, headers, source)
            except OSError:
                status = 0
            self.answers.append((path, status))

    def go_on(self, answers: int) -> None:
        """Wait for so many more."""
        enough = len(self.answers) + answers
        until(lambda: len(self.answers) >= enough)


def test_the_rate_is_counted_by_client_and_an_early_answer_is_not_lost(proxy: Nginx, replicas: list[Replica]) -> None:
    large = b"x" * 3_000_000  # refused before it is read to its end
    claims = {"Content-Type": "image/jpeg", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    statuses = [proxy.send("POST", "/v1/classify", large, claims, "127.0.0.9")[0] for _ in range(3 * BURST)]
    assert statuses[:BURST] == [200] * BURST
    assert statuses.count(429) >= BURST - 2  # all that two replicas did not let in, but for what time gave back
    assert set(statuses) == {200, 429}
    assert proxy.send("GET", "/v1/classes", source="127.0.0.10")[0] == 200

    def noted(client: str) -> list[str]:
        return [line["request_id"] for each in replicas for line in each.requests() if line["client"] == client]

    until(lambda: noted("127.0.0.10"))
    assert len(noted("127.0.0.9")) == len(statuses)  # none was sent a second time
    assert noted("203.0.113.7") == []
    # A request is found in both logs, and the proxy's has no client's address.
    until(lambda: {*noted("127.0.0.9"), *noted("127.0.0.10")} <= {line["request_id"] for line in lines(proxy.log)})
    assert "127.0.0.9" not in proxy.log.read_text()


def test_what_is_not_for_the_world_or_too_large_ends_at_the_proxy(proxy: Nginx) -> None:
    assert proxy.send("GET", "/healthz")[0] == 200
    assert proxy.send("GET", "/metrics")[0] == 404
    assert proxy.send("POST", "/v1/classify", headers={"Content-Length": "60000000"})[0] == 413


def test_one_is_killed_and_no_request_fails(proxy: Nginx, replicas: list[Replica], folder: Path) -> None:
    first, second = replicas
    with Load(proxy) as load:
        load.go_on(10)
        # Held up for a moment, so that it has taken requests and not answered when it is killed.
        os.kill(first.process.pid, signal.SIGSTOP)
        time.sleep(0.5)
        first.stop()
        load.go_on(20)

        first.start()
        first.wait()
        until(first.requests)  # it gets requests again

        # An orderly stop, as for an update.
        second.process.terminate()
        second.process.wait()
        load.go_on(20)
    assert {answer for answer in load.answers if answer[1] >= 300 or answer[1] == 0} == set()
    # It had taken some when it was killed, and the other one answered them.
    assert [line for line in lines(proxy.log) if "," in line["replica"] and line["seconds"] > 0.2]
    with Store.open(str(folder / "c.sqlite")) as store:
        kept = store.statistics().total
    assert kept == sum(path == "/v1/corrections" for path, _ in load.answers)
