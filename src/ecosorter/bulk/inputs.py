"""What every kind of input comes down to: a name, and a function that gives the bytes."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from ecosorter.errors import PhotoError, PhotoMissing
from ecosorter.photos import Limits, load_photo


@dataclass(frozen=True, slots=True)
class Input:
    """A photo that is still to be read.

    Attributes:
        name: what it is called in every output.
        read: gives the file's bytes, or raises a `PhotoError` and nothing else. Any thread may call it.
        held: how many bytes `read` already holds in memory; 0 when it fetches them.
        path: its file, if it is a file on this machine.
    """

    name: str
    read: Callable[[], bytes]
    held: int = 0
    path: Path | None = None

    def without_bytes(self) -> "Input":
        """Return the photo without what `read` holds in memory; if that was anything, it cannot be read again."""
        return (
            replace(self, read=partial(_fail, PhotoMissing(f"{self.name} was read before.")), held=0)
            if self.held
            else self
        )


def local_input(name: str, limits: Limits) -> Input:
    """Return the photo in a file."""
    return Input(name, partial(load_photo, name, limits), path=Path(os.path.abspath(name)))  # noqa: PTH100 - no links


def failing_input(name: str, error: PhotoError) -> Input:
    """Return a photo that cannot be read, for what should have been one or many."""
    return Input(name, partial(_fail, error))


def _fail(error: PhotoError) -> NoReturn:
    raise error
