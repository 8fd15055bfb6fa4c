"""What is done to a trained network before it ships: 8-bit integers, signals of no waste, and what both cost."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from ecosorter.decision import Thresholds, decide, softmax
from ecosorter.preprocess import PreprocessSpec, decode_pixels, decode_views
from ecosorter.training.graphs import join, renamed
from ecosorter.training.negatives import negatives
from ecosorter.training.photoset import PhotoSet
from ecosorter.training.progress import Advance, Progress
from ecosorter.training.quantize import compare, quantize
from ecosorter.training.signals import NAMES, Signals, detail, fit_least, fit_signals, out_of_fold, signals_graph

_RANGES, _RANGES_BATCH = 256, 16  # photos that decide the ranges of the integers
_COMPARED = 4000  # photos on which the integers are compared with floats; of 1,000, half a point is chance
_REFUSED = 0.03  # share of photos of waste that the signals may take for no waste
_BATCH = 32

_Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """A model in 8 bits.

    Attributes:
        model: the graph, serialised, with the output ``signals``.
        thresholds: those given, and the least values of the signals.
        features: float32 ``[n, d]`` of all photos, as this model gives them, the mean of each photo's views.
        compared: how it compares with the float model (quantize.py).
        no_waste: on pictures without waste whose like it never saw: how many, the share that gets "not sure", and the
            share of those that the signals refuse; and the share of training photos of waste that they refuse.
    """

    model: bytes
    thresholds: Thresholds
    features: NDArray[np.float32]
    compared: dict[str, Any]
    no_waste: dict[str, float]


def to_eight_bits(
    full: bytes,
    photos: PhotoSet,
    spec: PreprocessSpec,
    temperature: float,
    thresholds: Thresholds,
    seed: int,
    progress: Progress,
) -> Shipped:
    """Quantise a float graph, fit its signals, and measure both.

    Args:
        full: the float graph of a bundle.
        photos: that the network learned from.
        spec: preprocessing.
        temperature: of the softmax.
        thresholds: when to answer.
        seed: of what is drawn.
        progress: is told of each photo.
    """
    paths = [row.path for row in photos.rows]
    labels = photos.labels
    sources = [row.source for row in photos.rows]
    order = np.random.default_rng(seed).permutation(len(paths))
    ranges = order[:_RANGES]
    others = order[_RANGES:][:_COMPARED] if len(order) > 2 * _RANGES else order  # of few photos, all serve twice
    small = quantize(full, _decoded([paths[row] for row in ranges], spec, _RANGES_BATCH))
    sample = np.concatenate(list(_decoded([paths[row] for row in others], spec, _BATCH)))
    compared = asdict(compare(full, small, sample, labels[others]))

    with progress.stage("features", len(paths)) as advance:
        features, details = _seen(small, _decoded(paths, spec, _BATCH), lambda _: None)
        views = _views(small, paths, spec, advance)
    strange, kinds = negatives("fit", spec.size, seed)
    strange_features, strange_details = _seen(small, _cut(strange), lambda _: None)
    values, strange_values = out_of_fold(features, labels, sources, strange_features, kinds, seed=seed)
    least = fit_least(
        np.column_stack([values, details]), sources, np.column_stack([strange_values, strange_details]), share=_REFUSED
    )
    signals = fit_signals(features, labels, sources, strange_features)
    model = with_signals(small, signals, spec.size)
    thresholds = thresholds.model_copy(update={"signals": dict(zip(NAMES, least, strict=True))})
    unseen, _ = negatives("held-out", spec.size, seed)
    reasons = _reasons(model, unseen, temperature, thresholds, photos.classes)
    known = np.column_stack([signals.of_features(features), details])
    return Shipped(
        model,
        thresholds,
        views,
        compared,
        {
            "pictures": len(unseen),
            "not_sure": 1 - reasons.count("confident") / len(reasons),
            "refused": reasons.count("no_waste") / len(reasons),
            "waste_refused": float((known < least).any(axis=1).mean()),
        },
    )


def with_signals(model: bytes, signals: Signals, side: int) -> bytes:
    """Return a bundle's graph with the output ``signals``.

    Args:
        model: a graph with `logits`, `features` and `cam`, serialised.
        signals: fitted to its features.
        side: of its input, in pixels.
    """
    behind = renamed(signals_graph(signals, side), {"pixels": "photo"})  # two graphs that meet may share no input
    front = renamed(onnx.load_from_string(model), {"features": "pooled"})
    whole = join(front, behind, ["logits", "pooled", "cam", "signals"])
    (spare,) = (value for value in whole.graph.input if value.name == "photo")
    whole.graph.input.remove(spare)
    renamed(whole, {"photo": "pixels", "pooled": "features"})
    onnx.checker.check_model(whole)
    serialised: bytes = whole.SerializeToString()
    return serialised


def _reasons(
    model: bytes, pixels: _Pixels, temperature: float, thresholds: Thresholds, classes: Sequence[str]
) -> list[str]:
    """Return the reason of the answer to each picture, which is seen as a whole only."""
    session = onnxruntime.InferenceSession(model)
    found: list[str] = []
    for batch in _cut(pixels):
        logits, signals = session.run(["logits", "signals"], {"pixels": batch})
        for row, values in zip(softmax(logits, temperature), signals.tolist(), strict=True):
            found.append(decide(row, classes, thresholds, dict(zip(NAMES, values, strict=True))).reason)
    return found


def _seen(
    model: bytes, batches: Iterable[_Pixels], advance: Advance
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features ``[n, d]`` and detail ``[n]`` of photos."""
    session = onnxruntime.InferenceSession(model)
    features, details = [], []
    for batch in batches:
        features.append(session.run(["features"], {"pixels": batch})[0])
        details.append(detail(batch))
        advance(len(batch))
    return np.concatenate(features), np.concatenate(details)


def _views(model: bytes, paths: Sequence[Path], spec: PreprocessSpec, advance: Advance) -> NDArray[np.float32]:
    """Return features ``[n, d]``, the mean of each photo's views."""
    session = onnxruntime.InferenceSession(model)
    found = []
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), _BATCH):
            views = list(pool.map(partial(decode_views, spec=spec), paths[start : start + _BATCH]))
            (features,) = session.run(["features"], {"pixels": np.concatenate(views)})
            found.append(features.reshape(len(views), len(spec.zooms), -1).mean(axis=1))
            advance(len(views))
    return np.concatenate(found)


def _decoded(paths: Sequence[Path], spec: PreprocessSpec, size: int) -> Iterator[_Pixels]:
    """Yield photos as the predictor sees them, `size` at a time."""
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), size):
            yield np.stack(list(pool.map(partial(decode_pixels, spec=spec), paths[start : start + size])))


def _cut(pixels: _Pixels) -> Iterator[_Pixels]:
    return (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))
