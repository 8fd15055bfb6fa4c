"""Scores of out-of-fold answers: each photo was answered by a model that learnt from other folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.splits import Groups
from ecosorter.decision import Thresholds, softmax
from ecosorter.evaluation.calibration import Decide, fit_temperature, fit_thresholds
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.scores import Scores

_NOTHING = Thresholds(confidence=0, conformal=1)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is fitted on answers to photos that the model never saw: the temperature, and when to answer."""

    temperature: float
    thresholds: Thresholds


def calibrate(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    rule: Decide,
    weights: NDArray[np.float64] | None = None,
) -> Calibration:
    """Return the temperature and the thresholds that these answers ask for; without any, never to answer.

    Args:
        logits: ``[n, classes]``, of photos that the model never saw.
        labels: ``[n]``.
        rule: what is wanted of the answers.
        weights: ``[n]``, how much each photo counts; all alike where not given.
    """
    temperature = fit_temperature(logits, labels, weights)
    thresholds = fit_thresholds(
        softmax(logits, temperature),
        labels,
        target_accuracy=rule.target_accuracy,
        miss_rate=rule.miss_rate,
        weights=weights,
    )
    return Calibration(temperature, thresholds)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Answers to photos in several folds, each fold by a model that learnt from the others.

    Attributes:
        logits: float32 ``[n, classes]``.
        labels: ``[n]``.
        folds: ``[n]``, number of each photo's fold; at least two differ.
        groups: ``[n]``, the object that each photo shows, for intervals.
        classes: names.
        weights: ``[n]``, how much each photo counts when temperature and thresholds are fitted.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    groups: Groups
    classes: tuple[str, ...]
    weights: NDArray[np.float64]

    def calibrations(self, rule: Decide) -> dict[int, Calibration]:
        """Fit temperature and thresholds of each fold to the others: nothing is fitted on what it is measured on."""
        return {int(fold): self.calibration(rule, self.folds != fold) for fold in np.unique(self.folds)}

    def calibration(self, rule: Decide, rows: NDArray[np.bool_] | slice = slice(None)) -> Calibration:
        """Fit temperature and thresholds to these photos, or to all."""
        return calibrate(self.logits[rows], self.labels[rows], rule, self.weights[rows])

    def score_folds(self, found: Mapping[int, Calibration]) -> list[Scores]:
        """Score each fold by its own calibration, in the order of their numbers."""
        return [self._score(self.folds == fold, calibration) for fold, calibration in sorted(found.items())]

    def score_sources(self, sources: NDArray[np.str_], found: Mapping[int, Calibration]) -> dict[str, Scores]:
        """Score each source, ``[n]`` names, which lies in one fold, by that fold's calibration."""
        scores = {}
        for name in np.unique(sources):
            mine = sources == name
            scores[str(name)] = self._score(mine, found[int(self.folds[mine][0])])
        return scores

    def score_together(self, found: Mapping[int, Calibration]) -> tuple[Scores, NDArray[np.float64]]:
        """Score all photos at once; return the calibrated probabilities ``[n, classes]`` too.

        What is answered was decided fold by fold: no single threshold says it, and no single temperature.
        """
        level = np.empty_like(self.logits)
        answered = np.empty(len(self.labels), np.bool_)
        for fold, calibration in found.items():
            mine = self.folds == fold
            level[mine] = self.logits[mine] / calibration.temperature
            sure = softmax(self.logits[mine], calibration.temperature).max(axis=1)
            answered[mine] = sure >= calibration.thresholds.confidence
        right = self.logits.argmax(axis=1) == self.labels
        together = score(
            level, self.labels, self.classes, temperature=1.0, thresholds=_NOTHING, groups=self._groups(slice(None))
        )
        raw = score(self.logits, self.labels, self.classes, temperature=1.0, thresholds=_NOTHING, resamples=1)
        figures = {
            "calibration_error_before": raw.calibration_error,
            "coverage": float(answered.mean()),
            "answered_accuracy": float(right[answered].mean()) if answered.any() else None,
        }
        return together.model_copy(update=figures), softmax(level, 1.0)

    def _score(self, rows: NDArray[np.bool_], calibration: Calibration) -> Scores:
        return score(
            self.logits[rows],
            self.labels[rows],
            self.classes,
            temperature=calibration.temperature,
            thresholds=calibration.thresholds,
            groups=self._groups(rows),
        )

    def _groups(self, rows: NDArray[np.bool_] | slice) -> Sequence[Any]:
        chosen: Sequence[Any] = np.asarray(self.groups)[rows].tolist()
        return chosen
