"""Rare classes made to count: SMOTE's rows lie between real ones, weights even out the loss."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from ecosorter.training.fit.balance import balance, class_weights

CLASSES = ("kaca", "kertas", "logam", "organik")


def rows(*counts: int, dtype: type = np.float32, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Rows of class `c` lie around `10 c`."""
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(0).standard_normal((len(labels), width))
    return (noise + 10 * labels[:, None]).astype(dtype), labels


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_every_class_gets_as_many_rows_as_the_largest(dtype: type) -> None:
    features, labels = rows(30, 12, 7, 30, dtype=dtype)
    result = balance(features, labels, CLASSES, "smote", seed=1)

    assert np.bincount(result.labels).tolist() == [30, 30, 30, 30]
    assert result.features.dtype == dtype
    assert np.array_equal(result.features[: len(labels)], features)
    assert np.array_equal(result.labels[: len(labels)], labels)
    assert result.notes == []


def test_a_synthetic_row_lies_between_a_row_and_a_near_one_of_its_class() -> None:
    features, labels = rows(40, 9)
    made = balance(features, labels, CLASSES[:2], "smote", neighbours=3, seed=1).features[len(labels) :]
    own = features[labels == 1].astype(np.float64)
    distances = np.linalg.norm(own[:, None] - own[None], axis=2)
    near = np.argsort(distances, axis=1)[:, 1:4]

    for row in made:
        off = [
            np.linalg.norm(row - own[i]) + np.linalg.norm(row - own[j]) - distances[i, j]
            for i in range(len(own))
            for j in near[i]
        ]
        assert min(off) < 1e-5
    assert len(np.unique(made, axis=0)) == len(made) == 31


@pytest.mark.parametrize(
    ("counts", "notes"),
    [
        ((9, 6), []),
        ((9, 5), ["Class 'kertas' has 5 training photos, too few for 5 neighbours: SMOTE uses 4."]),
        ((9, 2), ["Class 'kertas' has 2 training photos, too few for 5 neighbours: SMOTE uses 1."]),
        ((9, 1), ["Class 'kertas' has a single training photo: SMOTE repeats it."]),
        ((9, 0), []),
        ((1, 1), []),
    ],
)
def test_small_classes_follow_a_rule_that_is_told(counts: tuple[int, int], notes: list[str]) -> None:
    features, labels = rows(*counts)
    result = balance(features, labels, CLASSES[:2], "smote", seed=3)
    assert [note.say("en") for note in result.notes] == notes
    assert np.bincount(result.labels, minlength=2).tolist() == [counts[0], counts[0] if counts[1] else 0]
    assert np.isfinite(result.features).all()


def test_a_single_photo_is_repeated_as_it_is() -> None:
    features, labels = rows(4, 1)
    result = balance(features, labels, CLASSES[:2], "smote", seed=3)
    assert np.array_equal(result.features[5:], np.repeat(features[4:], 3, axis=0))


def test_the_seed_decides() -> None:
    features, labels = rows(30, 12)
    first, again, other = (balance(features, labels, CLASSES[:2], "smote", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)


@pytest.mark.parametrize(("method", "counts"), [("none", (9, 3)), ("smote", (5, 5))])
def test_nothing_is_copied_when_nothing_is_added(method: Any, counts: tuple[int, int]) -> None:
    features, labels = rows(*counts)
    result = balance(features, labels, CLASSES[:2], method, seed=0)
    assert result.features is features
    assert result.labels is labels


def test_weights_are_those_of_scikit_learn() -> None:
    labels = np.repeat(np.arange(4), [10, 20, 5, 65])
    weights = class_weights(labels, 4)
    assert weights.dtype == np.float32
    assert weights == pytest.approx(compute_class_weight("balanced", classes=np.arange(4), y=labels))


def test_a_class_without_rows_has_no_weight_and_takes_none() -> None:
    labels = np.array([0, 0, 0, 2])
    weights = class_weights(labels, 3)
    assert weights.tolist() == pytest.approx([4 / 6, 0, 2])
    assert weights[labels].mean() == pytest.approx(1)
