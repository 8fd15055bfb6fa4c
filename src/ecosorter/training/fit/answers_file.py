"""What a fit answered to the photos that it never saw, kept so that a run which was cut off does not fit it again."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecosorter.files import write_bytes
from ecosorter.training.waiting import load_usable

_NAME = "answers.npz"


def write_answers(folder: Path, logits: Sequence[NDArray[np.float32]]) -> None:
    """Write logits ``[n, classes]``, of the fit and of what it is compared with, into the folder of its job."""
    content = io.BytesIO()
    np.savez(content, *logits)
    write_bytes(folder / _NAME, content.getvalue())


def load_answers(folder: Path, *, rank: int = 0) -> list[NDArray[np.float32]] | None:
    """Return what was written; None where nothing was, or where it is damaged and set aside (waiting.py)."""
    return load_usable(folder / _NAME, _read, "what it held is fitted again", rank=rank)


def _read(path: Path) -> list[NDArray[np.float32]]:
    with np.load(path) as stored:
        return [stored[name] for name in stored.files]
