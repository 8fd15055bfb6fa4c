import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.datasets.cache import Cache
from ecosorter.errors import RecipeError


def test_gives_back_what_was_put_and_nothing_else(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put_many({f"k{i}": bytes([i % 256]) * i for i in range(1_200)})
    asked = ["k3", "missing", "k1199", *[f"k{i}" for i in range(600)]]
    found = dict(Cache(tmp_path).get_many(asked))
    assert found == {f"k{i}": bytes([i % 256]) * i for i in [*range(600), 1199]}


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, max_bytes=300)
    for key in ("a", "b", "c"):
        cache.put_many({key: bytes(100)})
        time.sleep(0.01)
    assert dict(cache.get_many(["a"]))
    cache.put_many({"d": bytes(100)})
    assert {key for key, _ in cache.get_many(["a", "b", "c", "d"])} == {"a", "c", "d"}
    assert cache.usage().bytes == 300


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 400), max_size=12))
def test_never_holds_more_than_its_cap(tmp_path_factory, sizes: list[int]) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"), max_bytes=500)
    for number, size in enumerate(sizes):
        cache.put_many({str(number): bytes(size)})
        usage = cache.usage()
        assert usage.bytes <= 500
    assert usage.entries <= len(sizes) if sizes else True


def test_clearing_empties_it_and_frees_the_disk(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put_many({"a": os.urandom(2_000_000)})
    cache.clear()
    assert list(cache.get_many(["a"])) == []
    assert cache.usage().entries == 0
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200_000


def _write_for_ever(folder: Path) -> None:
    cache = Cache(folder)
    number = 0
    while True:
        cache.put_many({f"{number}-{part}": f"{number}-{part}".encode() * 2_000 for part in range(5)})
        number += 1


def test_survives_a_kill_in_the_middle_of_writing(tmp_path: Path) -> None:
    for _ in range(3):
        writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(tmp_path,))
        writer.start()
        deadline = time.monotonic() + 60
        while Cache(tmp_path).usage().entries < 50 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    cache = Cache(tmp_path)
    keys = [f"{number}-{part}" for number in range(10) for part in range(5)]
    found = dict(cache.get_many(keys))
    assert found == {key: key.encode() * 2_000 for key in keys}
    assert cache.usage().entries % 5 == 0  # a batch is there whole or not at all


@pytest.mark.parametrize("value", ["0", "-1", "five", "inf"])
def test_a_nonsensical_cap_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE_GB", value)
    with pytest.raises(RecipeError, match="ECOSORTER_CACHE_GB"):
        Cache(tmp_path)


def test_the_cap_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE_GB", "0.25")
    assert Cache(tmp_path).usage().max_bytes == 250_000_000
