import os
import socket
from pathlib import Path

import pytest

from benchmarks.load import Load, arrive, as_form, hammer, memory
from ecosorter.serving.app import create_app
from ecosorter.serving.settings import Access
from tests.serving.live import running
from tests.tiny import photo, tiny_bundle

POSTS = [as_form(photo(colour), "photos") for colour in ((255, 255, 255), (0, 0, 0))]


def test_every_answer_is_counted(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle").folder
    app = create_app(bundle, access=Access(rate=0))
    with running(app) as address:
        load = hammer(f"{address}/v1/classify", POSTS, clients=2, seconds=0.3)
        assert set(load.statuses()) == {200}
        assert load.rate() == pytest.approx(len(load.answers) / load.seconds)
        assert 0 < load.slowest(200, 0.5) <= load.slowest(200, 1) <= load.seconds

        flood = arrive(f"{address}/v1/classify", POSTS, rate=50, seconds=0.4)
        assert flood.statuses() == {200: 20}

        assert set(hammer(f"{address}/nothing", POSTS, clients=1, seconds=0.05).statuses()) == {404}


def test_no_answer_is_counted_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    load = arrive(f"http://127.0.0.1:{port}/", POSTS, rate=20, seconds=0.1)
    assert load.statuses() == {0: 2}
    assert load.rate() == 0


def test_shares_of_the_answers() -> None:
    load = Load(seconds=10, answers=[(200, float(number)) for number in range(100)] + [(503, 0.5)])
    assert load.slowest(200, 0.5) == 50
    assert load.slowest(200, 0.95) == 95
    assert load.slowest(200, 1) == 99
    assert load.slowest(503, 0.95) == 0.5
    assert load.slowest(404, 0.95) == 0
    assert load.rate() == 10


def test_memory_of_a_process() -> None:
    assert 10_000_000 < memory(os.getpid()) < 100_000_000_000
