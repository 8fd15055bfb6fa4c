"""Put photos into folders by class, so that it can be undone.

Every step is noted in the undo file before it is taken, and once more when it is done: whatever moment a kill comes at,
the next run knows what is whose. The undo file is an SQLite database, which a kill leaves whole, and in which a photo
is found among millions without loading them.
"""

import errno
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from ecosorter.bulk.inputs import Input
from ecosorter.bulk.notes import Entry, How, Notes
from ecosorter.bulk.rows import Row, outcome
from ecosorter.errors import BulkError
from ecosorter.files import reason, remove_parts, write_whole

FOLDERS = {"failed": "failed", "low_confidence": "not-sure", "no_waste": "no-waste"}
"""Folders of photos without an answer, by outcome; the others' are named like their class."""

_LONGEST = 60  # letters of a class's folder
_RESERVED = re.compile("con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)  # on Windows
_STOPPING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # the next photo will not do better


@dataclass
class Undone:
    """What came of undoing: how many photos are as before, and files that were left since they have changed."""

    restored: int
    left: list[Path]


class Sorter:
    """Puts photos below a folder.

    Args:
        folder: with a folder for each class, `FOLDERS`, and the undo file; made when missing.
        how: copy, symbolic link, or move.
        name: of the undo file; runs of the same name go on where the last one ended.
        classes: that rows may have.

    Attributes:
        undo_file: what `undo` takes.
        left: how many photos were left where they are: in archives, at addresses, gone, or unreadable.

    Raises:
        BulkError: the folder cannot be written.
    """

    def __init__(self, folder: Path, how: How, name: str, classes: Iterable[str]) -> None:
        self._folder, self._how = Path(os.path.abspath(folder)), how  # noqa: PTH100 - follows no links
        self.undo_file = self._folder / f"{name}.undo"
        self.left = 0
        self._folders = folder_names(classes)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BulkError(f"{folder} cannot be made: {reason(error)}.") from error
        self._notes = Notes(self.undo_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._notes.close()

    def place(self, row: Row, photo: Input | None) -> Path | None:
        """Put a photo where its row says; one that is there already stays.

        Args:
            row: what is said of it.
            photo: None where only the row is left; nothing is then done.

        Returns:
            Where its file now is: the target if it was moved. None when it has no file.

        Raises:
            BulkError: the disk is full or must not be written.
        """
        if photo is None:
            earlier = self._notes.find(Path(os.path.abspath(row["path"])))  # noqa: PTH100
            return earlier.target if earlier and earlier.how == "move" else None
        source = photo.path
        if source is None:
            self.left += 1
            return None
        try:
            entry = self._place(row, source)
        except OSError as error:
            if error.errno in _STOPPING:
                raise BulkError(f"{source} cannot be put into {self._folder}: {reason(error)}.") from error
            self.left += 1
            return source
        return entry.target if entry.how == "move" else source

    def is_moved(self, path: str) -> bool:
        """Tell whether a photo was moved and has not come back."""
        entry = self._notes.find(Path(os.path.abspath(path)))  # noqa: PTH100
        return entry is not None and entry.how == "move" and not os.path.lexists(entry.source)

    def _place(self, row: Row, source: Path) -> Entry:
        folder = self._folder / (FOLDERS.get(outcome(row)) or self._folders[row["label"]])
        entry = self._notes.find(source)
        if entry and self._is_settled(entry, folder, row["sha256"]):
            return self._notes.put(entry._replace(done=True))
        digest = row["sha256"] or _digest(source)
        folder.mkdir(exist_ok=True)
        for target in _names(folder, source.name, digest):
            if os.path.lexists(target):
                continue
            entry = self._notes.put(Entry(target, source, self._how, digest, done=False))
            try:
                _PUT[self._how](source, target)
            except OSError as error:
                self._notes.forget(entry)
                if not isinstance(error, FileExistsError):  # somebody else was faster
                    raise
            else:
                return self._notes.put(entry._replace(done=True))
        raise AssertionError  # the names never end

    def _is_settled(self, entry: Entry, folder: Path, digest: str | None) -> bool:
        """Tell whether a photo is where it belongs. What a kill left half done is finished or cleared away."""
        there = os.path.lexists(entry.target)
        failed_then = entry.target.parent.name == FOLDERS["failed"]
        another = entry.how != "link" and digest not in (None, entry.sha256)  # that came under the same name
        as_asked = entry.target.parent == folder and entry.how == self._how
        if entry.how == "move":
            if not os.path.lexists(entry.source):
                return True
            if not entry.done and there and _digest(entry.target) == _digest(entry.source) == entry.sha256:
                entry.source.unlink()  # it was on its way to another disk
                return True
        elif as_asked and there and not another and (entry.done or _is_ours(entry)):
            return True
        elif (failed_then or not another) and _is_ours(entry):  # another answer than before
            entry.target.unlink()
            self._notes.forget(entry)
        if not entry.done:
            _clear_away(entry.target)
        return False


def undo(file: Path) -> Undone:
    """Take back what a `Sorter` did: put moved photos back, remove copies and links.

    A copy that has changed since, and a moved photo whose old place is taken, are left; the undo file then stays, with
    these in it, and can be used again. Otherwise it goes, and so do folders that are empty.

    Raises:
        BulkError: it is no undo file.
    """
    if not file.is_file():
        raise BulkError(f"There is no undo file {file}; it lies in the folder that the photos were sorted into.")
    undone = Undone(0, [])
    with Notes(file) as notes:
        for entry in notes:
            if _take_back(entry):
                notes.forget(entry)
                undone.restored += 1
            else:
                undone.left.append(entry.target)
            with suppress(OSError):  # not empty
                entry.target.parent.rmdir()
    if not undone.left:
        file.unlink()
    return undone


def _take_back(entry: Entry) -> bool:
    if not entry.done:
        with suppress(OSError):
            remove_parts(entry.target)
    if not os.path.lexists(entry.target):
        return True
    if entry.how == "move":
        try:
            entry.source.parent.mkdir(parents=True, exist_ok=True)
            _move(entry.target, entry.source)
        except OSError:
            return False
        return True
    if not _is_ours(entry):
        return False
    entry.target.unlink()
    return True


def _is_ours(entry: Entry) -> bool:
    """Tell whether a copy or link is there, whole and unchanged."""
    try:
        if entry.how == "link":
            return entry.target.readlink() == entry.source
        return entry.how == "copy" and not entry.target.is_symlink() and _digest(entry.target) == entry.sha256
    except OSError:
        return False


def _clear_away(target: Path) -> None:
    """Remove what a kill has left: half a copy, and the empty file with which a name was reserved."""
    with suppress(OSError):
        remove_parts(target)
        if target.lstat().st_size == 0:
            target.unlink()


def _copy(source: Path, target: Path) -> None:
    # To wait for the disk would cost more than the copying.
    write_whole(target, lambda part: shutil.copy2(source, part), exclusive=True, sync=False)


def _link(source: Path, target: Path) -> None:
    target.symlink_to(source)


def _move(source: Path, target: Path) -> None:
    target.open("xb").close()
    try:
        source.replace(target)
    except OSError as error:
        target.unlink()
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)  # to another disk
        source.unlink()


_PUT = {"copy": _copy, "link": _link, "move": _move}


def _names(folder: Path, name: str, digest: str) -> Iterator[Path]:
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - Path has no counterpart for any name
    yield folder / name
    yield folder / f"{stem}-{digest[:8]}{ending}"
    for number in count(2):
        yield folder / f"{stem}-{digest[:8]}-{number}{ending}"


def folder_names(classes: Iterable[str]) -> dict[str, str]:
    """Return a folder for each class; a model may call its classes what it likes.

    A class keeps its name where it can: where that is no name for a folder on every system, or is one of `FOLDERS` or
    another class's, a piece of its hash is put behind it.
    """
    plain = {name: re.sub(r"[^\w -]", "_", name)[:_LONGEST].strip() or "_" for name in classes}
    taken = Counter(map(str.casefold, (*plain.values(), *FOLDERS.values())))
    return {
        name: folder
        if taken[folder.casefold()] == 1 and not _RESERVED.fullmatch(folder)
        else f"{folder}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        for name, folder in plain.items()
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
