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

from ecosorter.decision import Thresholds, softmax

SLACK = 0.1
"""By how much a promise may be missed in a place that shows `ENOUGH` of what it is about."""

ENOUGH = 40
"""Photos of a place from which on chance alone does not miss a promise by `SLACK`."""

_LOWEST, _HIGHEST = 0.05, 20.0  # temperatures


class Decide(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """When a model says "not sure": what is wanted of its answers.

    Attributes:
        target_accuracy: wanted of the validation photos that are answered.
        miss_rate: share of photos whose true class may be missing among the classes offered.
        changed_rate: share of photos that may get another class since a sure first view answers alone; with 0 all
            views of a photo are always looked at.
    """

    target_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.9
    miss_rate: Annotated[float, Field(gt=0, lt=1)] = 0.1
    changed_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0


def weights_of(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much each photo counts ``[n]`` where places, ``[n]`` numbers, count the same; 0 for those below 0."""
    counts = np.bincount(places[places >= 0], minlength=1)
    return np.where(places < 0, 0.0, 1 / np.maximum(counts[places], 1))


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


def fit_first_view(
    logits: NDArray[np.floating[Any]],
    temperature: float,
    changed_rate: float,
    weights: NDArray[np.float64] | None = None,
) -> float | None:
    """Return from which confidence on the first view of a photo may answer alone.

    It is the smallest confidence of first views at which at most `changed_rate` of the photos get another class than
    by all their views. To stop as soon as one is sure is what BranchyNet does between the layers of a network
    (Teerapittayanon et al. 2016, https://arxiv.org/abs/1709.01686).

    Args:
        logits: ``[n, views, classes]``, of photos that the model never saw.
        temperature: of all views' mean.
        changed_rate: 0..1.
        weights: ``[n]``, how much each photo counts; all alike where not given.

    Returns:
        0..1; None where there is nothing to gain: a single view, a rate of 0, no rows, or not even the surest agree.
    """
    n, views, _ = logits.shape
    if not n or views == 1 or not changed_rate:
        return None
    counts = np.ones(n) if weights is None else weights
    confidence = softmax(logits[:, 0], temperature).max(axis=1)
    changed = logits[:, 0].argmax(axis=1) != logits.mean(axis=1).argmax(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    last_of_equal = np.append(confidence[1:] != confidence[:-1], True)
    lost = np.cumsum((counts * changed)[order])
    reached = np.flatnonzero(last_of_equal & (lost <= changed_rate * counts.sum() + 1e-9))
    return float(confidence[reached[-1]]) if len(reached) else None


def fit_thresholds(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    *,
    target_accuracy: float = 0.9,
    miss_rate: float = 0.1,
    places: NDArray[np.int64] | None = None,
) -> Thresholds:
    """Return from which confidence on to answer, and which classes to offer beside the best one.

    A promise to a new place must hold on the mean over places, and miss by no more than `SLACK` in any of those that
    show `ENOUGH` of what it is about: a mean alone is kept by some places for the others.

    The confidence threshold is the smallest one at which the photos that reach it are answered with
    `target_accuracy`. It is never below the least confidence seen here, since nothing is known about photos below
    that. Where no threshold reaches the target, or there are no rows, it is 1: the model does not answer.

    The conformal threshold is that of split conformal prediction with the score ``1 - p(true class)`` (LAC;
    Sadinle et al. 2019, https://arxiv.org/abs/1609.00451), of the photos that are not answered, since only then the
    classes are offered: the smallest one at which these hold the true one for ``1 - miss_rate``, with the
    ``(n + 1) / n`` of n photos that split conformal prediction asks for. With too few photos that are not answered
    it is fitted to all; with too few of these too it is 1: every class is offered.

    Args:
        probabilities: ``[n, classes]``, calibrated.
        labels: ``[n]`` class indices.
        target_accuracy: accuracy wanted of the photos that are answered, 0..1.
        miss_rate: share of photos whose true class may be missing among those offered, 0..1.
        places: ``[n]`` number of the place that each photo is from; below 0 for photos that count nothing. All from
            one where not given.
    """
    places = np.zeros(len(labels), np.int64) if places is None else places
    kept = places >= 0
    probabilities, labels = probabilities[kept], labels[kept]
    member = places[kept, None] == np.unique(places[kept])
    confidence = _confidence_threshold(probabilities, labels, member, target_accuracy)
    unsure = probabilities.max(axis=1, initial=0) < confidence
    if (unsure.sum() + 1) * (1 - miss_rate) > unsure.sum():
        unsure[:] = True
    conformal = _conformal_threshold(probabilities[unsure], labels[unsure], member[unsure], miss_rate)
    return Thresholds(confidence=confidence, conformal=conformal)


def _confidence_threshold(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    member: NDArray[np.bool_],
    target_accuracy: float,
) -> float:
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    right = (probabilities.argmax(axis=1) == labels)[order]
    answered = member[order].cumsum(axis=0)
    holds = _holds((member[order] & right[:, None]).cumsum(axis=0), answered, target_accuracy)
    # A threshold cannot part photos of equal confidence: only the last of them stands for an answer set.
    last_of_equal = np.append(confidence[1:] != confidence[:-1], True)[: len(labels)]
    reached = np.flatnonzero(last_of_equal & holds)
    return float(confidence[reached[-1]]) if len(reached) else 1.0


def _conformal_threshold(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64], member: NDArray[np.bool_], miss_rate: float
) -> float:
    n = len(labels)
    if not n:
        return 1.0
    scores = 1 - probabilities[np.arange(n), labels]
    scores[probabilities.argmax(axis=1) == labels] = 0  # the best class is always offered
    order = np.argsort(scores, kind="stable")
    photos = np.broadcast_to(member.sum(axis=0), member.shape)
    holds = _holds(member[order].cumsum(axis=0), photos, (1 - miss_rate) * (n + 1) / n)
    reached = np.flatnonzero(holds)
    return float(scores[order[reached[0]]]) if len(reached) else 1.0


def _holds(hits: NDArray[np.int64], cases: NDArray[np.int64], wanted: float) -> NDArray[np.bool_]:
    """Tell of each row of counts ``[rows, places]`` whether a promise holds: on the mean, and nearly everywhere."""
    rates = np.divide(hits, cases, out=np.zeros(hits.shape), where=cases > 0)
    mean = rates.sum(axis=1) / np.maximum((cases > 0).sum(axis=1), 1)
    missed = (cases >= ENOUGH) & (rates < wanted - SLACK - 1e-9)
    holds: NDArray[np.bool_] = (mean >= wanted - 1e-9) & ~missed.any(axis=1)
    return holds
