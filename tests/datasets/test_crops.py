"""Crops of a set with boxes: as many as asked for, none lost, none twice, whatever happens on the way."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecosorter.datasets.boxes import Box, BoxedPhoto
from ecosorter.datasets.crops import JOURNAL, Collected, collect
from ecosorter.datasets.dataset import load_dataset
from ecosorter.errors import DownloadBrokenOff, DownloadError, PhotoMissing
from tests.datasets.site import board

CAN = Box("logam", 0.1, 0.1, 0.4, 0.5)
BAG = Box("plastik", 0.55, 0.5, 0.9, 0.9)
CONTENT = board({"red": (40, 30, 120, 120)})


def photo(number: int, *boxes: Box, person: str = "") -> BoxedPhoto:
    return BoxedPhoto(f"p{number}", f"http://x/{number}", boxes or (CAN,), group=person or f"p{number}", author=person)


class Store:
    """Gives photos, or does not."""

    def __init__(self, **faults: Exception | bytes) -> None:
        self.faults, self.asked = faults, Counter[str]()

    def __call__(self, photo: BoxedPhoto) -> bytes:
        self.asked[photo.name] += 1
        fault = self.faults.get(photo.name, CONTENT)
        if isinstance(fault, Exception):
            raise fault
        return fault


def run(photos: list[BoxedPhoto], folder: Path, store: Store | None = None, each: int | None = None) -> Collected:
    return collect(
        photos,
        folder,
        source="here",
        classes=("logam", "plastik"),
        get=store or Store(),
        each=each,
        advance=lambda _: None,
    )


def crops(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def test_every_single_thing_and_a_manifest_that_names_people(tmp_path: Path) -> None:
    found = run([photo(0, CAN, BAG, person="Ana"), photo(1, person="=Budi\n\0")], tmp_path)
    assert found == Collected(Counter(logam=2, plastik=1), people=2)
    assert crops(tmp_path) == ["logam/p0_0.jpg", "logam/p1_0.jpg", "plastik/p0_1.jpg"]
    dataset = load_dataset([tmp_path])
    assert [(row.path.name, row.label, row.source, row.group, row.author) for row in dataset.rows] == [
        ("p0_0.jpg", "logam", "here", "Ana", "Ana"),
        ("p1_0.jpg", "logam", "here", "=Budi", "=Budi"),
        ("p0_1.jpg", "plastik", "here", "Ana", "Ana"),
    ]


def test_again_nothing_is_fetched_and_what_a_person_removed_stays_away(tmp_path: Path) -> None:
    photos = [photo(number) for number in range(4)]
    run(photos, tmp_path)
    (tmp_path / "logam/p2_0.jpg").unlink()
    store = Store()
    assert run(photos, tmp_path, store).crops == {"logam": 3}
    assert not store.asked
    assert len(load_dataset([tmp_path]).rows) == 3


def test_as_many_photographers_as_asked_for_and_no_photo_more(tmp_path: Path) -> None:
    people = [photo(number, CAN, BAG, person=f"person {number // 3}") for number in range(60)]
    store = Store()
    found = run(people, tmp_path, store, each=5)
    assert found.crops == {"logam": 5, "plastik": 5}
    assert found.people == 5
    assert store.asked.total() == 5
    more = run(people, tmp_path, store, each=7)
    assert more.crops == {"logam": 7, "plastik": 7}
    assert store.asked.total() == 7


def test_others_stand_in_for_photos_that_are_not_to_be_had(tmp_path: Path) -> None:
    store = Store(p0=DownloadError("404"), p2=b"<html>log in</html>", p5=CONTENT[:500], p6=DownloadBrokenOff("cut"))
    photos = [photo(number, CAN, BAG, person=f"person {number}") for number in range(30)]
    found = run(photos, tmp_path, store, each=6)
    assert found == Collected(Counter(logam=6, plastik=6), people=6, lost=3, later=1)
    assert crops(tmp_path)[:3] == ["logam/p1_0.jpg", "logam/p3_0.jpg", "logam/p4_0.jpg"]


def test_what_is_lost_is_not_asked_for_again_and_what_may_come_later_is(tmp_path: Path) -> None:
    photos = [photo(number) for number in range(4)]
    store = Store(p0=DownloadError("404"), p1=DownloadBrokenOff("cut"), p2=PhotoMissing("not yet there"))
    assert run(photos, tmp_path, store) == Collected(Counter(logam=1), lost=1, later=2)
    store.faults.clear()
    assert run(photos, tmp_path, store) == Collected(Counter(logam=3), lost=1)
    assert store.asked == {"p0": 1, "p1": 2, "p2": 2, "p3": 1}


def test_when_nobody_answers_it_stops_and_keeps_what_there_is(tmp_path: Path) -> None:
    store = Store(**{f"p{number}": DownloadBrokenOff("no route") for number in range(3, 200)})
    with pytest.raises(DownloadBrokenOff, match=r"photos in a row cannot be had now; the last one: no route"):
        run([photo(number) for number in range(200)], tmp_path, store)
    assert store.asked.total() < 50
    assert len(load_dataset([tmp_path]).rows) == 3
    store.faults.clear()
    assert run([photo(number) for number in range(200)], tmp_path, store).crops == {"logam": 200}


def test_a_fault_in_the_list_keeps_what_there_is(tmp_path: Path) -> None:
    def broken() -> Iterator[BoxedPhoto]:
        yield from (photo(number) for number in range(9))
        raise DownloadError("the next table is a web page")

    with pytest.raises(DownloadError, match="web page"):
        run(broken(), tmp_path)  # type: ignore[arg-type]
    assert len(load_dataset([tmp_path]).rows) == 8


@pytest.mark.parametrize("left", [0, 1, 30, -1])
def test_a_kill_at_any_moment_neither_loses_nor_doubles(tmp_path: Path, left: int) -> None:
    photos = [photo(number) for number in range(3)]
    run(photos, tmp_path)
    journal = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    (tmp_path / JOURNAL).write_bytes(b"".join(journal[:2]) + journal[2][:left])
    (tmp_path / "manifest.csv").unlink()
    (tmp_path / "logam/.p9_0.0123abcd.part.jpg").write_bytes(b"half")
    store = Store()
    assert run(photos, tmp_path, store).crops == {"logam": 3}
    assert store.asked == {"p2": 1}
    assert [row.path.name for row in load_dataset([tmp_path]).rows] == ["p0_0.jpg", "p1_0.jpg", "p2_0.jpg"]
    assert len((tmp_path / JOURNAL).read_text().splitlines()) == 3


def test_a_broken_line_is_done_again(tmp_path: Path) -> None:
    run([photo(0), photo(1)], tmp_path)
    first, second = (tmp_path / JOURNAL).read_text().splitlines()
    (tmp_path / JOURNAL).write_text(f"{first[:20]}\n{second}\n")
    assert run([photo(0), photo(1)], tmp_path).crops == {"logam": 2}


def test_too_small_a_thing_is_not_looked_at_again(tmp_path: Path) -> None:
    small = photo(0, Box("logam", 0.1, 0.1, 0.15, 0.15))
    store = Store()
    assert run([small], tmp_path, store).crops == {}
    assert run([small], tmp_path, store).crops == {}
    assert store.asked == {"p0": 1}
    assert "small" in json.loads((tmp_path / JOURNAL).read_text())


def test_a_photo_gives_more_when_more_is_asked_for(tmp_path: Path) -> None:
    two = photo(0, CAN, Box("logam", 0.5, 0.5, 0.9, 0.9))
    assert run([two], tmp_path, each=3).crops == {"logam": 1}  # one of each class of a photo
    assert run([two], tmp_path).crops == {"logam": 2}
    assert crops(tmp_path) == ["logam/p0_0.jpg", "logam/p0_1.jpg"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be written"):
        run([photo(0)], tmp_path / "file" / "set")
