"""A refitted head keeps what it knew."""

import numpy as np
import pytest

from ecosorter.decision import softmax
from ecosorter.teaching.linear_head import LinearHead
from ecosorter.teaching.refit import balanced_weights, grown, refit, scale_of


def test_own_photos_weigh_as_much_as_all_others_and_in_each_half_classes_are_even() -> None:
    labels = np.array([0] * 8 + [1] * 4 + [0] * 2 + [2], np.int64)
    own = np.array([False] * 12 + [True] * 3)
    sources = ["a"] * 7 + ["b"] + ["a"] * 4 + ["mine"] * 3
    weights = balanced_weights(labels, sources, own)
    assert weights[own].sum() == pytest.approx(0.5)
    assert np.allclose([weights[(labels == label) & ~own].sum() for label in range(2)], 1 / 4)
    assert np.allclose([weights[(labels == label) & own].sum() for label in (0, 2)], 1 / 4)
    assert weights[7] > weights[0]  # one photo of one source, beside seven of another
    assert weights[:7].sum() > weights[7]


def test_refitting_on_what_is_known_changes_no_answer() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 6)).astype(np.float32)
    old = LinearHead(4 * random.normal(size=(6, 3)).astype(np.float32), np.zeros(3, np.float32))
    labels = old(features).argmax(axis=1)
    head = refit(old, 3, features, np.eye(3, dtype=bool)[labels], np.full(300, 1 / 300), scale_of(features))
    assert (head(features).argmax(axis=1) == labels).mean() > 0.97
    assert np.linalg.norm(head.weight - old.weight) < 0.5 * np.linalg.norm(old.weight)


def test_rows_that_may_be_two_classes_do_not_choose_between_them() -> None:
    features = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    old = LinearHead(np.array([[-1.0, 1.0]], np.float32), np.array([1.0, -1.0], np.float32))
    either = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], bool)
    start, scale = grown(old, 3, {}), scale_of(features)
    head = refit(start, 2, features, either, np.full(4, 0.25), scale)
    assert head(features).argmax(axis=1)[3] == 2
    strict = either.copy()
    strict[2, 2] = False
    strict_head = refit(start, 2, features, strict, np.full(4, 0.25), scale)
    p, q = (softmax(h(features), 1)[3, 2] for h in (head, strict_head))
    assert p > q


def test_a_class_that_was_part_of_another_starts_as_it() -> None:
    old = LinearHead(np.array([[4.0, 0.0, -4.0]], np.float32), np.zeros(3, np.float32))
    # A row that may be any class says nothing, so that the new class stays what it starts as.
    features, anything = np.array([[-1.0], [1.0]], np.float32), np.ones((2, 4), bool)
    of_first, of_last, of_none = (
        refit(grown(old, 4, parents), 3, features, anything, np.full(2, 0.5), scale_of(features)).weight[0]
        for parents in ({3: 0}, {3: 2}, {})
    )
    assert np.allclose(of_first[:3], old.weight[0])
    assert np.allclose([of_first[3], of_last[3], of_none[3]], [2, -2, 0], atol=1e-5)
