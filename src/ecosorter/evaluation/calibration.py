"""Make a model's confidence mean what it says, and find where it should rather say "not sure".

All of it is fitted on validation photos, which neither trained the model nor test it.
"""

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ecosorter.decision import Thresholds

_LOWEST, _HIGHEST = 0.05, 20.0  # temperatures


class Decide(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """When a model says "not sure": what is wanted of its answers.

    Attributes:
        target_accuracy: wanted of the validation photos that are answered.
        miss_rate: share of photos whose true class may be missing among the classes offered.
    """

    target_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.9
    miss_rate: Annotated[float, Field(gt=0, lt=1)] = 0.1


def fit_temperature(
    logits: NDArray[np.floating[Any]], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the temperature by which to divide the logits: the one with the least cross-entropy.

    Temperature scaling of Guo et al. 2017, section 4.2 (https://arxiv.org/abs/1706.04599). Against few photos
    that are all right, for which the least cross-entropy lies at temperature 0 and every answer would become
    certain, the labels are softened as Platt 1999 does it, by ``1 / (n + 2)`` spread over the classes. It changes
    nothing that can be seen from a few hundred photos on.

    Args:
        logits: ``[n, classes]``.
        labels: ``[n]`` class indices.
        weights: ``[n]``, how much each row counts; all alike where not given.

    Returns:
        0.05 to 20; above 1 when the model was too sure of itself. 1 when there are no rows.
    """
    n = len(labels)
    if n == 0:
        return 1.0
    soft = 1 / (n + 2)
    logits = logits.astype(np.float64)

    def cross_entropy(log_temperature: float) -> float:
        log_p = log_softmax(logits / math.exp(log_temperature), axis=1)
        right, spread = log_p[np.arange(n), labels], log_p.mean(axis=1)
        return float(-np.average((1 - soft) * right + soft * spread, weights=weights))

    found = minimize_scalar(cross_entropy, bounds=(math.log(_LOWEST), math.log(_HIGHEST)), method="bounded")
    return math.exp(float(found.x))


def fit_thresholds(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    *,
    target_accuracy: float = 0.9,
    miss_rate: float = 0.1,
    weights: NDArray[np.float64] | None = None,
) -> Thresholds:
    """Return from which confidence on to answer, and which classes to offer beside the best one.

    The confidence threshold is the smallest one at which the photos that reach it are answered with
    `target_accuracy`. It is never below the least confidence seen here, since nothing is known about photos below
    that. Where no threshold reaches the target, or there are no rows, it is 1: the model does not answer.

    The conformal threshold is that of split conformal prediction with the score ``1 - p(true class)`` (LAC;
    Sadinle et al. 2019, https://arxiv.org/abs/1609.00451): the ``ceil((n + 1)(1 - miss_rate))``-th smallest score,
    so that the classes offered hold the true one for at least ``1 - miss_rate`` of photos like these. With too
    few rows for that it is 1: every class is offered.

    Args:
        probabilities: ``[n, classes]``, calibrated.
        labels: ``[n]`` class indices.
        target_accuracy: accuracy wanted of the photos that are answered, 0..1.
        miss_rate: share of photos whose true class may be missing among those offered, 0..1.
        weights: ``[n]``, how much each photo counts; all alike where not given. Rows that count nothing are left out.
    """
    counts = np.ones(len(labels)) if weights is None else weights
    kept = counts > 0
    given = probabilities[kept], labels[kept], counts[kept] / counts[kept].mean() if kept.any() else counts[kept]
    return Thresholds(
        confidence=_confidence_threshold(*given, target_accuracy), conformal=_conformal_threshold(*given, miss_rate)
    )


def _confidence_threshold(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    target_accuracy: float,
) -> float:
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    right = (probabilities.argmax(axis=1) == labels)[order]
    counts = weights[order]
    # A threshold cannot part photos of equal confidence: only the last of them stands for an answer set.
    last_of_equal = np.append(confidence[1:] != confidence[:-1], True)[: len(labels)]
    reached = np.flatnonzero(last_of_equal & (np.cumsum(counts * right) >= target_accuracy * np.cumsum(counts) - 1e-9))
    return float(confidence[reached[-1]]) if len(reached) else 1.0


def _conformal_threshold(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    miss_rate: float,
) -> float:
    """Return the score that ``(n + 1)(1 - miss_rate)`` rows reach at most, each counted by its weight, of mean 1."""
    n = len(labels)
    wanted = (n + 1) * (1 - miss_rate)
    if wanted <= 0:
        return 0.0
    scores = 1 - probabilities[np.arange(n), labels]
    order = np.argsort(scores, kind="stable")
    reached = np.flatnonzero(np.cumsum(weights[order]) >= wanted - 1e-9)
    return float(scores[order[reached[0]]]) if len(reached) else 1.0
