"""Score a model's answers to some photos: every figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from ecosorter.datasets.splits import Groups, number_groups
from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import DatasetError
from ecosorter.evaluation.scores import ClassScores, ReliabilityBin, Scores

_BINS = 15  # as Guo et al. 2017
_CURVE_POINTS = 50
_OUTSIDE = 0.05  # of an interval of 95 %
SMALLEST = float(np.finfo(np.float64).tiny)
"""A probability that came out as 0 has a logarithm too."""


def score(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    *,
    temperature: float,
    thresholds: Thresholds,
    groups: Groups | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Scores:
    """Score a model's answers to some photos.

    Macro-F1 and macro recall are means over the classes that the photos have: a class without photos can be
    neither found nor missed.

    Args:
        logits: ``[n, classes]``, not yet divided by the temperature.
        labels: ``[n]`` indices into `classes`.
        classes: names, in the order of the logits.
        temperature: the model's.
        thresholds: the model's; only the confidence threshold is measured.
        groups: ``[n]`` object that each photo shows, as for `splits.split_rows`. The interval of the accuracy is
            then drawn over objects: photos of one object are right or wrong together.
        seed: draws the bootstrap samples.
        resamples: number of bootstrap samples.

    Raises:
        DatasetError: there are no photos.
    """
    if len(labels) == 0:
        raise DatasetError("There is no photo to measure the model on.")
    probabilities = softmax(logits, temperature)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    right = predicted == labels
    bins = _reliability(confidence, right)

    k = len(classes)
    confusion = np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k)
    hits, photos, answers = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision = hits / np.maximum(answers, 1)
    recall = hits / np.maximum(photos, 1)
    f1 = 2 * hits / np.maximum(photos + answers, 1)
    present = photos > 0

    answered = confidence >= thresholds.confidence
    return Scores(
        photos=len(labels),
        classes=tuple(classes),
        loss=-float(np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST)).mean()),
        accuracy=float(right.mean()),
        accuracy_interval=_accuracy_interval(right, groups, seed, resamples),
        top2_accuracy=float(_among_first(probabilities, labels, 2).mean()),
        macro_f1=float(f1[present].mean()),
        macro_recall=float(recall[present].mean()),
        per_class={
            name: ClassScores(
                precision=float(precision[i]), recall=float(recall[i]), f1=float(f1[i]), photos=int(photos[i])
            )
            for i, name in enumerate(classes)
        },
        confusion=confusion.tolist(),
        calibration_error=_calibration_error(bins),
        calibration_error_before=_calibration_error(_reliability(softmax(logits, 1.0).max(axis=1), right)),
        reliability=bins,
        coverage_curve=_coverage_curve(confidence, right),
        coverage=float(answered.mean()),
        answered_accuracy=float(right[answered].mean()) if answered.any() else None,
    )


def macro_recall(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the mean over the classes that occur of the share of their photos that are found, 0..1."""
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def _among_first(probabilities: NDArray[np.float64], labels: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """Tell of each photo whether its class is among the `most` probable ones."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :most]
    found: NDArray[np.bool_] = (best == labels[:, None]).any(axis=1)
    return found


def _accuracy_interval(
    right: NDArray[np.bool_], groups: Groups | None, seed: int, resamples: int
) -> tuple[float, float]:
    """95 % percentile bootstrap (Efron and Tibshirani 1993, chapter 13), over groups (a cluster bootstrap).

    Where all groups agree every sample is the same, which says nothing about the next group: there it is the exact
    interval.
    """
    group_of = np.arange(len(right)) if groups is None else number_groups(groups)
    photos = np.bincount(group_of)
    hits = np.bincount(group_of, weights=right)
    rates = hits / photos
    if (rates == rates[0]).all():
        return _exact_interval(float(rates[0]), len(rates))
    random = np.random.default_rng(seed)
    accuracies = np.empty(resamples)
    for i in range(resamples):  # one at a time: memory stays that of one sample, for any number of photos
        drawn = random.integers(0, len(photos), len(photos))
        accuracies[i] = hits[drawn].sum() / photos[drawn].sum()
    low, high = np.quantile(accuracies, [_OUTSIDE / 2, 1 - _OUTSIDE / 2])
    return float(low), float(high)


def _exact_interval(rate: float, groups: int) -> tuple[float, float]:
    """Interval of Clopper and Pearson 1934 (Biometrika 26, 404-413), with each group as one trial.

    A group may be right in part, so that the number of hits is no whole number, as with the effective sizes of
    Korn and Graubard 1998 (Survey Methodology 24, 193-201); the beta distribution takes it as it is.
    """
    hits = rate * groups
    low = float(betaincinv(hits, groups - hits + 1, _OUTSIDE / 2)) if rate > 0 else 0.0
    high = float(betaincinv(hits + 1, groups - hits, 1 - _OUTSIDE / 2)) if rate < 1 else 1.0
    return low, high


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Return the non-empty ones of 15 equally wide bins of confidence, each open below and closed above."""
    bins = np.clip(np.ceil(confidence * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
    photos = np.bincount(bins, minlength=_BINS)
    sure = np.bincount(bins, weights=confidence, minlength=_BINS)
    hits = np.bincount(bins, weights=right, minlength=_BINS)
    return [
        ReliabilityBin(confidence=sure[b] / photos[b], accuracy=hits[b] / photos[b], photos=int(photos[b]))
        for b in np.flatnonzero(photos)
    ]


def _calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: Guo et al. 2017, equation 3."""
    return sum(b.photos * abs(b.accuracy - b.confidence) for b in bins) / sum(b.photos for b in bins)


def _coverage_curve(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return at most 50 points (share answered, accuracy on those), one for thresholds from high to low."""
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    # A threshold cannot part photos of equal confidence: a point stands after the last of them.
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, _CURVE_POINTS).round().astype(np.int64))]
    hits = np.cumsum(right[order])[ends]
    return [(float((end + 1) / len(right)), float(hit / (end + 1))) for end, hit in zip(ends, hits, strict=True)]
