"""Refit a linear head on photos that it knew and on new ones, so that it keeps what it knew.

Multinomial logistic regression with a penalty on the distance to the old weights. It is measured in features that
are standardised over what the model knew, so that it means the same for every dimension.
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
"""Share of a person's own photos in the weight of a class that the model knew."""

_STEPS = 100
_SOURCE_POWER = 0.5


def balanced_weights(
    labels: NDArray[np.int64], sources: Sequence[str] | NDArray[np.str_], own: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return ``[n]`` weights that sum to 1: every class counts the same.

    In a class, what is somebody's own counts `OWN_SHARE` and the rest the rest, where it has both; in each of the
    two, a source counts as the square root of its rows, so that many photos of few objects do not drown the others.

    Args:
        labels: ``[n]``.
        sources: ``[n]``.
        own: ``[n]``, whether a row is of the photos that are taught.
    """
    weights = np.zeros(len(labels))
    names = np.asarray(sources)
    for label in np.unique(labels):
        parts = [rows for rows in (np.flatnonzero((labels == label) & mine) for mine in (own, ~own)) if len(rows)]
        shares = (OWN_SHARE, 1 - OWN_SHARE) if len(parts) == 2 else (1.0,)
        for rows, share in zip(parts, shares, strict=True):
            _, inverse, counts = np.unique(names[rows], return_inverse=True, return_counts=True)
            each = (counts**_SOURCE_POWER / counts)[inverse]
            weights[rows] = share * each / each.sum()
    weights /= weights.sum()
    return weights


def refit(
    old: LinearHead,
    features: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    weights: NDArray[np.float64],
    known: NDArray[np.float32],
    parents: Mapping[int, int],
) -> LinearHead:
    """Return the head that fits these rows while it stays near the old one.

    Args:
        old: the head to start from.
        features: ``[n, d]``.
        allowed: ``[n, classes]``, what a row may be: its class, and for rows from a time when a new class was part of
            theirs, that too. A row counts by the probability of all of them together (partial labels: Jin and
            Ghahramani 2002, "Learning with multiple labels"). The old head's classes come first.
        weights: ``[n]``, sum 1.
        known: ``[m, d]`` features of what the old head knew, which give the scale of each dimension.
        parents: the old class of which a new one was part, where there is one; it starts half as that.
    """
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    deviation = np.where(deviation > 1e-6 * max(float(deviation.max()), 1e-30), deviation, 1).astype(np.float32)
    x = (features - mean) / deviation
    width, classes = x.shape[1], allowed.shape[1]
    added = classes - len(old.bias)

    start = (old.weight * deviation[:, None]).astype(np.float32)
    bias = old.bias + mean @ old.weight
    # Of a new class little is known: it is half like what it was part of, half like the mean of all; and rare.
    mean_start, mean_bias = start.mean(axis=1), bias.mean()
    for new in range(len(old.bias), classes):
        like = (start[:, parents[new]], bias[parents[new]]) if new in parents else (mean_start, mean_bias)
        start = np.column_stack([start, (like[0] + mean_start) / 2])
        bias = np.append(bias, (like[1] + mean_bias) / 2 - 2)
    bias = bias.astype(np.float32)
    hold = np.append(np.full(len(old.bias), HOLD_OLD), np.full(added, HOLD_NEW)).astype(np.float32)
    each = weights.astype(np.float32)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        change, shift = values[:-classes].reshape(width, classes).astype(np.float32), values[-classes:]
        log_p = log_softmax(x @ (start + change) + shift.astype(np.float32), axis=1)
        of_allowed = np.where(allowed, log_p, -np.inf)
        together = logsumexp(of_allowed, axis=1, keepdims=True)
        slope = each[:, None] * (np.exp(log_p) - np.exp(of_allowed - together))
        total = -float(each @ together[:, 0]) + float((hold * change**2).sum())
        gradient = np.concatenate([(x.T @ slope + 2 * hold * change).ravel(), slope.sum(axis=0)])
        return total, gradient.astype(np.float64)

    first = np.concatenate([np.zeros(width * classes), bias.astype(np.float64)])
    with threadpool_limits(1):  # on a busy machine, threads that wait for each other take ten times as long
        found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    weight = (start + found.x[:-classes].reshape(width, classes)) / deviation[:, None]
    shifted = found.x[-classes:] - mean @ weight
    return LinearHead(weight.astype(np.float32), shifted.astype(np.float32))
