from pathlib import Path

import numpy as np
import pytest

from ecosorter.datasets.splits import folds
from ecosorter.training.experiment import (
    Table,
    balance_after_split,
    balance_before_split,
    run_fit,
    split_fold,
    split_table,
)
from ecosorter.training.recipe import Recipe

RECIPE = Recipe.model_validate(
    {
        "name": "test",
        "split": {"validation": 0.1, "test": 0.2},
        "balance": {"method": "smote", "compare": True},
        "head": {"hidden": [16, 8], "dropout": 0.2},
        "fit": {"epochs": 12, "learning_rate": 0.01, "batch_size": 16},
        "trainer": {"accelerator": "cpu"},
    }
)
NO_BALANCE = RECIPE.model_copy(update={"balance": RECIPE.balance.model_copy(update={"method": "none"})})


def table(groups: int | None = None) -> Table:
    """Three clouds of 90, 60 and 30 points; with groups, each is a burst of that many photos of one object."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [90, 60, 30])
    features = (np.eye(3, 6)[labels] * 3 + random.normal(size=(180, 6))).astype(np.float32)
    return Table(features, labels, np.arange(180) // (groups or 1), ("a", "b", "c"))


def test_only_training_rows_are_balanced_and_no_row_is_on_two_sides() -> None:
    rows = table(groups=3)
    parts = split_table(rows, np.arange(180), RECIPE)
    prepared = balance_after_split(rows, parts, RECIPE)
    assert len(set(prepared.counts_after.values())) == 1
    assert prepared.counts_before == dict(zip("abc", np.bincount(rows.labels[parts["train"]]).tolist(), strict=True))
    assert not prepared.leaky
    for part in ("validation", "test"):
        assert prepared.parts[part].index is parts[part]
        assert not set(rows.groups[parts[part]]) & set(rows.groups[parts["train"]])
    train = prepared.parts["train"].features
    test = rows.features[parts["test"]]
    assert not (train[:, None] == test[None]).all(axis=2).any()


def test_balancing_first_makes_synthetic_test_rows_and_says_so() -> None:
    rows = table()
    prepared = balance_before_split(rows, np.arange(180), RECIPE)
    assert prepared.leaky
    assert prepared.counts_after == {"a": 90, "b": 90, "c": 90}
    synthetic = int((prepared.test_photos < 0).sum())
    assert synthetic > 0
    assert [note.values for note in prepared.notes] == [{"made": synthetic, "rows": len(prepared.test_photos)}]
    real = prepared.test_photos >= 0
    taken = prepared.parts["test"]
    assert taken.index is not None
    np.testing.assert_array_equal(taken.features[taken.index][real], rows.features[prepared.test_photos[real]])


def test_nothing_leaks_where_nothing_had_to_be_balanced() -> None:
    rows = table()
    prepared = balance_before_split(rows, np.flatnonzero(np.arange(180) % 90 < 30)[:60], RECIPE)
    assert not prepared.leaky
    assert not prepared.notes


def test_a_fit_is_calibrated_on_validation_rows_and_scored_on_test_rows(tmp_path: Path) -> None:
    rows = table()
    parts = split_table(rows, np.arange(180), RECIPE)
    outcome = run_fit(balance_after_split(rows, parts, RECIPE), rows, RECIPE, tmp_path, lambda _: None)
    scores = outcome.record.scores
    assert scores.photos == len(parts["test"])
    assert scores.accuracy == pytest.approx(float((outcome.test_logits.argmax(1) == rows.labels[parts["test"]]).mean()))
    assert scores.accuracy > 0.7
    assert scores.accuracy == pytest.approx(outcome.record.epochs[-1].test_accuracy)
    np.testing.assert_allclose(outcome.test_probabilities.sum(axis=1), 1)
    assert 0 < outcome.calibration.thresholds.confidence <= 1


def test_test_labels_change_nothing_but_the_scores(tmp_path: Path) -> None:
    """Nothing may be fitted on test photos: not the weights, not the temperature, not the thresholds."""
    rows = table()
    parts = split_table(rows, np.arange(180), RECIPE)
    spoiled_labels = rows.labels.copy()
    spoiled_labels[parts["test"]] = (spoiled_labels[parts["test"]] + 1) % 3
    spoiled = Table(rows.features, spoiled_labels, rows.groups, rows.classes)
    a, b = (
        run_fit(balance_after_split(given, parts, RECIPE), given, RECIPE, tmp_path / name, lambda _: None)
        for name, given in (("a", rows), ("b", spoiled))
    )
    np.testing.assert_array_equal(a.test_logits, b.test_logits)
    assert a.calibration == b.calibration
    assert a.record.scores.accuracy != b.record.scores.accuracy


def test_without_validation_rows_the_model_never_answers(tmp_path: Path) -> None:
    rows = table()
    recipe = NO_BALANCE.model_copy(update={"split": NO_BALANCE.split.model_copy(update={"validation": 0.0})})
    parts = split_table(rows, np.arange(180), recipe)
    outcome = run_fit(balance_after_split(rows, parts, recipe), rows, recipe, tmp_path, lambda _: None)
    assert outcome.calibration.temperature == 1
    assert outcome.record.scores.coverage == 0


def test_a_fold_takes_its_validation_rows_from_its_training_rows() -> None:
    rows = table(groups=3)
    for train, test in folds(rows.labels, rows.groups, 3, 0):
        parts = split_fold(rows, train, test, RECIPE)
        np.testing.assert_array_equal(parts["test"], test)
        assert set(parts["train"]) | set(parts["validation"]) == set(train)
        assert not set(rows.groups[parts["validation"]]) & set(rows.groups[parts["train"]])
