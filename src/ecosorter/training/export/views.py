"""Photos as a predictor sees them, and what a bundle's graph makes of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ecosorter.preprocess import PreprocessSpec, decode_pixels, decode_views
from ecosorter.progress import Advance

BATCH = 32

RANGE_PHOTOS = 256
"""How many photos decide the ranges of 8-bit integers."""

_RANGES_BATCH = 16


def decoded(paths: Sequence[Path], spec: PreprocessSpec, size: int = BATCH) -> Iterator[NDArray[np.uint8]]:
    """Yield whole photos as the predictor sees them, ``[size, side, side, 3]`` at a time."""
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), size):
            yield np.stack(list(pool.map(partial(decode_pixels, spec=spec), paths[start : start + size])))


def range_batches(paths: Sequence[Path], spec: PreprocessSpec, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Draw the photos that decide the ranges of 8-bit integers, and yield them as `quantize` wants them."""
    drawn = np.random.default_rng(seed).permutation(len(paths))[:RANGE_PHOTOS]
    return decoded([paths[number] for number in drawn], spec, _RANGES_BATCH)


def view_outputs(
    model: bytes, output: str, paths: Sequence[Path], spec: PreprocessSpec, advance: Advance
) -> NDArray[np.float32]:
    """Return an output of a bundle's graph for photos, float32 ``[n, views, k]``.

    Args:
        model: serialised.
        output: ``"features"`` or ``"logits"``.
        paths: the photos.
        spec: from a photo to pixels; its `zooms` are the views.
        advance: called as photos are finished.
    """
    session = onnxruntime.InferenceSession(model)
    found = []
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), BATCH):
            views = list(pool.map(partial(decode_views, spec=spec), paths[start : start + BATCH]))
            (values,) = session.run([output], {"pixels": np.concatenate(views)})
            found.append(values.reshape(len(views), len(spec.zooms), -1))
            advance(len(views))
    return np.concatenate(found)
