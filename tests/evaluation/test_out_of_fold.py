"""Figures on sources that were left out: by hand, and nothing of a group decides about itself."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.datasets.sources import known_sources
from ecosorter.evaluation.out_of_fold import HeldOutFigures, measure
from ecosorter.training.recipe import Decide

CLASSES = ("kaca", "logam")
GROUPS = (("a",), ("b", "c"))
SOURCES = np.array(["a"] * 40 + ["b"] * 30 + ["c"] * 10)
LABELS = np.arange(80) % 2


def logits(wrong: NDArray[np.int64], sure: float = 2.0) -> NDArray[np.float32]:
    """Right about every photo but those numbered."""
    signs = np.where(np.isin(np.arange(80), wrong), -1, 1) * np.where(LABELS == 1, 1, -1)
    return np.stack([-sure * signs, sure * signs], axis=1).astype(np.float32) / 2


def measured(answers: NDArray[np.float32], frozen: NDArray[np.float32]) -> HeldOutFigures:
    objects = [f"object {number}" for number in range(80)]
    return measure(answers, frozen, LABELS, SOURCES, GROUPS, CLASSES, Decide(target_accuracy=0.8), objects)


def test_macro_recall_is_the_mean_over_the_classes_of_a_source() -> None:
    wrong = np.array([0, 2, 4, 6, 8])  # 5 of the 20 photos of the first class in source a
    figures = measured(logits(wrong), logits(np.arange(80)))
    assert figures.sources["a"].recall == {"kaca": 0.75, "logam": 1.0}
    assert figures.sources["a"].macro_recall == 0.875
    assert [figures.sources[name].macro_recall for name in "bc"] == [1.0, 1.0]
    assert figures.mean == pytest.approx((0.875 + 1 + 1) / 3)
    assert figures.worst == 0.875
    assert (figures.frozen_mean, figures.frozen_worst) == (0, 0)
    assert figures.scores.accuracy == pytest.approx(75 / 80)
    assert figures.scores.confusion == [[35, 5], [0, 40]]


def test_a_group_is_answered_by_what_the_others_taught() -> None:
    # Source a is always wrong, the others always right and as sure: only the others know confidence to be deserved.
    wrong = np.arange(40)
    figures = measured(logits(wrong), logits(wrong))
    # Group a is answered by what b and c say: sure. Groups b and c by what a says: nothing is to be answered.
    assert figures.scores.coverage == pytest.approx(0.5)
    assert figures.scores.answered_accuracy == 0
    assert figures.scores.calibration_error > 0.3


def test_every_known_source_tells_where_it_is_from() -> None:
    known = known_sources()
    assert all(entry.trust in "ABC" and entry.licence and entry.origin and entry.shows for entry in known.values())


def test_the_sources_of_the_shared_photos_are_known(shared: Path) -> None:
    assert {path.name for path in (shared / "photos").iterdir() if path.is_dir()} == set(known_sources())
