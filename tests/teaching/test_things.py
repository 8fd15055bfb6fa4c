"""Shots of one thing are one thing, and no fold parts them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.teaching.things import find_things, join, thing_folds, usual_distance

SCALE = np.zeros(40), np.ones(40)
USUAL = 1.0, 80.0


def shots(things: int, each: int, apart: float) -> NDArray[np.float64]:
    """Return ``[things * each, d]``; shots of a thing differ by `apart`, things by 1."""
    random = np.random.default_rng(0)
    return np.repeat(random.normal(size=(things, 40)), each, axis=0) + apart * random.normal(size=(things * each, 40))


def test_bursts_are_one_thing_and_others_are_not() -> None:
    things = find_things(shots(6, 3, 0.4), np.zeros(18, np.int64), SCALE, USUAL)
    assert things.tolist() == np.repeat(np.arange(6), 3).tolist()


def test_the_next_shot_may_differ_more_than_one_taken_later() -> None:
    features, labels = shots(2, 2, 0.7), np.zeros(4, np.int64)
    assert find_things(features, labels, SCALE, USUAL).tolist() == [0, 0, 1, 1]
    assert find_things(features[[0, 2, 1, 3]], labels, SCALE, USUAL).tolist() == [0, 1, 2, 3]
    assert find_things(features[[0, 2, 0, 3]], labels, SCALE, USUAL).tolist() == [0, 1, 0, 2]


def test_photos_of_two_classes_are_never_one_thing() -> None:
    features = shots(1, 2, 0.01)
    assert find_things(features, np.array([0, 1]), SCALE, USUAL).tolist() == [0, 1]
    assert find_things(features[:0], np.empty(0, np.int64), SCALE, USUAL).tolist() == []


def test_the_unit_is_what_is_usual_in_a_class() -> None:
    far, near = shots(30, 1, 0.0), shots(2, 15, 0.1)
    labels = np.repeat([0, 1], 15)
    assert usual_distance(far, labels, SCALE) == pytest.approx(USUAL, rel=0.15)
    assert usual_distance(near, labels, SCALE)[0] < 0.05


def test_folds_keep_things_whole_and_spread_classes() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    things = np.array([0, 0, 1, 2, 3, 3, 4, 5])
    assert thing_folds(labels, things, 3).tolist() == [0, 0, 1, 2, 0, 0, 1, 2]
    assert len(set(thing_folds(labels, things, 6).tolist())) == 6


def test_join_numbers_groups_as_they_appear() -> None:
    assert join(np.array([0, 1, 2, 3]), [(3, 1), (2, 0)]).tolist() == [0, 1, 0, 1]
