"""Compute features of photos by a bundle's own model, for several augmented views of each photo."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ecosorter.bundle import Bundle
from ecosorter.photos import open_photo
from ecosorter.preprocess import PreprocessSpec, to_pixels
from ecosorter.progress import Advance

AUGMENTATIONS = ((1.0, False), (1.0, True), (0.85, False), (0.85, True))
"""Share of the sides that is shown, and whether mirrored. The first is what a predictor sees; all are for fitting."""

_AT_ONCE = 16  # photos whose pixels are in memory together


def augmented_features(bundle: Bundle, photos: Sequence[Path], advance: Advance) -> NDArray[np.float32]:
    """Return the features of every augmented view of photos.

    Each is averaged over the bundle's own views, as its logits are when it predicts; for a linear head both are the
    same.

    Args:
        bundle: whose output ``features`` is taken.
        photos: files that can be opened.
        advance: called as photos are finished.

    Returns:
        ``[n, augmentations, d]``, in the order of `AUGMENTATIONS`.

    Raises:
        PhotoError: a photo cannot be used.
    """
    spec = bundle.info.preprocess
    session = onnxruntime.InferenceSession(bundle.model_path, quiet_options(), providers=["CPUExecutionProvider"])
    found = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(photos), _AT_ONCE):
            some = photos[start : start + _AT_ONCE]
            for pixels in pool.map(lambda photo: _augmented_pixels(photo, spec), some):
                (features,) = session.run(["features"], {"pixels": pixels})
                found.append(features.reshape(len(AUGMENTATIONS), len(spec.zooms), -1).mean(axis=1))
            advance(len(some))
    return np.stack(found)


def quiet_options() -> onnxruntime.SessionOptions:
    """Return options by which the model's threads do not take the cores from those that decode photos."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _augmented_pixels(photo: Path, spec: PreprocessSpec) -> NDArray[np.uint8]:
    """Return uint8 ``[augmentations * views, size, size, 3]``."""
    needed = int((spec.shorter_side or spec.size) / min(spec.zooms) / min(part for part, _ in AUGMENTATIONS)) + 1
    image = open_photo(photo, at_least=(needed, needed))
    views = [
        to_pixels(image, spec, part * zoom)[:, :: -1 if mirrored else 1]
        for part, mirrored in AUGMENTATIONS
        for zoom in spec.zooms
    ]
    return np.stack(views)
