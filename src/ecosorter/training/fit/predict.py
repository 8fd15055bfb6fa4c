"""What a network in training says of photos: on the very pixels that the bundle will see."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecosorter.preprocess import PreprocessSpec, load_views
from ecosorter.progress import Advance
from ecosorter.training.features import normalised
from ecosorter.training.fit.network import WasteNet

_BATCH = 32
_AHEAD = 64  # photos that are decoded before their turn


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What a network says of n photos in each of their views.

    Attributes:
        logits: float32 ``[n, views, classes]``.
        features: float32 ``[n, views, d]``.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]


@torch.no_grad()
def predict(network: WasteNet, paths: Sequence[Path], spec: PreprocessSpec, advance: Advance) -> Predicted:
    """Run a network over photos, every view of each, in bfloat16; the head in float32.

    Args:
        network: is set to evaluation.
        paths: of photos that are known to open.
        spec: the rule of the bundle, with its views, greyscale and normalisation.
        advance: called as photos are finished.

    Raises:
        PhotoError: a photo no longer opens.
    """
    network.eval()
    views = len(spec.zooms)
    features = np.empty((len(paths), views, network.head.in_features), np.float32)
    start = 0
    for pixels in _decoded(paths, spec):
        images = normalised(torch.from_numpy(pixels.reshape(-1, *pixels.shape[2:])), spec)
        with torch.autocast("cpu", torch.bfloat16):
            found = network.pooled(images.contiguous(memory_format=torch.channels_last))
        features[start : start + len(pixels)] = found.numpy().reshape(len(pixels), views, -1)
        start += len(pixels)
        advance(len(pixels))
    logits: NDArray[np.float32] = network.head(torch.from_numpy(features)).numpy()
    return Predicted(logits, features)


def whole_features(
    network: WasteNet, paths: Sequence[Path], spec: PreprocessSpec, advance: Advance
) -> NDArray[np.float32]:
    """Return what a network sees in whole photos, not in their other views: float32 ``[n, d]``."""
    return predict(network, paths, spec.model_copy(update={"zooms": (1.0,)}), advance).features[:, 0]


def _decoded(paths: Sequence[Path], spec: PreprocessSpec) -> Iterator[NDArray[np.uint8]]:
    """Yield batches of the photos' views, ``[photos, views, s, s, 3]``, decoding the next ones in threads meanwhile."""
    waiting = iter(paths)
    ahead: deque[Future[NDArray[np.uint8]]] = deque()
    load = partial(load_views, spec=spec)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while True:
            while len(ahead) < _AHEAD and (path := next(waiting, None)):
                ahead.append(pool.submit(load, path))
            if not ahead:
                return
            yield np.stack([ahead.popleft().result() for _ in range(min(_BATCH, len(ahead)))])
