"""The figures, against scikit-learn's and against values worked out by hand."""

import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from ecosorter.classifier import Classifier
from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import DatasetError
from ecosorter.training.dataset import Dataset, PhotoRow, dataset_of
from ecosorter.training.evaluate import Failure, evaluate_bundle, score
from ecosorter.training.results import Scores
from tests import tiny

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


COLOURS = {
    "white": (255, 255, 255),
    "light grey": (180, 180, 180),
    "dark grey": (90, 90, 90),
    "green": (0, 255, 0),
    "teal": (0, 140, 120),
    "blue": (0, 0, 255),
}


def coloured(folder: Path, *rows: tuple[str, str, str, str]) -> Dataset:
    """Photos of (colour, label, source, group)."""
    made = []
    for number, (colour, label, source, group) in enumerate(rows):
        path = folder / f"{number} {colour}.png"
        path.write_bytes(tiny.photo(COLOURS[colour]) if colour in COLOURS else b"no photo")
        made.append(PhotoRow(path, label, source, group))
    return dataset_of(made)


def tiny_logits(*colours: str) -> np.ndarray:
    """What the tiny model's description says that its logits are."""
    seen = np.array([COLOURS[name] for name in colours]) / 255
    known = np.array([tiny.COLOURS[name] for name in tiny.CLASSES]) / 255
    logits: np.ndarray = tiny.SHARPNESS * (2 * seen @ known.T - (known**2).sum(axis=1)) / 3
    return logits


def test_a_bundle_is_measured_as_its_logits_are(tmp_path: Path) -> None:
    bundle = tiny.tiny_bundle(tmp_path / "tiny", temperature=2.0)
    rows = [("white", "kaca"), ("light grey", "kaca"), ("dark grey", "kaca"), ("green", "organik"), ("teal", "organik")]
    dataset = coloured(tmp_path, *((colour, label, "phone", "") for colour, label in rows))
    done: list[int] = []
    result = evaluate_bundle(Classifier.load(bundle.folder), dataset, done.append)

    expected = score(
        tiny_logits(*(colour for colour, _ in rows)),
        np.array([0, 0, 0, 2, 2]),
        tiny.CLASSES,
        temperature=2.0,
        thresholds=bundle.info.thresholds,
    )
    assert result.scores.accuracy == 0.8  # dark grey is nearer to black
    assert result.scores.confusion == expected.confusion
    assert result.scores.calibration_error == pytest.approx(expected.calibration_error, abs=1e-5)
    assert result.scores.calibration_error_before == pytest.approx(expected.calibration_error_before, abs=1e-5)
    assert result.scores.loss == pytest.approx(expected.loss, abs=1e-5)
    assert result.scores.coverage == expected.coverage
    assert [(answer.path, answer.label) for answer in result.answers] == [(str(r.path), r.label) for r in dataset.rows]
    assert max(result.answers[3].probabilities, key=result.answers[3].probabilities.__getitem__) == "organik"
    assert sum(done) == 5


def test_sources_are_measured_apart_and_bad_photos_are_listed(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    dataset = coloured(
        tmp_path,
        ("white", "kaca", "phone", ""),
        ("broken", "kaca", "phone", ""),
        ("green", "organik", "studio", ""),
        ("blue", "organik", "studio", ""),
    )
    result = evaluate_bundle(Classifier.load(tmp_path / "tiny"), dataset)
    assert {name: (s.photos, s.accuracy) for name, s in result.by_source.items()} == {
        "phone": (1, 1.0),
        "studio": (2, 0.5),
    }
    assert result.scores.photos == 3
    (failure,) = result.failed
    assert isinstance(failure, Failure)
    assert failure.path == str(dataset.rows[1].path)
    assert failure.status == "text"
    assert failure.error


def test_a_group_is_one_of_its_source(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    # One object in each source, under the same name: one is always right and one always wrong.
    rows = [("white", "kaca", "phone", "1"), ("blue", "organik", "studio", "1")] * 6
    result = evaluate_bundle(Classifier.load(tmp_path / "tiny"), coloured(tmp_path, *rows))
    assert list(result.scores.accuracy_interval) == [0, 1]
    assert list(result.by_source["phone"].accuracy_interval) == [1, 1]


def test_a_class_that_the_bundle_lacks_is_refused(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    dataset = coloured(tmp_path, ("white", "kaca", "", ""), ("blue", "kertas", "", ""))
    with pytest.raises(DatasetError, match=r"'tiny' does not know .* kertas; it knows kaca, logam, organik, plastik"):
        evaluate_bundle(Classifier.load(tmp_path / "tiny"), dataset)


def test_photos_of_which_none_can_be_read_are_refused(tmp_path: Path) -> None:
    tiny.tiny_bundle(tmp_path / "tiny")
    with pytest.raises(DatasetError, match="None of the 1 photos can be read: "):
        evaluate_bundle(Classifier.load(tmp_path / "tiny"), coloured(tmp_path, ("broken", "kaca", "", "")))


def test_recall_by_item_counts_the_photos_that_name_one(tmp_path: Path) -> None:
    bundle = tiny.tiny_bundle(tmp_path / "bundle")
    shown = {
        "a": ((255, 255, 255), "kaca", "botol"),
        "b": ((255, 255, 255), "plastik", "botol"),
        "c": ((0, 0, 255), "plastik", ""),
    }
    rows = []
    for name, (colour, label, item) in shown.items():
        (tmp_path / f"{name}.png").write_bytes(tiny.photo(colour))
        rows.append(PhotoRow(tmp_path / f"{name}.png", label, "s", "", item))
    found = evaluate_bundle(Classifier.load(bundle.folder), dataset_of(rows)).by_item
    assert {item: (each.photos, each.recall) for item, each in found.items()} == {"botol": (2, 0.5)}
