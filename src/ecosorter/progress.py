"""How long work tells whoever waits for it; the command line draws bars, a library call stays silent."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Called with the number of things that were just finished."""


class Progress(Protocol):
    """Somebody who wants to know how far the work is."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Begin a stage of `total` things; inside the block, call what you get as they are finished."""

    def note(self, text: str) -> None:
        """Say a sentence that the person should read."""


class Silent:
    """Nobody wants to know."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:  # noqa: ARG002  # the protocol's signature
        """Do nothing."""
        yield lambda _: None

    def note(self, text: str) -> None:
        """Do nothing."""
