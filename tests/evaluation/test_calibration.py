"""Temperature and thresholds, against known ones and against their own promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecosorter.decision import softmax
from ecosorter.evaluation.calibration import fit_temperature, fit_thresholds


def drawn(n: int, seed: int = 0, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with exactly the probabilities that the logits tell."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2, size=(n, classes))
    labels = (softmax(logits, 1.0).cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    return logits, labels.clip(max=classes - 1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
def test_a_known_temperature_is_found(temperature: float) -> None:
    logits, labels = drawn(20_000)
    assert fit_temperature((logits * temperature).astype(np.float32), labels) == pytest.approx(temperature, rel=0.03)


def test_few_photos_that_are_all_right_do_not_make_every_answer_certain() -> None:
    labels = np.array([0, 1, 2, 0, 1])
    logits = 2.0 * np.eye(3)[labels]  # confidence 0.787
    assert 0.6 < softmax(logits, fit_temperature(logits, labels)).max() < 0.99


@pytest.mark.parametrize(("confusing", "expected"), [(False, 0.05), (True, 20.0)])
def test_the_temperature_has_bounds(confusing: bool, expected: float) -> None:
    labels = np.arange(50_000) % 2
    logits = 1e-3 * np.eye(2)[labels] if not confusing else 1e3 * np.eye(2)[labels[::-1]]
    assert fit_temperature(logits, labels) == pytest.approx(expected, rel=1e-3)


def test_nothing_is_known_without_photos() -> None:
    assert fit_temperature(np.empty((0, 3)), np.empty(0, dtype=np.int64)) == 1
    thresholds = fit_thresholds(np.empty((0, 3)), np.empty(0, dtype=np.int64))
    assert (thresholds.confidence, thresholds.conformal) == (1.0, 1.0)


def two_classes(*rows: tuple[float, bool]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of (confidence in class 0, whether that is right)."""
    confidence = np.array([row[0] for row in rows])
    return np.stack([confidence, 1 - confidence], axis=1), np.array([0 if row[1] else 1 for row in rows])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (0.5, 0.6),  # all of them: 3 of 5 are right
        (0.6, 0.6),
        (0.7, 0.7),  # 3 of 4
        (0.8, 0.9),  # 1 of 1
        (1.0, 0.9),
    ],
)
def test_the_smallest_threshold_that_reaches_the_target_is_taken(target: float, expected: float) -> None:
    rows = two_classes((0.7, True), (0.9, True), (0.6, False), (0.75, True), (0.8, False))
    assert fit_thresholds(*rows, target_accuracy=target).confidence == pytest.approx(expected)


def test_photos_of_equal_confidence_are_answered_together() -> None:
    rows = two_classes((0.9, True), (0.9, True), (0.9, False), (0.6, False))
    assert fit_thresholds(*rows, target_accuracy=0.6).confidence == pytest.approx(0.9)
    assert fit_thresholds(*rows, target_accuracy=0.9).confidence == 1.0


def test_a_target_out_of_reach_silences_the_model() -> None:
    assert fit_thresholds(*two_classes((0.9, False), (0.8, True))).confidence == 1.0


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), target=st.floats(0.3, 1))
def test_no_smaller_threshold_reaches_the_target(seed: int, n: int, target: float) -> None:
    logits, labels = drawn(n, seed)
    probabilities = softmax(logits, 1.0)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    reaching = [t for t in confidence if right[confidence >= t].mean() >= target]
    threshold = fit_thresholds(probabilities, labels, target_accuracy=target).confidence
    assert threshold == (min(reaching) if reaching else 1.0)


NEVER = 1.0  # a target that is not reached once the surest answer is wrong: all photos are unsure


def score_of(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """One minus the probability of the true class; 0 where that is the best one, which is always offered."""
    scores = 1 - probabilities[np.arange(len(labels)), labels]
    return np.where(probabilities.argmax(axis=1) == labels, 0, scores)


@pytest.mark.parametrize(
    ("n", "miss_rate", "rank"),
    [(19, 0.1, 18), (20, 0.1, 19), (9, 0.1, 9), (8, 0.1, None), (99, 0.05, 95)],
)
def test_the_conformal_threshold_is_the_corrected_rank(n: int, miss_rate: float, rank: int | None) -> None:
    logits, labels = drawn(n)
    probabilities = softmax(logits, 1.0)
    surest = probabilities.max(axis=1).argmax()
    labels[surest] = probabilities[surest].argmin()  # so that no threshold reaches the target
    expected = 1.0 if rank is None else np.sort(score_of(probabilities, labels))[rank - 1]
    found = fit_thresholds(probabilities, labels, target_accuracy=NEVER, miss_rate=miss_rate)
    assert (found.confidence, found.conformal) == (1.0, expected)


def test_the_classes_offered_hold_the_true_one_as_often_as_promised_when_unsure() -> None:
    held = []
    for seed in range(200):
        logits, labels = drawn(300, seed)
        probabilities = softmax(logits, 1.0)
        found = fit_thresholds(probabilities[:150], labels[:150], target_accuracy=0.9, miss_rate=0.2)
        unsure = probabilities[150:].max(axis=1) < found.confidence
        held.append((score_of(probabilities, labels)[150:][unsure] <= found.conformal).mean())
    assert 0.78 < np.mean(held) < 0.83


def test_a_promise_holds_on_the_mean_of_places_and_nearly_everywhere() -> None:
    # Place 0 is always right; in place 1, with as many photos, the surer half is right.
    sure = np.linspace(0.99, 0.6, 100)
    confidence = np.concatenate([sure, sure])
    right = np.concatenate([np.ones(100, bool), np.arange(100) < 50])
    probabilities, labels = two_classes(*zip(confidence.tolist(), right.tolist(), strict=True))
    places = np.repeat([0, 1], 100)
    threshold = fit_thresholds(probabilities, labels, target_accuracy=0.8, places=places).confidence
    answered = confidence >= threshold
    assert right[answered].mean() > 0.85  # the mean alone would let far more be answered
    assert 0.7 <= right[answered & (places == 1)].mean() < 0.72
    few = np.where(np.arange(200) % 3 == 0, places, np.where(places == 1, -1, 0))  # 33 photos there: chance, perhaps
    threshold = fit_thresholds(probabilities, labels, target_accuracy=0.8, places=few).confidence
    assert right[(few == 1) & (confidence >= threshold)].mean() < 0.7


def test_photos_that_count_nothing_decide_nothing() -> None:
    logits, labels = drawn(300)
    probabilities, places = softmax(logits, 1.0), np.repeat([0, -1], 150)
    changed = np.concatenate([labels[:150], (labels[150:] + 1) % 6])
    found = [fit_thresholds(probabilities, given, target_accuracy=0.7, places=places) for given in (labels, changed)]
    assert found[0] == found[1] == fit_thresholds(probabilities[:150], labels[:150], target_accuracy=0.7)
