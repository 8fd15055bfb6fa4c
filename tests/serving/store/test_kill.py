"""A real `ecosorter serve` is killed with -9 while corrections come in, over and over, and started again."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from ecosorter.files import is_part
from ecosorter.serving.store import Store
from tests.serving.store.said import files, rows
from tests.serving.test_corrections import body
from tests.tiny import encoded, tiny_bundle
from tests.training.pictures import picture

POSTS, CLIENTS, KILLS_AFTER = 200, 6, (60, 130)


class Service:
    """The command, on a port that stays the same over its lives."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._port = 0
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ecosorter.cli", "serve", "--port", str(self._port), "--rate", "0", *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout
        self.address = next(word for word in self._process.stdout.readline().split() if word.startswith("http"))
        self._port = int(self.address.rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        with self._process as process:
            process.kill()


class Clients:
    """Threads that post until everything is acknowledged, whatever happens to the service."""

    def __init__(self, service: Service, requests: list[dict[str, Any]]) -> None:
        self._service = service
        self._todo: queue.Queue[int] = queue.Queue()
        self._requests = requests
        self._given_up = threading.Event()
        self.acknowledged: dict[int, Any] = {}
        for number in range(len(requests)):
            self._todo.put(number)
        self._threads = [threading.Thread(target=self._post) for _ in range(CLIENTS)]

    def _post(self) -> None:
        with httpx.Client(base_url=self._service.address, timeout=60) as client:
            while len(self.acknowledged) < len(self._requests) and not self._given_up.is_set():
                try:
                    number = self._todo.get(timeout=0.1)
                except queue.Empty:
                    continue
                try:
                    answer = client.post("/v1/corrections", **self._requests[number])
                    answered = answer.status_code in (200, 201)
                except httpx.TransportError:
                    answered = False
                if answered:
                    self.acknowledged[number] = answer.json()
                else:
                    self._todo.put(number)  # as a phone does: the same request with the same key, a little later
                    time.sleep(0.05)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        except BaseException:
            self._given_up.set()
            raise
        finally:
            for thread in self._threads:
                thread.join(300)

    def wait_for(self, acknowledged: int) -> None:
        deadline = time.monotonic() + 300
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} acknowledged after five minutes"
            time.sleep(0.002)


def test_every_acknowledged_correction_survives_once_with_its_photo(database: str, tmp_path: Path) -> None:
    model, photos = tiny_bundle(tmp_path / "bundle").folder, tmp_path / "photos"
    requests = [  # in each ten, two people send the same photo: one file, two rows
        {
            "files": {
                "data": (None, json.dumps(body())),
                "photo": encoded(picture(n // 10 * 10 if n % 10 == 1 else n, (64, 48)), "JPEG"),
            },
            "headers": {"Idempotency-Key": str(uuid4())},
        }
        for n in range(POSTS)
    ]
    service = Service("--model", str(model), "--database", database, "--photos-at", str(photos))
    try:
        clients = Clients(service, requests)
        with clients.at_work():
            for acknowledged in KILLS_AFTER:
                clients.wait_for(acknowledged)
                service.kill()
                before = {answer["id"] for answer in dict(clients.acknowledged).values()}
                check(database, photos, before)
                service.start()
        assert len(clients.acknowledged) == POSTS
        with httpx.Client(base_url=service.address, timeout=60) as client:
            for number in range(0, POSTS, 5):
                again = client.post("/v1/corrections", **requests[number])
                assert (again.status_code, again.json()) == (200, clients.acknowledged[number])
    finally:
        service.kill()

    ids = {answer["id"] for answer in clients.acknowledged.values()}
    assert len(ids) == len(rows(database)) == POSTS
    check(database, photos, ids)
    with Store.open(database, str(photos)) as store:
        kept = {row.photo for row in store.corrections.listed()}
    assert files(photos) == {f"{sha256}.jpg" for sha256 in kept}


def check(database: str, photos: Path, acknowledged: set[str]) -> None:
    """Every acknowledged correction is there with its photo, and every file has a row that knows of it."""
    found = rows(database)
    kept = {str(row["id"]).replace("-", ""): row["sha256"] for row in found if row["photo"] == "kept"}
    assert {correction.replace("-", "") for correction in acknowledged} <= kept.keys()
    names = files(photos)
    assert {f"{sha256}.jpg" for sha256 in kept.values()} <= names
    known = [Path(f"{row['sha256']}.jpg") for row in found]
    for name in names:  # what the kill left half-written is named after its photo too, and goes with it
        assert any(name == photo.name or is_part(name, of=photo) for photo in known), name
