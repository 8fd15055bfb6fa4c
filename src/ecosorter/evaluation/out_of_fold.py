"""Scores of out-of-fold answers: each photo was answered by a model that learnt from other folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.splits import Groups
from ecosorter.decision import Thresholds, combine_views, softmax
from ecosorter.evaluation.calibration import Decide, fit_first_view, fit_temperature, fit_thresholds, weights_of
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.scores import FirstView, Scores

_NOTHING = Thresholds(confidence=0, conformal=1)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is fitted on answers to photos that the model never saw: the temperature, and when to answer."""

    temperature: float
    thresholds: Thresholds

    def combine(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return the logits ``[n, classes]`` by which photos are answered, of those of their views."""
        return combine_views(logits, self.temperature, self.thresholds.first_view)


def calibrate(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    rule: Decide,
    places: NDArray[np.int64] | None = None,
) -> Calibration:
    """Return the temperature and the thresholds that these answers ask for; without any, never to answer.

    Args:
        logits: ``[n, views, classes]``, of photos that the model never saw.
        labels: ``[n]``.
        rule: what is wanted of the answers.
        places: ``[n]``, as for `fit_thresholds`; each counts the same. All from one where none counts.
    """
    if places is not None and not (places >= 0).any():
        places = None
    weights = None if places is None else weights_of(places)
    temperature = fit_temperature(logits.mean(axis=1), labels, weights)
    first_view = fit_first_view(logits, temperature, rule.changed_rate, weights)
    thresholds = fit_thresholds(
        softmax(combine_views(logits, temperature, first_view), temperature),
        labels,
        target_accuracy=rule.target_accuracy,
        miss_rate=rule.miss_rate,
        places=places,
    )
    return Calibration(temperature, thresholds.model_copy(update={"first_view": first_view}))


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Answers to photos in several folds, each fold by a model that learnt from the others.

    Attributes:
        logits: float32 ``[n, views, classes]``.
        labels: ``[n]``.
        folds: ``[n]``, number of each photo's fold; at least two differ.
        groups: ``[n]``, the object that each photo shows, for intervals.
        classes: names.
        places: ``[n]``, as for `calibrate`.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    groups: Groups
    classes: tuple[str, ...]
    places: NDArray[np.int64]

    def calibrations(self, rule: Decide) -> dict[int, Calibration]:
        """Fit temperature and thresholds of each fold to the others: nothing is fitted on what it is measured on."""
        return {int(fold): self.calibration(rule, self.folds != fold) for fold in np.unique(self.folds)}

    def calibration(self, rule: Decide, rows: NDArray[np.bool_] | slice = slice(None)) -> Calibration:
        """Fit temperature and thresholds to these photos, or to all."""
        return calibrate(self.logits[rows], self.labels[rows], rule, self.places[rows])

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
        answered_by, level = np.empty_like(self.logits[:, 0]), np.empty_like(self.logits[:, 0])
        answered = np.empty(len(self.labels), np.bool_)
        for fold, calibration in found.items():
            mine = self.folds == fold
            answered_by[mine] = calibration.combine(self.logits[mine])
            level[mine] = answered_by[mine] / calibration.temperature
            sure = softmax(answered_by[mine], calibration.temperature).max(axis=1)
            answered[mine] = sure >= calibration.thresholds.confidence
        right = level.argmax(axis=1) == self.labels
        together = score(
            level, self.labels, self.classes, temperature=1.0, thresholds=_NOTHING, groups=self._groups(slice(None))
        )
        raw = score(answered_by, self.labels, self.classes, temperature=1.0, thresholds=_NOTHING, resamples=1)
        figures = {
            "calibration_error_before": raw.calibration_error,
            "coverage": float(answered.mean()),
            "answered_accuracy": float(right[answered].mean()) if answered.any() else None,
        }
        return together.model_copy(update=figures), softmax(level, 1.0)

    def first_view(self, found: Mapping[int, Calibration]) -> FirstView | None:
        """Measure what a sure first view does, each fold by its own calibration; None where all views are looked at."""
        if all(calibration.thresholds.first_view is None for calibration in found.values()):
            return None
        weights = weights_of(self.places)
        alone, changed = np.zeros(len(self.labels)), np.zeros(len(self.labels))
        for fold, calibration in found.items():
            mine = self.folds == fold
            mean, combined = self.logits[mine].mean(axis=1), calibration.combine(self.logits[mine])
            alone[mine] = (mean != combined).any(axis=1)
            changed[mine] = mean.argmax(axis=1) != combined.argmax(axis=1)
        return FirstView(
            share=float(np.average(alone, weights=weights)), changed=float(np.average(changed, weights=weights))
        )

    def _score(self, rows: NDArray[np.bool_], calibration: Calibration) -> Scores:
        return score(
            calibration.combine(self.logits[rows]),
            self.labels[rows],
            self.classes,
            temperature=calibration.temperature,
            thresholds=calibration.thresholds,
            groups=self._groups(rows),
        )

    def _groups(self, rows: NDArray[np.bool_] | slice) -> Sequence[Any]:
        chosen: Sequence[Any] = np.asarray(self.groups)[rows].tolist()
        return chosen
