import logging
import multiprocessing
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.datasets import cache as cache_module
from ecosorter.datasets.cache import Cache, default_folder
from ecosorter.errors import CacheError, RecipeError


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
    for folder in (tmp_path / "once", tmp_path / "again"):
        cache = Cache(folder)
        writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(folder,))
        writer.start()
        deadline = time.monotonic() + 60
        while cache.usage().entries < 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        writer.kill()
        writer.join()
        keys = [f"{number}-{part}" for number in range(10) for part in range(5)]
        found = dict(Cache(folder).get_many(keys))
        assert found == {key: key.encode() * 2_000 for key in keys}
        assert Cache(folder).usage().entries % 5 == 0  # a batch is there whole or not at all


@pytest.mark.parametrize("value", ["0", "-1", "five", "inf"])
def test_a_nonsensical_cap_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE_GB", value)
    with pytest.raises(RecipeError, match="ECOSORTER_CACHE_GB"):
        Cache(tmp_path)


def test_the_cap_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE_GB", "0.25")
    assert Cache(tmp_path).usage().max_bytes == 250_000_000


def _text_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "features.sqlite").write_text("my shopping list\n" * 100)


def _half_a_file(folder: Path) -> None:
    Cache(folder).put_many({str(number): os.urandom(5_000) for number in range(50)})
    path = folder / "features.sqlite"
    path.write_bytes(path.read_bytes()[:20_000].ljust(40_000, b"x"))


def _another_table(folder: Path) -> None:
    folder.mkdir()
    with sqlite3.connect(folder / "features.sqlite") as db:
        db.execute("CREATE TABLE contents (something TEXT)")


def _file_in_the_way(folder: Path) -> None:
    folder.touch()


def _folder_in_the_way(folder: Path) -> None:
    (folder / "features.sqlite").mkdir(parents=True)


DAMAGED = [_text_file, _half_a_file, _another_table]
IN_THE_WAY = [_file_in_the_way, _folder_in_the_way]


@pytest.mark.parametrize("spoil", DAMAGED + IN_THE_WAY)
def test_a_cache_that_fails_is_one_warning_and_no_error(
    spoil: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(tmp_path / "cache")
    cache = Cache(tmp_path / "cache")
    for _ in range(2):
        assert list(cache.get_many(["a", "b"])) == []
        cache.put_many({"a": b"1"})
    (said,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"The cache {tmp_path / 'cache' / 'features.sqlite'} cannot be used (" in said.getMessage()
    assert said.getMessage().endswith("The work goes on without it.")
    with pytest.raises(CacheError, match="cannot be used"):
        cache.usage()


@pytest.mark.parametrize("spoil", DAMAGED)
def test_clearing_mends_a_damaged_file(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    spoil(tmp_path / "cache")
    cache = Cache(tmp_path / "cache")
    cache.put_many({"a": b"lost"})
    cache.clear()
    cache.put_many({"a": b"1"})
    assert dict(cache.get_many(["a"])) == {"a": b"1"}


@pytest.mark.parametrize("spoil", IN_THE_WAY)
def test_clearing_removes_nothing_that_is_not_its_own(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    spoil(tmp_path / "cache")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CacheError, match="cannot be cleared"):
        Cache(tmp_path / "cache").clear()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_cache_that_another_program_holds_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache_module, "_WAIT", 0.05)
    Cache(tmp_path).put_many({"a": b"1"})
    other = sqlite3.connect(tmp_path / "features.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    waiting = Cache(tmp_path)
    waiting.put_many({"b": b"2"})
    assert "locked" in caplog.text
    with pytest.raises(CacheError, match="cannot be cleared"):
        waiting.clear()
    other.rollback()
    other.close()
    assert dict(Cache(tmp_path).get_many(["a"])) == {"a": b"1"}


def _fill(folder: Path, told: "multiprocessing.Queue[str]") -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    logging.getLogger("ecosorter").addHandler(handler := logging.Handler())
    handler.emit = lambda record: told.put(record.getMessage())  # type: ignore[method-assign]
    cache = Cache(folder)
    for number in range(100):
        cache.put_many({str(number): bytes(10_000)})
    told.put("finished")


def test_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    told = spawn.Queue()
    worker = spawn.Process(target=_fill, args=(tmp_path, told))
    worker.start()
    assert "cannot be used" in told.get(timeout=60)
    assert told.get(timeout=60) == "finished"
    worker.join()
    cache = Cache(tmp_path)
    assert 0 < cache.usage().entries < 100  # what was stored before is there
    cache.clear()
    assert cache.usage().entries == 0


def test_a_user_without_a_home_has_no_cache_and_works_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("ECOSORTER_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    cache = Cache(default_folder())
    assert list(cache.get_many(["a"])) == []
    assert "cannot be used" in caplog.text
