"""What several processes of one run do with its files: the first of them writes, the others wait."""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ecosorter.errors import RunError
from ecosorter.files import write_whole

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
