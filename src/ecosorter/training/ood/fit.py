"""Fits the signals of no waste to a finished graph, puts them into it, and measures what they refuse."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from ecosorter.decision import Thresholds, decide, softmax
from ecosorter.evaluation.out_of_fold import Calibration
from ecosorter.preprocess import PreprocessSpec
from ecosorter.progress import Advance, Progress
from ecosorter.training.backbones.graphs import join, renamed
from ecosorter.training.export.views import BATCH, decoded
from ecosorter.training.ood.negatives import negatives
from ecosorter.training.ood.signals import NAMES, Signals, detail, fit_least, fit_signals, out_of_fold, signals_graph

_REFUSED = 0.03  # share of photos of waste that the signals may take for no waste

_Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Photos of waste that a graph learnt from.

    Attributes:
        features: of whole photos ``[n, d]``, as the graph gives them.
        paths: ``[n]``.
        labels: ``[n]``.
        sources: ``[n]``, names.
    """

    features: NDArray[np.float32]
    paths: Sequence[Path]
    labels: NDArray[np.int64]
    sources: Sequence[str]


def add_signals(
    model: bytes,
    known: Known,
    spec: PreprocessSpec,
    calibration: Calibration,
    classes: Sequence[str],
    seed: int,
    progress: Progress,
) -> tuple[bytes, Thresholds, dict[str, float]]:
    """Fit the signals of a graph, and measure them on pictures whose like it never saw.

    Args:
        model: a bundle's graph, serialised.
        known: photos that it learnt from.
        spec: from a photo to pixels.
        calibration: of the graph's answers.
        classes: names.
        seed: of what is drawn.
        progress: is told of each photo.

    Returns:
        The graph with the output ``signals``; the thresholds with the least values of the signals; and of pictures
        without waste how many there were, the share that gets "not sure", the share of those that the signals refuse,
        and the share of the photos of waste that they refuse.
    """
    with progress.stage("signals", len(known.paths)) as advance:
        details = np.concatenate([_detail(batch, advance) for batch in decoded(known.paths, spec)])
    strange, kinds = negatives("fit", spec.size, seed)
    strange_features = _features(model, strange)
    values, strange_values = out_of_fold(
        known.features, known.labels, known.sources, strange_features, kinds, seed=seed
    )
    least = fit_least(
        np.column_stack([values, details]),
        known.sources,
        np.column_stack([strange_values, detail(strange)]),
        share=_REFUSED,
    )
    signals = fit_signals(known.features, known.labels, known.sources, strange_features)
    whole = with_signals(model, signals, spec.size)
    thresholds = calibration.thresholds.model_copy(update={"signals": dict(zip(NAMES, least, strict=True))})
    unseen, _ = negatives("held-out", spec.size, seed)
    reasons = _reasons(whole, unseen, calibration.temperature, thresholds, classes)
    waste = np.column_stack([signals.of_features(known.features), details])
    figures = {
        "pictures": len(unseen),
        "not_sure": 1 - reasons.count("confident") / len(reasons),
        "refused": reasons.count("no_waste") / len(reasons),
        "waste_refused": float((waste < least).any(axis=1).mean()),
    }
    return whole, thresholds, figures


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


def _detail(pixels: _Pixels, advance: Advance) -> NDArray[np.float32]:
    found = detail(pixels)
    advance(len(pixels))
    return found


def _features(model: bytes, pixels: _Pixels) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model)
    return np.concatenate([session.run(["features"], {"pixels": batch})[0] for batch in _cut(pixels)])


def _cut(pixels: _Pixels) -> Iterator[_Pixels]:
    return (pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH))
