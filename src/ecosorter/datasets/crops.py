"""Cut things out of photos with boxes, wherever those lie, into class folders with a manifest beside them.

What was done stands in a journal, a line for each photo. Whoever starts again goes on from there: nothing is cut out
twice, and a crop that a person has removed stays away.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ecosorter.datasets.boxes import BoxedPhoto, cut_out, open_boxed, single_things
from ecosorter.datasets.manifest import MANIFEST, table_text
from ecosorter.errors import DownloadBrokenOff, DownloadError, PhotoError
from ecosorter.files import reason, write_bytes, write_text
from ecosorter.progress import Advance

JOURNAL = ".crops.jsonl"
_AT_ONCE = 8  # photos; enough to keep a line busy, few enough to be a polite guest
_GIVE_UP = 24  # photos in a row that cannot be had now: the line is down, or the server wants to be left alone
_LONGEST = 300  # letters of a name or address that somebody else wrote

Get = Callable[[BoxedPhoto], bytes]
"""Gives a photo's bytes. DownloadError: it is not to be had. DownloadBrokenOff and PhotoError: perhaps another time."""

_Task = tuple[BoxedPhoto, list[int]]
"""A photo, and the numbers of the boxes that are to be cut out of it."""


@dataclass
class Collected:
    """What a folder of crops holds now, and what became of the photos of this run.

    Attributes:
        crops: by class.
        people: how many photographers are named.
        lost: photos that were not to be had, or were none, in this run and before.
        later: photos of this run that could not be had now.
    """

    crops: Counter[str] = field(default_factory=Counter)
    people: int = 0
    lost: int = 0
    later: int = 0


def collect(
    photos: Iterable[BoxedPhoto],
    folder: Path,
    *,
    source: str,
    classes: Sequence[str],
    get: Get,
    each: int | None,
    advance: Advance,
) -> Collected:
    """Cut single things out of photos until there are enough.

    Args:
        photos: taken one after the other, no more of them than needed.
        folder: gets class folders with JPEGs, ``manifest.csv`` and the journal.
        source: what the manifest calls the source.
        classes: that the photos can show.
        get: gives a photo's bytes; called by several threads.
        each: crops of each class, each of another group; None cuts out all.
        advance: is told of each crop, also of those from before.

    Raises:
        DownloadBrokenOff: so many photos in a row cannot be had now that it is better to stop.
        DownloadError: the folder cannot be written.
        DatasetError: of `photos`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = _Work(folder, each, classes)
        advance(work.done.total())
        try:
            later = _work_off(work, photos, partial(_cut_photo, folder, get), advance)
        finally:
            found = _write_manifest(folder, source, work.lines)
    except OSError as error:
        raise DownloadError(f"{folder} cannot be written ({reason(error)}); is the disk full?") from error
    found.lost, found.later = len(work.lost), later
    return found


def _work_off(work: "_Work", photos: Iterable[BoxedPhoto], cut: Callable[[_Task], "_Outcome"], advance: Advance) -> int:
    """Cut until nothing is left to do; return how many photos could not be had now."""
    in_a_row = later = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for batch in work.batches(photos):
            for outcome in pool.map(cut, batch):
                later += outcome.later
                in_a_row = in_a_row + 1 if outcome.broken_off else 0
                if not outcome.later:
                    work.add(outcome)
                    advance(len(outcome.crops))
            if in_a_row >= _GIVE_UP:
                raise DownloadBrokenOff(f"{in_a_row} photos in a row cannot be had now; the last one: {outcome.why}")
    return later


@dataclass
class _Outcome:
    """What became of one photo: its line of the journal, or that it may be had another time."""

    photo: BoxedPhoto
    crops: dict[int, str] = field(default_factory=dict)
    small: list[int] = field(default_factory=list)
    why: str = ""
    later: bool = False
    broken_off: bool = False

    def line(self) -> dict[str, Any]:
        """Return what the journal keeps. The crops' file names follow from photo, class and number."""
        credit = {name: _clean(getattr(self.photo, name)) for name in ("group", "author", "licence", "url")}
        kept = {"crops": self.crops, "small": self.small, **credit}
        return {"photo": self.photo.name, **({"lost": self.why} if self.why else kept)}


