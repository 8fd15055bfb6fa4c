"""What processes of a pool do in tests. It imports little, since each of them must import it."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from ecosorter.bulk import Input
from ecosorter.errors import BundleError


def slowly(found: Input, notes: Path) -> Input:
    """Return a photo that takes two milliseconds to read, and leaves a note of who read it."""
    return replace(found, read=partial(_read_slowly, found.read, found.name, notes))


def _read_slowly(read: Callable[[], bytes], name: str, notes: Path) -> bytes:
    time.sleep(0.002)
    (notes / f"{os.getpid()} {Path(name).name}").touch()
    return read()


def noted(notes: Path) -> tuple[set[int], set[str]]:
    """Return the processes, and the names of the photos, of which there are notes."""
    pairs = [note.name.split(" ") for note in notes.iterdir()]
    return {int(process) for process, _ in pairs}, {name for _, name in pairs}


def inverse(number: int) -> float:
    """Return 1 / number; it fails in two ways."""
    if number == 13:
        raise BundleError("13 brings no luck")
    return 1 / number
