"""Fit temperature and thresholds of a taught model: it may grow more careful, never bolder."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ecosorter.decision import Thresholds, softmax
from ecosorter.evaluation.calibration import fit_temperature, fit_thresholds
from ecosorter.teaching.rehearsal import spread_rows

_LOWEST, _HIGHEST = 0.05, 20.0  # temperatures

Logits = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


def recalibrate(
    old_temperature: float,
    old: Thresholds,
    before: Logits,
    after: Logits,
    labels: Labels,
    own_after: Logits,
    own_labels: Labels,
) -> tuple[float, Thresholds]:
    """Fit temperature and thresholds for a refitted head.

    The model itself was trained on the photos of the bank: it is right on them more often than on new ones, and what
    would be fitted on them alone would be too bold. The old temperature was fitted on photos that the old model had
    not seen. So the temperature is the highest of three: the old one; that with which the new head is as sure of the
    bank as the old one was; and the best for somebody's own photos. The thresholds are fitted on these photos and as
    many rows of the bank, and are never looser than the old ones.

    Args:
        old_temperature: of the old model.
        old: its thresholds.
        before: ``[m, old classes]``, what the old head says of the bank.
        after: ``[m, classes]``, what the new one says of rows of the bank that it was not fitted on.
        labels: ``[m]`` of the bank.
        own_after: ``[n, classes]``, what the new one says of own photos that it was not fitted on.
        own_labels: ``[n]``.
    """
    as_sure = old_temperature
    if len(labels):
        as_sure = match_confidence(after, float(softmax(before, old_temperature).max(axis=1).mean()))
    temperature = max(old_temperature, as_sure, fit_temperature(own_after, own_labels))
    some = spread_rows(labels, np.zeros(len(labels), np.int64), len(own_labels))
    probabilities = softmax(np.concatenate([own_after, after[some]]), temperature)
    found = fit_thresholds(probabilities, np.concatenate([own_labels, labels[some]]))
    thresholds = Thresholds(
        confidence=max(old.confidence, found.confidence),
        conformal=max(old.conformal, found.conformal),
        signals=old.signals,
        first_view=old.first_view,
    )
    return temperature, thresholds


def match_confidence(logits: Logits, wanted: float) -> float:
    """Return the temperature at which the mean probability of the best class is `wanted`, as near as can be.

    Args:
        logits: ``[n, classes]``, at least one row.
        wanted: 0..1.
    """

    def excess(log_temperature: float) -> float:
        return float(softmax(logits, math.exp(log_temperature)).max(axis=1).mean()) - wanted

    low, high = math.log(_LOWEST), math.log(_HIGHEST)
    if excess(low) <= 0:  # not even the boldest is so sure
        return _LOWEST
    if excess(high) >= 0:
        return _HIGHEST
    return math.exp(float(brentq(excess, low, high)))
