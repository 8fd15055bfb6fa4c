"""Cuts an object off the plain board that it was photographed on, shadow and transparency included.

Data sets such as TrashNet show every object on one white board, and a network learns the board. The light on a
board is smooth: a polynomial fitted to the photo's margin gives what the board would look like behind the object.
Where the photo differs from it, there is the object. What is left of the photo divided by the board is how much the
object's shadow, or the glass in front of it, dims the light; put before another background, it dims that one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_MARGIN = 0.75  # the board is looked for where the larger of |x|, |y| exceeds this; the photo spans -1..1
_STEP = 4  # every fourth pixel is enough for a smooth surface
_DARKER, _COLOURED = 0.12, 0.06  # from which difference in light and in saturation a pixel is the object's
_LEAST, _MOST = 0.03, 0.75  # share of the photo that an object may cover to be believed
_AT_EDGE, _BOARD_SEEN = 0.25, 0.35  # share of the photo's edge that it may touch; of the margin that must be board


@dataclass(frozen=True, slots=True)
class Foreground:
    """An object without its background.

    Attributes:
        mask: bool [h, w], True where the object is.
        light: float32 [h, w, 3], by which a background is to be multiplied outside of the mask; 1 is untouched.
    """

    mask: NDArray[np.bool_]
    light: NDArray[np.float32]


def find_foreground(pixels: NDArray[np.uint8]) -> Foreground | None:
    """Find the one object that lies on a plain board.

    Args:
        pixels: RGB [h, w, 3].

    Returns:
        The object; None where there is no plain board, or what was found is too small, too large or cut off by the
        photo's edge.
    """
    photo: NDArray[np.float32] = np.divide(pixels, 255, dtype=np.float32)
    found = _board(photo)
    if found is None:
        return None
    board, seen = found
    light: NDArray[np.float32] = np.divide(photo, board, dtype=np.float32)
    differs = np.abs(light - 1).max(axis=-1) > _DARKER
    differs |= np.abs(np.ptp(photo, axis=-1) - np.ptp(board, axis=-1)) > _COLOURED
    mask = _largest(differs)
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if seen < _BOARD_SEEN or not _LEAST < mask.mean() < _MOST or edge.mean() > _AT_EDGE:
        return None
    return Foreground(mask, light)


def _board(photo: NDArray[np.float32]) -> tuple[NDArray[np.float32], float] | None:
    """Return the board [h, w, 3] as it would look without the object, and which share of the margin it is."""
    terms = _terms(photo.shape[0], photo.shape[1])
    margin = np.zeros(photo.shape[:2], bool)
    margin[::_STEP, ::_STEP] = np.abs(terms[::_STEP, ::_STEP, 1:3]).max(axis=-1) > _MARGIN
    known, colours = terms[margin], photo[margin]
    plain = np.ones(len(known), bool)
    for _ in range(6):  # fit, leave out what does not fit, fit again
        surface, *_rest = np.linalg.lstsq(known[plain], colours[plain], rcond=None)
        error = np.abs(known @ surface - colours).max(axis=1)
        plain = error < max(0.03, 2 * float(np.median(error)))
        if plain.sum() < 10 * terms.shape[-1]:
            return None
    board = np.clip(terms @ surface, 0.05, 1).astype(np.float32)
    return board, float(plain.mean())


def _terms(height: int, width: int) -> NDArray[np.float32]:
    """Return 1, x, y, x², y², xy at every pixel: [h, w, 6]."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).astype(np.float32)


def _largest(differs: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the largest connected part, without specks and holes."""
    reach = 8
    mask = np.pad(ndimage.binary_opening(differs), reach)
    mask = ndimage.binary_closing(mask, iterations=reach)[reach:-reach, reach:-reach]
    parts, number = ndimage.label(ndimage.binary_fill_holes(mask))
    if number == 0:
        return np.zeros_like(mask)
    largest: NDArray[np.bool_] = parts == 1 + np.argmax(ndimage.sum_labels(mask, parts, range(1, number + 1)))
    return largest
