"""Checkpoints of a fit: the last two, so that one which a full disk or a power cut spoiled costs some epochs only."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from ecosorter.errors import RunError
from ecosorter.files import reason, write_bytes
from ecosorter.training.waiting import load_usable

Restored = TypeVar("Restored")


class Checkpoints:
    """The last checkpoint of a fit, and the one before it.

    Args:
        folder: of this fit alone; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.last, self._previous = folder / "last.ckpt", folder / "previous.ckpt"

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint, and keep the one before it.

        Args:
            state: tensors and plain data, nothing else.

        Raises:
            RunError: the folder cannot be written, because the disk is full perhaps.
        """
        content = saved(state)
        try:
            if self.last.is_file():
                self.last.replace(self._previous)
            write_bytes(self.last, content)
        except OSError as error:
            raise RunError(
                f"The checkpoint {self.last} cannot be written ({reason(error)}). "
                "Mend that, and give the same command again: it goes on from the checkpoint before."
            ) from error

    def load(self, restore: Callable[[dict[str, Any]], Restored], *, rank: int = 0) -> Restored | None:
        """Return what the newest checkpoint that can be used gives, or None when there is none.

        One that cannot be used is set aside: see `load_usable`.

        Args:
            restore: makes something of a state that was saved; whatever it raises, the checkpoint cannot be used.
            rank: of this process; the first one, 0, renames, and all find the same.

        Raises:
            RunError: the folder cannot be read or written.
        """
        for path in (self.last, self._previous):
            state = load_usable(path, lambda file: restore(loaded(file)), "an earlier one is used", rank=rank)
            if state is not None:
                return state
        return None

    def clear(self) -> None:
        """Remove them: the fit is over."""
        for path in (self.last, self._previous):
            path.unlink(missing_ok=True)


def saved(state: dict[str, Any]) -> bytes:
    """Return what torch would write of a state; its own errors do not tell a full disk from others."""
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


def loaded(path: Path) -> dict[str, Any]:
    """Return a state that was saved; a file that would run code is refused."""
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state
