"""What several processes of one run do with its files: the first of them writes, the others wait."""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ecosorter.errors import RunError
from ecosorter.files import reason, write_whole

Content = TypeVar("Content")

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_WORDS = 300

_log = logging.getLogger(__name__)


def once(path: Path, make: Callable[[Path], object], *, rank: int = 0) -> None:
    """Make a file that is not there yet: the first process makes it, any other waits until it is there.

    Args:
        path: the file, in a folder that all processes see.
        make: as in `write_whole`.
        rank: of this process.

    Raises:
        RunError: the first process has ended without making it.
    """
    if rank:
        wait_for(path)
    elif not path.is_file():
        write_whole(path, make)


def once_read(path: Path, make: Callable[[Path], object], read: Callable[[Path], Content], *, rank: int = 0) -> Content:
    """Make a file that is not there yet, as `once` does, and return what it holds.

    One that cannot be read is set aside and made again: see `load_usable`.

    Args:
        path: the file, in a folder that all processes see.
        make: as in `write_whole`.
        read: returns its content; whatever it raises, the file cannot be used.
        rank: of this process.

    Raises:
        RunError: the first process has ended without making it, or the folder cannot be written.
    """
    while (found := load_usable(path, read, "it is made again", rank=rank)) is None and rank and path.is_file():
        time.sleep(_SECONDS_BETWEEN_LOOKS)  # until the first process has set it aside
    if found is not None:
        return found
    once(path, make, rank=rank)
    return read(path)


def load_usable(path: Path, read: Callable[[Path], Content], then: str, *, rank: int = 0) -> Content | None:
    """Return what a file holds, or None where it is not there or cannot be used.

    One that cannot be used, since a disk was full or the power failed, is named in a warning and renamed, so that
    nobody loses it or meets it again.

    Args:
        path: the file.
        read: returns its content; whatever it raises, the file cannot be used.
        then: what is done without it, in words.
        rank: of this process; the first one, 0, renames.

    Raises:
        RunError: it cannot be renamed.
    """
    if not path.is_file():
        return None
    try:
        return read(path)
    except Exception:  # libraries have many errors for a damaged file
        if not rank:
            _set_aside(path, then)
    return None


def _set_aside(path: Path, then: str) -> None:
    aside = path.with_name(f"{path.stem}.damaged{path.suffix}")
    try:
        path.replace(aside)
    except OSError as error:
        raise RunError(f"{path} is damaged and cannot be renamed ({reason(error)}).") from error
    _log.warning("%s is damaged and now called %s; %s.", path, aside.name, then)


def wait_for(path: Path) -> None:
    """Wait until the first process has made a file, however long its work takes.

    When the first process ends, those that have trained with it know. Before they have, whoever started them must end
    them, as torchrun and Slurm do; so they say what they wait for.

    Raises:
        RunError: the first process has ended without making it.
    """
    next_word = time.monotonic() + _SECONDS_BETWEEN_WORDS
    while not path.is_file():
        if not _first_is_there() and not path.is_file():
            raise RunError(f"The first of the processes has ended without making {path}; see what it said.")
        if time.monotonic() >= next_word:
            _log.warning("waiting for the first of the processes to make %s", path)
            next_word += _SECONDS_BETWEEN_WORDS
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _first_is_there() -> bool:
    """Tell whether the store of torch's process group answers, which the first process keeps; True without a group."""
    distributed = sys.modules.get("torch.distributed")  # without it no group was ever made
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return True
    try:
        distributed.distributed_c10d._get_default_store().check(["any"])  # torch has no public way
    except distributed.DistError:
        return False
    return True
