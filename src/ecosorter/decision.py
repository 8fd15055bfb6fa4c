"""From a model's numbers to an answer or "not sure". Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

Reason = Literal["confident", "low_confidence", "no_waste"]


class Thresholds(BaseModel, frozen=True, extra="forbid"):
    """When to answer; fitted on validation photos, the first two 0..1.

    Attributes:
        confidence: the model answers when the calibrated probability of its best class reaches this.
        conformal: a class is a candidate when one minus its probability is at most this (split conformal sets,
            the least ambiguous ones: Sadinle, Lei and Wasserman 2019, https://arxiv.org/abs/1609.00451).
        signals: the least value of each signal of the model, by name and in the order of its output ``signals``.
            A photo that has less of any of them seems to show no waste at all. Any range.
        first_view: a photo is answered by its first view alone when the calibrated probability of its best class
            reaches this there, 0..1; None: by all views always.
    """

    confidence: float = Field(ge=0, le=1)
    conformal: float = Field(ge=0, le=1)
    signals: dict[str, float] = {}
    first_view: float | None = Field(default=None, ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said of one photo.

    Attributes:
        label: the class, or None for "not sure".
        best: the most probable class, whether it is the answer or not.
        confidence: its calibrated probability, 0..1.
        reason: ``"confident"``; or, when `label` is None, ``"low_confidence"`` or ``"no_waste"``.
        candidates: classes that it may be, most probable first; `best` is always the first.
    """

    label: str | None
    best: str
    confidence: float
    reason: Reason
    candidates: tuple[str, ...]


def softmax(logits: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """Return calibrated probabilities (temperature scaling, Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Args:
        logits: ``[n, classes]``, any float type.
        temperature: above 0; above 1 makes the model less sure.

    Returns:
        ``[n, classes]``; each row sums to 1.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))  # the largest is exp(0): no overflow
    normalised: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def combine_views(
    logits: NDArray[np.floating[Any]], temperature: float, first_view: float | None
) -> NDArray[np.floating[Any]]:
    """Return the logits by which photos are answered: of the first view where that is sure, else the mean of all.

    Args:
        logits: ``[n, views, classes]``.
        temperature: above 0.
        first_view: as in `Thresholds`.

    Returns:
        ``[n, classes]``.
    """
    mean: NDArray[np.floating[Any]] = logits.mean(axis=1)
    if first_view is None:
        return mean
    sure = softmax(logits[:, 0], temperature).max(axis=1, keepdims=True) >= first_view
    return np.where(sure, logits[:, 0], mean)


def decide(
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
    thresholds: Thresholds,
    signals: Mapping[str, float] = {},
) -> Decision:
    """Answer for one photo, or say "not sure".

    Args:
        probabilities: ``[classes]``, calibrated, 0..1.
        classes: names in the same order. Of equally probable classes the earlier one goes first.
        thresholds: of the model.
        signals: what the model sees of waste in the photo, by name; those that `thresholds` does not name say nothing.

    Raises:
        ValueError: the shapes do not fit, or a probability or a signal is not a number, or a signal is missing.
    """
    if probabilities.shape != (len(classes),):
        raise ValueError(f"{len(classes)} classes do not go with probabilities of shape {probabilities.shape}")
    if not np.isfinite(probabilities).all():
        raise ValueError("a probability is not a number")
    if missing := [name for name in thresholds.signals if not np.isfinite(signals.get(name, np.nan))]:
        raise ValueError(f"the signal '{missing[0]}' is not a number")
    order = np.argsort(-probabilities, kind="stable")
    best, confidence = classes[order[0]], float(probabilities[order[0]])
    likely = (classes[i] for i in order[1:] if 1 - probabilities[i] <= thresholds.conformal)
    reason: Reason = "confident" if confidence >= thresholds.confidence else "low_confidence"
    if any(signals[name] < least for name, least in thresholds.signals.items()):
        reason = "no_waste"
    return Decision(
        label=best if reason == "confident" else None,
        best=best,
        confidence=confidence,
        reason=reason,
        candidates=(best, *likely),
    )
