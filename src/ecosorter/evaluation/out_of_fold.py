"""The figures of a model that ships: how it does on photos of sources that it never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecosorter.datasets.splits import Groups
from ecosorter.decision import Thresholds, softmax
from ecosorter.evaluation.calibration import Decide, fit_temperature, fit_thresholds
from ecosorter.evaluation.metrics import macro_recall, score
from ecosorter.evaluation.scores import Scores


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceFigures(_Figures):
    """One source, measured by a network that never saw it: macro recall over the classes it holds, 0..1."""

    photos: int
    macro_recall: float
    frozen: float
    recall: dict[str, float]


class HeldOutFigures(_Figures):
    """Every source, each measured by a network that never saw it.

    Attributes:
        mean, worst: of the sources' macro recalls.
        frozen_mean, frozen_worst: the same of the pretrained network, of which nothing but the head was fitted.
        left_out_together: the groups of sources.
        scores: on all photos; temperature and threshold of each group come from the other groups.
    """

    mean: float
    worst: float
    frozen_mean: float
    frozen_worst: float
    left_out_together: tuple[tuple[str, ...], ...]
    sources: dict[str, SourceFigures]
    scores: Scores


def calibrated(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64], rule: Decide) -> tuple[float, Thresholds]:
    """Return the temperature and the thresholds that these answers ask for.

    Args:
        logits: ``[n, classes]``, of photos that their networks never saw.
        labels: ``[n]``.
        rule: what is wanted of the answers.
    """
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    return temperature, fit_thresholds(
        probabilities, labels, target_accuracy=rule.target_accuracy, miss_rate=rule.miss_rate
    )


@dataclass(frozen=True, slots=True, eq=False)
class PartScores:
    """How photos in several parts were answered, each part by a network that learned from the others.

    Attributes:
        probabilities: ``[n, classes]``, calibrated.
        each: scores of each part, in the order of their numbers.
        together: scores on all photos.
    """

    probabilities: NDArray[np.float64]
    each: list[Scores]
    together: Scores


def score_parts(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    parts: NDArray[np.int64],
    classes: Sequence[str],
    rule: Decide,
    objects: Groups,
) -> PartScores:
    """Score answers to photos in several parts; temperature and thresholds of each part come from the other parts.

    So nothing is fitted on the photos that it is measured on, and no photo is lost to a validation part.

    Args:
        logits: ``[n, classes]``, of each photo by the network that never saw its part.
        labels: ``[n]``.
        parts: ``[n]``, number of each photo's part; at least two differ.
        classes: names.
        rule: what is wanted of the answers.
        objects: ``[n]``, the object that each photo shows, for the interval of the accuracy.
    """
    groups: Any = np.asarray(objects)
    level = np.empty_like(logits)
    answered = np.empty(len(labels), bool)
    each = []
    for part in np.unique(parts):
        mine = parts == part
        temperature, thresholds = calibrated(logits[~mine], labels[~mine], rule)
        level[mine] = logits[mine] / temperature
        answered[mine] = softmax(logits[mine], temperature).max(axis=1) >= thresholds.confidence
        each.append(
            score(
                logits[mine],
                labels[mine],
                classes,
                temperature=temperature,
                thresholds=thresholds,
                groups=groups[mine],
            )
        )
    # What is answered was decided part by part; no single threshold says it, and no single temperature.
    nothing = Thresholds(confidence=0, conformal=1)
    together = score(level, labels, classes, temperature=1.0, thresholds=nothing, groups=groups)
    before = score(logits, labels, classes, temperature=1.0, thresholds=nothing, resamples=1)
    right = logits.argmax(axis=1) == labels
    together = together.model_copy(
        update={
            "calibration_error_before": before.calibration_error,
            "coverage": float(answered.mean()),
            "answered_accuracy": float(right[answered].mean()) if answered.any() else None,
        }
    )
    return PartScores(softmax(level, 1.0), each, together)


def measure(
    logits: NDArray[np.float32],
    frozen: NDArray[np.float32],
    labels: NDArray[np.int64],
    sources: NDArray[np.str_],
    groups: Sequence[Sequence[str]],
    classes: Sequence[str],
    rule: Decide,
    objects: Groups,
) -> HeldOutFigures:
    """Return every figure about photos of sources that were left out.

    Args:
        logits: ``[n, classes]``, the mean of each photo's views.
        frozen: the same of the pretrained network with a fitted head.
        labels: ``[n]``.
        sources: ``[n]``, names.
        groups: the sources that were left out together.
        classes: names.
        rule: what is wanted of the answers.
        objects: ``[n]``, the object that each photo shows, for the interval of the accuracy.
    """
    parts = np.array([next(number for number, group in enumerate(groups) if name in group) for name in sources])
    scores = score_parts(logits, labels, parts, classes, rule, objects).together
    by_source = {}
    for name in np.unique(sources):
        mine = sources == name
        found, truth = logits[mine].argmax(axis=1), labels[mine]
        by_source[str(name)] = SourceFigures(
            photos=int(mine.sum()),
            macro_recall=macro_recall(found, truth),
            frozen=macro_recall(frozen[mine].argmax(axis=1), truth),
            recall={classes[label]: float((found[truth == label] == label).mean()) for label in np.unique(truth)},
        )
    recalls, before = ([getattr(entry, key) for entry in by_source.values()] for key in ("macro_recall", "frozen"))
    return HeldOutFigures(
        mean=float(np.mean(recalls)),
        worst=min(recalls),
        frozen_mean=float(np.mean(before)),
        frozen_worst=min(before),
        left_out_together=tuple(tuple(group) for group in groups),
        sources=by_source,
        scores=scores,
    )
