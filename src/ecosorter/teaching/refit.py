"""Refit a linear head on photos that it knew and on new ones, so that it keeps what it knew.

Multinomial logistic regression with a penalty on the distance to the old weights. It is measured in features that
are standardised over what the model knew, so that it means the same for every dimension. The phone's code
(`serving/web/learn/refit.js`) fits the same; both run until nothing changes, and a golden file holds them together.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp
from threadpoolctl import threadpool_limits

from ecosorter.teaching.linear_head import LinearHead

HOLD_OLD = 0.1
"""Penalty on what the head knew: sum of squares of the change of the standardised weights of an old class."""

HOLD_NEW = 0.01
"""The same for a new class, whose weights start as those of others: there is less to keep."""

OWN_SHARE = 0.5
"""Share of a person's own photos in the weight of all."""

_STEPS = 1000
_SLOPE = 1e-6  # largest slope at which the fit is over
_SOURCE_POWER = 0.5


def balanced_weights(
    labels: NDArray[np.int64], sources: Sequence[str] | NDArray[np.str_], own: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return ``[n]`` weights that sum to 1: a person's own photos count as much as all others together.

    In each half every class that it shows counts the same, and in a class a source counts as the square root of its
    rows, so that many photos of few objects do not drown the others. So a place also teaches which classes it shows.

    Args:
        labels: ``[n]``.
        sources: ``[n]``.
        own: ``[n]``, whether a row is of the photos that are taught.
    """
    weights = np.zeros(len(labels))
    names = np.asarray(sources)
    for half, share in ((own, OWN_SHARE), (~own, 1 - OWN_SHARE)):
        for label in np.unique(labels[half]):
            rows = np.flatnonzero((labels == label) & half)
            _, inverse, counts = np.unique(names[rows], return_inverse=True, return_counts=True)
            each = (counts**_SOURCE_POWER / counts)[inverse]
            weights[rows] = share * each / each.sum() / len(np.unique(labels[half]))
    weights /= weights.sum()
    return weights


def scale_of(known: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation ``[d]`` of what a head knew; 1 for what hardly varies."""
    mean, deviation = known.mean(axis=0, dtype=np.float64), known.std(axis=0, dtype=np.float64)
    return mean, np.where(deviation > 1e-6 * max(float(deviation.max()), 1e-30), deviation, 1.0)


def grown(old: LinearHead, classes: int, parents: Mapping[int, int]) -> LinearHead:
    """Return a head with more classes: each new one half like what it was part of, half like the mean; and rare.

    Args:
        old: the head to start from; its classes come first.
        classes: number of all.
        parents: the old class of which a new one was part, where there is one.
    """
    weight, bias = old.weight.astype(np.float64), old.bias.astype(np.float64)
    middle, middle_bias = weight.mean(axis=1), bias.mean()
    for new in range(len(old.bias), classes):
        like = (weight[:, parents[new]], bias[parents[new]]) if new in parents else (middle, middle_bias)
        weight = np.column_stack([weight, (like[0] + middle) / 2])
        bias = np.append(bias, (like[1] + middle_bias) / 2 - 2)
    return LinearHead(weight.astype(np.float32), bias.astype(np.float32))


def refit(
    start: LinearHead,
    old_classes: int,
    features: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    weights: NDArray[np.float64],
    scale: tuple[NDArray[np.float64], NDArray[np.float64]],
    begin: LinearHead | None = None,
) -> LinearHead:
    """Return the head that fits these rows while it stays near the one that it starts from.

    Args:
        start: see `grown`.
        old_classes: how many of its classes are old: they are held more firmly.
        features: ``[n, d]``.
        allowed: ``[n, classes]``, what a row may be: its class, and for rows from a time when a new class was part of
            theirs, that too. A row counts by the probability of all of them together (partial labels: Jin and
            Ghahramani 2002, "Learning with multiple labels").
        weights: ``[n]``, sum 1.
        scale: `scale_of` what the old head knew.
        begin: where the search begins, such as a head that was fitted to nearly the same rows; it saves time.
    """
    mean, deviation = scale
    x = (features - mean) / deviation
    width, classes = x.shape[1], allowed.shape[1]
    begun = start.weight * deviation[:, None]
    hold = np.where(np.arange(classes) < old_classes, HOLD_OLD, HOLD_NEW)
    never = np.where(allowed, 0.0, -np.inf)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        change, shift = values[:-classes].reshape(width, classes), values[-classes:]
        log_p = log_softmax(x @ (begun + change) + shift, axis=1)
        together = logsumexp(log_p + never, axis=1, keepdims=True)
        slope = weights[:, None] * (np.exp(log_p) - np.exp(log_p + never - together))
        total = -float(weights @ together[:, 0]) + float((hold * change**2).sum())
        return total, np.concatenate([(x.T @ slope + 2 * hold * change).ravel(), slope.sum(axis=0)])

    begin = begin or start
    first = np.concatenate(
        [((begin.weight - start.weight) * deviation[:, None]).ravel(), begin.bias + mean @ begin.weight]
    )
    with threadpool_limits(1):  # on a busy machine, threads that wait for each other take ten times as long
        found = minimize(
            loss, first, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "gtol": _SLOPE, "ftol": 0}
        )
    weight = (begun + found.x[:-classes].reshape(width, classes)) / deviation[:, None]
    shifted = found.x[-classes:] - mean @ weight
    return LinearHead(weight.astype(np.float32), shifted.astype(np.float32))
