"""The figures, against scikit-learn's and against values worked out by hand."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import DatasetError
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.scores import Scores

CLASSES = ("kaca", "kardus", "kertas", "khusus", "logam")
THRESHOLDS = Thresholds(confidence=0.6, conformal=0.8)


def answers(n: int = 400, seed: int = 0, present: int = 5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, present, n)
    return random.normal(size=(n, 5)) + 1.5 * np.eye(5)[labels], labels


def of_probabilities(*rows: tuple[float, bool], confidence: float = 0.6, groups: list[str] | None = None) -> Scores:
    """Scores of two-class answers, each (confidence, whether it is right)."""
    sure = np.array([row[0] for row in rows])
    labels = np.array([0 if right else 1 for _, right in rows])
    logits = np.log(np.stack([sure, 1 - sure], axis=1))
    thresholds = Thresholds(confidence=confidence, conformal=1)
    return score(logits, labels, ("a", "b"), temperature=1.0, thresholds=thresholds, groups=groups)


def test_standard_figures_are_those_of_scikit_learn() -> None:
    logits, labels = answers()
    scores = score(logits, labels, CLASSES, temperature=2.0, thresholds=THRESHOLDS)
    predicted = logits.argmax(axis=1)

    assert scores.photos == 400
    assert scores.classes == CLASSES
    assert scores.accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert scores.loss == pytest.approx(log_loss(labels, softmax(logits, 2.0)))
    assert scores.confusion == confusion_matrix(labels, predicted).tolist()
    assert scores.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    expected = precision_recall_fscore_support(labels, predicted)
    assert scores.macro_recall == pytest.approx(expected[1].mean())
    found = [scores.per_class[name] for name in CLASSES]
    assert [[c.precision for c in found], [c.recall for c in found], [c.f1 for c in found]] == [
        pytest.approx(row) for row in expected[:3]
    ]
    assert [c.photos for c in found] == expected[3].tolist()


def test_means_are_over_the_classes_that_the_photos_have() -> None:
    logits, labels = answers(present=3)
    scores = score(logits, labels, CLASSES, temperature=1.0, thresholds=THRESHOLDS)
    predicted = logits.argmax(axis=1)
    present = [0, 1, 2]
    assert set(predicted) > set(present)  # photos are taken for classes that are not there
    assert scores.macro_f1 == pytest.approx(f1_score(labels, predicted, labels=present, average="macro"))
    assert scores.macro_recall == pytest.approx(np.mean([(predicted[labels == c] == c).mean() for c in present]))
    absent = scores.per_class["logam"]
    assert (absent.precision, absent.recall, absent.f1, absent.photos) == (0, 0, 0, 0)
    assert np.array(scores.confusion).shape == (5, 5)


def test_calibration_error_by_hand() -> None:
    scores = of_probabilities((0.95, True), (0.97, False), (0.59, True), (0.57, True), (0.62, False))
    # 15 bins: 0.95 and 0.97 lie in the last; 0.57 and 0.59 in (8/15, 9/15]; 0.62 in (9/15, 10/15].
    assert [(b.photos, b.accuracy) for b in scores.reliability] == [(2, 1), (1, 0), (2, 0.5)]
    assert [b.confidence for b in scores.reliability] == pytest.approx([0.58, 0.62, 0.96])
    assert scores.calibration_error == pytest.approx((2 * 0.42 + 0.62 + 2 * 0.46) / 5)
    assert scores.calibration_error_before == scores.calibration_error  # the temperature is 1


def test_the_temperature_changes_the_calibration_and_not_the_answers() -> None:
    logits, labels = answers(5000)
    raw = score(logits * 4, labels, CLASSES, temperature=1.0, thresholds=THRESHOLDS)
    scaled = score(logits * 4, labels, CLASSES, temperature=3.0, thresholds=THRESHOLDS)
    assert scaled.calibration_error_before == raw.calibration_error
    assert scaled.calibration_error < raw.calibration_error / 2
    assert scaled.loss < raw.loss
    assert (scaled.accuracy, scaled.confusion) == (raw.accuracy, raw.confusion)


def test_coverage_by_hand() -> None:
    rows = ((0.9, True), (0.7, False), (0.8, True), (0.7, True))
    scores = of_probabilities(*rows, confidence=0.75)
    assert scores.coverage_curve == [
        (0.25, 1.0),
        (0.5, 1.0),
        (1.0, 0.75),
    ]  # two photos of 0.7 cannot be parted
    assert (scores.coverage, scores.answered_accuracy) == (0.5, 1.0)


def test_a_model_that_answers_nothing_has_no_accuracy_of_answers() -> None:
    scores = of_probabilities((0.9, True), (0.7, False), confidence=1.0)
    assert (scores.coverage, scores.answered_accuracy) == (0.0, None)


def test_the_coverage_curve_is_thinned_and_ends_with_everything() -> None:
    logits, labels = answers(3000)
    scores = score(logits, labels, CLASSES, temperature=1.0, thresholds=THRESHOLDS)
    shares = [share for share, _ in scores.coverage_curve]
    assert len(shares) == 50
    assert shares == sorted(shares)
    assert scores.coverage_curve[-1] == (1.0, scores.accuracy)


def test_the_interval_is_that_of_a_binomial_when_photos_are_independent() -> None:
    logits, labels = answers(600)
    scores = score(logits, labels, CLASSES, temperature=1.0, thresholds=THRESHOLDS, resamples=4000)
    low, high = scores.accuracy_interval
    half = 1.96 * np.sqrt(scores.accuracy * (1 - scores.accuracy) / 600)
    assert (low, high) == pytest.approx((scores.accuracy - half, scores.accuracy + half), abs=0.006)


def test_photos_of_one_object_widen_the_interval() -> None:
    # 40 objects with ten photos each, all right or all wrong: there are 40 facts, not 400.
    rows = [(0.9, obj % 4 > 0) for obj in range(40) for _ in range(10)]
    groups = [f"object {obj}" for obj in range(40) for _ in range(10)]
    alone = of_probabilities(*rows).accuracy_interval
    grouped = of_probabilities(*rows, groups=groups).accuracy_interval
    assert grouped[1] - grouped[0] == pytest.approx((alone[1] - alone[0]) * np.sqrt(10), rel=0.15)
    assert of_probabilities(*rows, groups=[""] * 400).accuracy_interval == alone


@pytest.mark.parametrize("objects", [1, 2, 12, 400])
@pytest.mark.parametrize("photos", [1, 3])
def test_where_all_objects_agree_the_interval_is_exact_and_has_a_width(objects: int, photos: int) -> None:
    groups = [f"object {number}" for number in range(objects) for _ in range(photos)]
    for right in (True, False):
        low, high = of_probabilities(*[(0.9, right)] * len(groups), groups=groups).accuracy_interval
        expected = binomtest(objects if right else 0, objects).proportion_ci(0.95, method="exact")
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert high - low > 0.009


def test_objects_that_are_all_right_in_half_of_their_photos_are_not_more_certain_than_so_many_photos() -> None:
    groups = [f"object {number}" for number in range(8) for _ in range(2)]
    low, high = of_probabilities(*[(0.9, True), (0.9, False)] * 8, groups=groups).accuracy_interval
    expected = binomtest(4, 8).proportion_ci(0.95, method="exact")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=8))
def test_every_interval_holds_the_accuracy_and_has_a_width(objects: list[list[bool]]) -> None:
    groups = [f"object {number}" for number, photos in enumerate(objects) for _ in photos]
    scores = of_probabilities(*[(0.9, right) for photos in objects for right in photos], groups=groups)
    low, high = scores.accuracy_interval
    assert 0 <= low <= scores.accuracy + 1e-9
    assert scores.accuracy - 1e-9 <= high <= 1
    assert low < high


def test_the_interval_is_drawn_from_the_seed() -> None:
    logits, labels = answers(100)
    first, again, other = (
        score(logits, labels, CLASSES, temperature=1.0, thresholds=THRESHOLDS, seed=seed).accuracy_interval
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_probabilities_of_zero_have_a_finite_loss() -> None:
    logits = np.array([[0.0, -2000.0], [0.0, -2000.0]])
    scores = score(logits, np.array([0, 1]), ("a", "b"), temperature=1.0, thresholds=THRESHOLDS)
    assert 100 < scores.loss < 1000
    assert Scores.model_validate_json(scores.model_dump_json()) == scores


def test_no_photos_are_refused() -> None:
    with pytest.raises(DatasetError, match="no photo"):
        score(np.empty((0, 5)), np.empty(0, dtype=np.int64), CLASSES, temperature=1.0, thresholds=THRESHOLDS)


def test_five_hundred_photos_are_measured_in_no_time() -> None:
    logits, labels = answers(500)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        score(logits, labels, CLASSES, temperature=1.0, thresholds=THRESHOLDS)
        best = min(best, time.perf_counter() - start)
    assert best < 0.2
