"""Scores of out-of-fold answers: nothing of a fold decides about itself."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.evaluation.calibration import Decide
from ecosorter.evaluation.out_of_fold import OutOfFold, calibrate

CLASSES = ("kaca", "logam")
SOURCES = np.array(["a"] * 40 + ["b"] * 30 + ["c"] * 10)
FOLDS = np.array([0] * 40 + [1] * 40)
LABELS = np.arange(80) % 2
RULE = Decide(target_accuracy=0.8)


def logits(wrong: NDArray[np.int64], sure: float = 2.0) -> NDArray[np.float32]:
    """Right about every photo but those numbered."""
    signs = np.where(np.isin(np.arange(80), wrong), -1, 1) * np.where(LABELS == 1, 1, -1)
    return np.stack([-sure * signs, sure * signs], axis=1).astype(np.float32) / 2


def answered(wrong: NDArray[np.int64]) -> OutOfFold:
    objects = [f"object {number}" for number in range(80)]
    return OutOfFold(logits(wrong)[:, None], LABELS, FOLDS, objects, CLASSES, np.zeros(80, np.int64))


def test_folds_sources_and_all_together_tell_the_same_answers() -> None:
    found = answered(np.array([0, 2, 4, 6, 8]))  # 5 of the 20 photos of the first class in source a
    calibrations = found.calibrations(RULE)
    together, probabilities = found.score_together(calibrations)
    assert together.accuracy == pytest.approx(75 / 80)
    assert together.confusion == [[35, 5], [0, 40]]
    assert probabilities.argmax(axis=1).tolist() == found.logits[:, 0].argmax(axis=1).tolist()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert [fold.photos for fold in found.score_folds(calibrations)] == [40, 40]
    sources = found.score_sources(SOURCES, calibrations)
    assert {name: scores.photos for name, scores in sources.items()} == {"a": 40, "b": 30, "c": 10}
    assert sources["a"].macro_recall == 0.875
    assert sources["b"].accuracy == sources["c"].accuracy == 1


def test_a_fold_is_answered_by_what_the_others_taught() -> None:
    # Fold 0 is always wrong, fold 1 always right and as sure: only the others know confidence to be deserved.
    found = answered(np.arange(40))
    together, _ = found.score_together(found.calibrations(RULE))
    # Fold 0 is answered by what fold 1 says: sure. Fold 1 by what fold 0 says: nothing is to be answered.
    assert together.coverage == pytest.approx(0.5)
    assert together.answered_accuracy == 0
    assert together.calibration_error > 0.3


def test_without_photos_nothing_is_answered() -> None:
    nothing = calibrate(np.empty((0, 1, 2), np.float32), np.empty(0, np.int64), RULE)
    assert (nothing.temperature, nothing.thresholds.confidence) == (1.0, 1.0)


def test_a_sure_first_view_answers_alone_and_no_more_answers_change_than_may() -> None:
    # The first view is sure of what it is right about, and less so of two photos about which only the second is right.
    sure = np.where(np.arange(80) < 2, 1.0, 4.0).astype(np.float32)
    first = logits(np.arange(2)) * sure[:, None]
    second = logits(np.empty(0, np.int64), sure=9)
    found = OutOfFold(np.stack([first, second], axis=1), LABELS, FOLDS, [None] * 80, CLASSES, np.zeros(80, np.int64))
    careful = found.calibration(RULE.model_copy(update={"changed_rate": 0.02}))
    assert careful.combine(found.logits).argmax(axis=1).tolist() == LABELS.tolist()
    assert careful.combine(found.logits)[2:].tolist() == first[2:].tolist()
    hasty = found.calibration(RULE.model_copy(update={"changed_rate": 0.03}))
    assert (hasty.combine(found.logits).argmax(axis=1) != LABELS).sum() == 2
    always = found.calibration(RULE)
    assert always.thresholds.first_view is None
    assert always.combine(found.logits).tolist() == found.logits.mean(axis=1).tolist()
