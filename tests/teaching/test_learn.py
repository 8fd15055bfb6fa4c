"""A place is learnt, what was known stays, and what is promised was measured."""

import numpy as np
import pytest

from ecosorter.decision import Thresholds
from ecosorter.teaching.bank import Bank
from ecosorter.teaching.learn import LOSS, Learnt, Lesson, learn
from ecosorter.teaching.linear_head import LinearHead

WIDTH = 12
CLASSES = ("kaca", "logam", "plastik")
CENTRES = np.random.default_rng(5).normal(size=(4, WIDTH)) * 2


def rows(random: np.random.Generator, kinds: list[int], each: int, shift: float = 0.0) -> np.ndarray:
    """Return float32 ``[kinds * each, d]`` around the centres of these kinds, moved along one side."""
    found = np.repeat(CENTRES[kinds], each, axis=0) + random.normal(size=(len(kinds) * each, WIDTH))
    found[:, 0] += shift
    return found.astype(np.float32)


def world(seed: int = 0) -> tuple[LinearHead, Bank]:
    """Return a head that knows three kinds, and its bank."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), 60)
    bank = Bank.of(rows(random, [0, 1, 2], 60), labels, ["a", "b"] * 90, CLASSES)
    return LinearHead(CENTRES[:3].T.astype(np.float32), (-(CENTRES[:3] ** 2).sum(axis=1) / 2).astype(np.float32)), bank


def lesson(labels: list[int], features: np.ndarray, random: np.random.Generator) -> Lesson:
    looks = features[:, None] + 0.05 * random.normal(size=(len(features), 4, WIDTH))
    return Lesson(looks.astype(np.float32), np.array(labels), np.arange(len(labels)), ["mine"] * len(labels))


def taught(labels: list[int], features: np.ndarray, classes: tuple[str, ...] = CLASSES) -> Learnt:
    head, bank = world()
    given = lesson(labels, features, np.random.default_rng(1))
    return learn(head, bank, given, classes, 1.0, Thresholds(confidence=0.5, conformal=0.9))


def test_a_place_that_looks_different_is_learnt_without_forgetting() -> None:
    random = np.random.default_rng(2)
    moved = rows(random, [0, 1, 2], 8, shift=6.0)
    labels = np.repeat(np.arange(3), 8).tolist()
    head, _ = world()
    found = taught(labels, moved)
    new = rows(random, [0, 1, 2], 50, shift=6.0)
    truth = np.repeat(np.arange(3), 50)
    was, now = ((h(new).argmax(axis=1) == truth).mean() for h in (head, found.head))
    assert now > was
    assert found.step > 0
    assert found.lost <= LOSS
    promised = (found.own_after.argmax(axis=1) == labels).mean()
    assert promised == pytest.approx(now, abs=0.2)


def test_where_the_whole_way_would_forget_a_part_of_it_is_gone() -> None:
    found = taught([1] * 40, rows(np.random.default_rng(4), [0], 40))
    assert 0 < found.step < 1
    assert found.lost <= LOSS


def test_a_new_class_is_found_by_photos_that_were_left_out() -> None:
    random = np.random.default_rng(3)
    found = taught([3] * 10, rows(random, [3], 10), (*CLASSES, "popok"))
    assert found.head.bias.shape == (4,)
    assert (found.own_after.argmax(axis=1) == 3).mean() >= 0.8
    assert found.own_before.shape == (10, 3)


def test_what_would_forget_is_not_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecosorter.teaching.learn.LOSS", -1.0)  # whatever it does costs too much
    found = taught([1] * 40, rows(np.random.default_rng(4), [0], 40))
    head, _ = world()
    assert found.step == 0
    assert (found.head.weight == head.weight).all()
    assert (found.own_after == found.own_before).all()
    assert (found.temperature, found.thresholds.confidence) == (1.0, 0.5)


def test_one_photo_is_a_lesson_too() -> None:
    found = taught([0], rows(np.random.default_rng(0), [0], 1))
    assert np.isfinite(found.head.weight).all()
    assert found.temperature >= 1.0
    assert found.thresholds.confidence >= 0.5


def test_the_same_photos_give_the_same_head() -> None:
    one, two = (taught([0, 1], rows(np.random.default_rng(0), [0, 1], 1)) for _ in range(2))
    assert (one.head.weight == two.head.weight).all()
