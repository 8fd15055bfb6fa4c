"""A drop folder: photos as they arrive."""

import os
from collections.abc import Callable, Iterator, MutableMapping
from hashlib import sha256
from pathlib import Path
from threading import Event

from ecosorter.bulk.inputs import Input, local_input
from ecosorter.errors import PhotoError
from ecosorter.folders import find_photos
from ecosorter.photos import Limits, load_photo

_QUIET_LOOKS = 2  # that must find a file as the one before did, until it counts as whole
_QUIET_LOOKS_EMPTY = 30  # some programs make an empty file first, and fill it later

_Look = tuple[int, int]  # bytes, time of the last change


def watch(
    folder: Path,
    limits: Limits,
    stop: Event,
    done: MutableMapping[str, str],
    *,
    seconds: float = 1.0,
    left_out: Callable[[Path], object] = lambda _: None,
) -> Iterator[Input | None]:
    """Wait for photos in a folder and below it. It polls, which works on every kind of disk and share.

    A file that is still being written is left until its size and time of change have stood still for two looks; an
    empty one for thirty. A file that changes later, or disappears and comes back, is a new photo.

    Args:
        folder: to look into.
        limits: caps on each photo.
        stop: set it to end.
        done: `fingerprint` by path of photos that an earlier run answered. Those that are still there with the same
            bytes are passed over; the dictionary is emptied.
        seconds: between two looks.
        left_out: is told of each photo in a system's folder, once.

    Yields:
        Photos; None each time there is nothing more for now.
    """
    out: set[Path] = set()
    seen: dict[str, tuple[_Look, int]] = {}  # how often each file looked the same; below 0 for those that are done
    while not stop.is_set():
        present: dict[str, tuple[_Look, int]] = {}
        now_out: set[Path] = set()
        for path in map(os.fspath, find_photos([folder], now_out.add)):
            look = _look(path)
            if look is None:
                continue
            last, times = seen.get(path, (None, 0))
            times = (times + 1 if times >= 0 else -1) if look == last else 0
            if times >= (_QUIET_LOOKS if look[0] else _QUIET_LOOKS_EMPTY):
                times = -1
                before = done.pop(path, None)
                if before is None or fingerprint(path, limits) != before:
                    yield local_input(path, limits)
            present[path] = (look, times)
            if stop.is_set():
                return
        seen = present  # what is gone is forgotten
        for path_out in now_out - out:
            left_out(path_out)
        out = now_out
        for path in done.keys() - present.keys():
            del done[path]
        yield None
        stop.wait(seconds)


def _look(path: str) -> _Look | None:
    try:
        status = Path(path).stat()
    except OSError:  # it has gone, or is a link that leads nowhere yet
        return None
    return (status.st_size, status.st_mtime_ns) if Path(path).is_file() else None


def fingerprint(path: str, limits: Limits) -> str:
    """Return the sha256 of a photo's bytes in hexadecimal digits; empty if it cannot be read."""
    try:
        return sha256(load_photo(path, limits)).hexdigest()
    except PhotoError:
        return ""
