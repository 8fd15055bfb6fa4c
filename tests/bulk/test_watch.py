"""A drop folder, with files that take their time."""

import os
from pathlib import Path
from threading import Event

import pytest

from ecosorter import Limits
from ecosorter.bulk import Input, watch
from ecosorter.bulk.watch import fingerprint

LIMITS = Limits()


class Watcher:
    def __init__(self, folder: Path, done: dict[str, str] | None = None) -> None:
        self.stop = Event()
        self.done = {} if done is None else done
        self._items = watch(folder, LIMITS, self.stop, self.done, seconds=0)

    def look(self, times: int = 1) -> list[str]:
        """Return the names of the photos that came within so many looks."""
        names: list[str] = []
        while times:
            item = next(self._items)
            if isinstance(item, Input):
                names.append(Path(item.name).name)
            else:
                times -= 1
        return names


def test_photos_come_when_they_have_stood_still(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    assert watcher.look() == []
    (tmp_path / "a.jpg").write_bytes(b"half")
    assert watcher.look(2) == []
    (tmp_path / "a.jpg").write_bytes(b"half and more")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.jpg").write_bytes(b"whole")
    (tmp_path / "notes.txt").write_bytes(b"no photo")
    assert watcher.look(2) == []
    assert watcher.look() == ["a.jpg", "b.jpg"]
    assert watcher.look(5) == []


def test_an_empty_file_is_waited_for_but_not_forever(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    assert watcher.look(20) == []
    (tmp_path / "a.jpg").write_bytes(b"now")
    assert watcher.look(4) == ["a.jpg"]
    assert watcher.look(30) == ["b.jpg"]


def test_a_changed_photo_and_one_that_comes_back_are_new(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"1")
    assert watcher.look(4) == ["a.jpg"]
    (tmp_path / "a.jpg").write_bytes(b"12")
    assert watcher.look(4) == ["a.jpg"]
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").unlink()
    assert watcher.look() == []
    (tmp_path / "a.jpg").write_bytes(data)
    assert watcher.look(4) == ["a.jpg"]


def test_what_an_earlier_run_answered_is_passed_over_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    done = {str(tmp_path / f"{name}.jpg"): fingerprint(str(tmp_path / f"{name}.jpg"), LIMITS) for name in "ab"}
    done[str(tmp_path / "gone.jpg")] = "00"
    (tmp_path / "b.jpg").write_bytes(b"another b")
    watcher = Watcher(tmp_path, done)
    assert watcher.look(4) == ["b.jpg", "c.jpg"]
    assert watcher.done == {}
    os.utime(tmp_path / "a.jpg", (1, 1))
    assert watcher.look(4) == ["a.jpg"]


def test_it_ends_when_it_is_told(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    watcher.look()
    watcher.stop.set()
    with pytest.raises(StopIteration):
        watcher.look()


@pytest.mark.parametrize("content", [b"", b"x"])
def test_a_file_that_cannot_be_read_has_an_empty_fingerprint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert bool(fingerprint(str(tmp_path / "a.jpg"), LIMITS)) == bool(content)
