from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.datasets.dataset import PhotoRow
from ecosorter.datasets.photoset import PhotoSet
from ecosorter.progress import Advance, Silent
from ecosorter.training.fit.learner import Job, Part
from ecosorter.training.fit.parts import split_parts
from ecosorter.training.fit.stepped_head import SteppedHeadLearner, Table, balance_after_split, balance_before_split
from ecosorter.training.recipe import Recipe

RECIPE = Recipe.model_validate(
    {
        "name": "test",
        "split": {"validation": 0.1, "test": 0.2},
        "balance": {"method": "smote", "compare": True},
        "head": {"kind": "perceptron", "hidden": [16, 8], "dropout": 0.2},
        "fit": {"epochs": 12, "learning_rate": 0.01, "batch_size": 16},
        "trainer": {"accelerator": "cpu"},
    }
)


def table(groups: int | None = None) -> Table:
    """Three clouds of 90, 60 and 30 points; with groups, each is a burst of that many photos of one object."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [90, 60, 30])
    features = (np.eye(3, 6)[labels] * 3 + random.normal(size=(180, 6))).astype(np.float32)
    return Table(features, labels, np.arange(180) // (groups or 1), ("a", "b", "c"))


def split(rows: Table) -> dict[Part, NDArray[np.int64]]:
    return split_parts(rows.labels, rows.groups.tolist(), rows.classes, RECIPE.split, RECIPE.seed)


def test_only_training_rows_are_balanced_and_no_row_is_on_two_sides() -> None:
    rows = table(groups=3)
    parts = split(rows)
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


class Given:
    """A front whose features are known already."""

    def __init__(self, rows: Table) -> None:
        self.rows = rows

    def features(self, advance: Advance, zooms: Sequence[float], pool: object) -> NDArray[np.floating]:
        assert (zooms, pool) == ((1.0,), None)
        advance(len(self.rows.labels))
        return self.rows.features


def learner(rows: Table, folder: Path) -> SteppedHeadLearner:
    photos = [PhotoRow(Path(f"{n}.jpg"), rows.classes[label], "here") for n, label in enumerate(rows.labels)]
    given = PhotoSet(photos, [""] * len(photos), rows.groups, rows.classes, [], [])
    return SteppedHeadLearner(given, Given(rows), RECIPE, folder, Silent())  # type: ignore[arg-type]


def test_a_head_answers_the_parts_of_its_job_and_any_photos(tmp_path: Path) -> None:
    rows = table()
    parts = split(rows)
    head = learner(rows, tmp_path).fit(Job("after-split", parts), lambda _: None)
    test = head.answers("test")
    np.testing.assert_array_equal(test.photos, parts["test"])
    np.testing.assert_array_equal(test.labels, rows.labels[parts["test"]])
    np.testing.assert_array_equal(test.logits, head.predict(parts["test"]))
    accuracy = float((test.logits.mean(axis=1).argmax(1) == test.labels).mean())
    assert accuracy > 0.7
    assert accuracy == pytest.approx(head.epochs[-1].test_accuracy)
    assert len(set(head.counts_after.values())) == 1


def test_a_part_that_a_job_lacks_has_no_answers(tmp_path: Path) -> None:
    head = learner(table(), tmp_path).fit(Job("all", {"train": np.arange(180)}), lambda _: None)
    assert head.answers("validation").logits.shape == (0, 1, 3)
    assert len(head.answers("test").labels) == 0


def test_test_labels_change_nothing(tmp_path: Path) -> None:
    """Nothing may be fitted on test photos."""
    rows = table()
    parts = split(rows)
    spoiled_labels = rows.labels.copy()
    spoiled_labels[parts["test"]] = (spoiled_labels[parts["test"]] + 1) % 3
    spoiled = Table(rows.features, spoiled_labels, rows.groups, rows.classes)
    a, b = (
        learner(given, tmp_path / name).fit(Job("after-split", parts), lambda _: None).answers("test")
        for name, given in (("a", rows), ("b", spoiled))
    )
    np.testing.assert_array_equal(a.logits, b.logits)
    assert (a.labels != b.labels).all()


def test_smote_before_the_split_answers_rows_that_are_no_photos(tmp_path: Path) -> None:
    rows = table()
    job = Job("before-split", split(rows), before_split=True)
    test = learner(rows, tmp_path).fit(job, lambda _: None).answers("test")
    assert (test.photos < 0).any()
    assert len(test.logits) == len(test.labels) == len(test.photos)
