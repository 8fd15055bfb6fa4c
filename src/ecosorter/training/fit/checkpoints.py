"""Checkpoints of a fit: the last two, so that one which a full disk or a power cut spoiled costs some epochs only."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from ecosorter.errors import RunError
from ecosorter.files import write_whole

Restored = TypeVar("Restored")

_log = logging.getLogger(__name__)


class Checkpoints:
    """The last checkpoint of a fit, and the one before it.

    Args:
        folder: of this fit alone; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._last, self._previous = folder / "last.ckpt", folder / "previous.ckpt"

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint, and keep the one before it.

        Args:
            state: tensors and plain data, nothing else.

        Raises:
            RunError: the folder cannot be written, because the disk is full perhaps.
        """
        content = io.BytesIO()
        torch.save(state, content)  # torch's own errors do not tell a full disk from others
        try:
            if self._last.is_file():
                self._last.replace(self._previous)
            write_whole(self._last, lambda part: part.write_bytes(content.getbuffer()))
        except OSError as error:
            raise RunError(
                f"The checkpoint {self._last} cannot be written ({error.strerror}). "
                "Mend that, and give the same command again: it goes on from the checkpoint before."
            ) from error

    def load(self, restore: Callable[[dict[str, Any]], Restored]) -> Restored | None:
        """Return what the newest checkpoint that can be used gives, or None when there is none.

        One that cannot be used is named in a warning and renamed, so that nobody loses it or meets it again.

        Args:
            restore: makes something of a state that was saved; whatever it raises, the checkpoint cannot be used.

        Raises:
            RunError: the folder cannot be read or written.
        """
        for path in (self._last, self._previous):
            if not path.is_file():
                continue
            try:
                return restore(torch.load(path, weights_only=True, map_location="cpu"))
            except Exception:  # torch has many errors for a damaged file
                _set_aside(path)
        return None


def _set_aside(path: Path) -> None:
    aside = path.with_name(f"{path.stem}.damaged{path.suffix}")
    try:
        path.replace(aside)
    except OSError as error:
        raise RunError(f"The checkpoint {path} is damaged and cannot be renamed ({error.strerror}).") from error
    _log.warning("The checkpoint %s is damaged and now called %s; an earlier one is used.", path, aside.name)