class _Work:
    """What is done, and what is to be done next."""

    def __init__(self, folder: Path, each: int | None, classes: Sequence[str]) -> None:
        self._path, self._each, self._classes = folder / JOURNAL, each, classes
        self.lines = _read_journal(self._path)
        self.lost: set[str] = set()
        self.done: Counter[str] = Counter()
        self._known: set[tuple[str, int]] = set()
        self._taken: set[tuple[str, str]] = set()  # class and group
        self._reserved: Counter[str] = Counter()
        for line in self.lines:
            self._count(line)

    def add(self, outcome: _Outcome) -> None:
        """Write a photo's line, which is as good as its crops."""
        line = json.loads(json.dumps(outcome.line()))  # as it will be read back
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.lines.append(line)
        self._count(line)

    def batches(self, photos: Iterable[BoxedPhoto]) -> Iterator[list[_Task]]:
        """Yield photos that are to be cut now; `add` is to be called with what became of them before the next ones."""
        stream, held = iter(photos), None
        while True:
            batch: list[_Task] = []
            self._reserved.clear()
            while len(batch) < _AT_ONCE and not self._enough:
                photo, held = held or next(stream, None), None
                if photo is None:
                    break
                boxes = self._next_boxes(photo)
                if boxes is None:  # it depends on what becomes of the others
                    held = photo
                    break
                if boxes:
                    batch.append((photo, boxes))
            if not batch:
                return
            yield batch

    @property
    def _enough(self) -> bool:
        return self._each is not None and all(self.done[name] >= self._each for name in self._classes)

    def _next_boxes(self, photo: BoxedPhoto) -> list[int] | None:
        """Return which boxes are to be cut out; None where that is not known before the present batch is done."""
        if photo.name in self.lost:
            return []
        found: dict[int, str] = {}
        for index in single_things(photo.boxes):
            label = str(photo.boxes[index].label)
            if (photo.name, index) in self._known:
                continue
            if self._each is not None:
                group = (label, _clean(photo.group))
                if label in found.values() or group in self._taken or self.done[label] >= self._each:
                    continue
                if self.done[label] + self._reserved[label] >= self._each:
                    return None
            found[index] = label
        self._reserved.update(found.values())
        if self._each is not None:
            self._taken.update((label, _clean(photo.group)) for label in found.values())
        return list(found)

    def _count(self, line: dict[str, Any]) -> None:
        name = str(line["photo"])
        if "lost" in line:
            self.lost.add(name)
            return
        for index, label in line["crops"].items():
            self._known.add((name, int(index)))
            self._taken.add((label, str(line["group"])))
            self.done[label] += 1
        self._known.update((name, int(index)) for index in line["small"])


def _cut_photo(folder: Path, get: Get, task: _Task) -> _Outcome:
    photo, boxes = task
    outcome = _Outcome(photo)
    try:
        data = get(photo)
    except (DownloadBrokenOff, PhotoError) as error:
        return _Outcome(photo, why=str(error), later=True, broken_off=isinstance(error, DownloadBrokenOff))
    except DownloadError as error:
        return _Outcome(photo, why=str(error))
    try:
        image = open_boxed(data, photo.size)
    except PhotoError as error:
        return _Outcome(photo, why=str(error), later="://" not in photo.place)  # one's own file can be mended
    for index in boxes:
        label = str(photo.boxes[index].label)
        if content := cut_out(image, photo.boxes[index], photo.turn):
            write_bytes(folder / _crop(photo.name, index, label), content)
            outcome.crops[index] = label
        else:
            outcome.small.append(index)
    return outcome


def _crop(photo: str, index: int, label: str) -> Path:
    return Path(label, f"{photo}_{index}.jpg")


def _read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the lines back; a last one that a kill has cut off is removed, and its photo is done again."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        write_bytes(path, whole)
    lines = []
    for line in whole.splitlines():
        with suppress(ValueError):  # what a broken disk has left of a line: its photo is done again
            lines.append(json.loads(line))
    return lines


def _write_manifest(folder: Path, source: str, lines: Iterable[dict[str, Any]]) -> Collected:
    """Write the manifest of all crops that are there."""
    found, people = Collected(), set()
    rows = []
    for line in lines:
        for index, label in line.get("crops", {}).items():
            path = _crop(str(line["photo"]), int(index), label)
            if (folder / path).exists():
                credit = (line["author"], line["licence"], line["url"])
                rows.append((path.as_posix(), label, source, line["group"], "", *credit))
                found.crops[label] += 1
                people.add(line["author"])
    found.people = len(people - {""})
    write_text(folder / MANIFEST, table_text(sorted(rows)))
    return found


def _clean(text: str) -> str:
    """Return what others wrote without what breaks a line or a table."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST]
