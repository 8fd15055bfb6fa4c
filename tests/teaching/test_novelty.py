from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecosorter.bundle import BANK
from ecosorter.errors import BundleError
from ecosorter.teaching.bank import Bank
from ecosorter.teaching.novelty import FAR, Novelty
from tests.teaching.teachable import KNOWN, features_of, teachable, tinted


def bank(features: NDArray[np.float64], sources: list[str]) -> Bank:
    labels = np.zeros(len(features), np.int64)
    return Bank.of(features.astype(np.float32), labels, sources, ["kaca"])


def spread(centre: int, number: int, width: float, seed: int = 0) -> NDArray[np.float64]:
    """Return points around one axis of eight dimensions."""
    return np.eye(8)[centre] + np.random.default_rng(seed).normal(size=(number, 8)) * width


def test_the_distance_is_that_of_directions_and_to_the_nearest() -> None:
    known = Novelty(bank(np.array([[1.0, 0.0], [0.0, 2.0]]), ["a", "b"]))
    found = known.distances(np.array([[3, 0], [0, 1], [1, 1], [-1, 0], [0, 0]], np.float32))
    np.testing.assert_allclose(found, [0, 0, 1 - np.sqrt(0.5), 1, 1], atol=1e-6)


def test_what_lies_among_other_sources_is_near_and_what_lies_apart_is_far() -> None:
    features = np.concatenate([spread(0, 100, 0.1, seed) for seed in range(3)])
    known = Novelty(bank(features, ["a"] * 100 + ["b"] * 100 + ["c"] * 100))
    near = known.score(known.distances(spread(0, 200, 0.1, 9).astype(np.float32)))
    apart = known.score(known.distances(spread(1, 200, 0.1, 9).astype(np.float32)))
    assert (apart >= FAR).all()
    assert (near >= FAR).mean() < 0.15  # a fourth source just like the others: about one in twenty
    assert 0.15 < np.median(near) < 0.7


def test_a_photo_is_compared_with_other_sources_not_with_its_own_table() -> None:
    """Two sources that lie apart, each close together: a new photo of one of them is nothing new at all."""
    features = np.concatenate([spread(0, 50, 0.01), spread(1, 50, 0.01)])
    two, one = Novelty(bank(features, ["a"] * 50 + ["b"] * 50)), Novelty(bank(features, ["a"] * 100))
    between = np.array([[1, 0.3, 0, 0, 0, 0, 0, 0]], np.float32)
    assert two.score(two.distances(between)) == 0
    assert one.score(one.distances(between)) == 1


@given(st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_the_score_is_a_share_and_grows_with_the_distance(distances: list[float]) -> None:
    known = Novelty(bank(spread(0, 30, 0.2), ["a", "b", "c"] * 10))
    score = known.score(np.sort(np.array(distances, np.float32)))
    assert ((score >= 0) & (score <= 1)).all()
    assert (np.diff(score) >= 0).all()


def test_a_thing_of_a_new_colour_is_newer_than_those_of_the_bank(tmp_path: Path) -> None:
    novelty = Novelty.of(teachable(tmp_path / "model"))
    assert novelty is not None
    known, new = (
        novelty.score(novelty.distances(features_of([tinted(tint, 70 + n) for tint in tints for n in range(20)])))
        for tints in (KNOWN, ("baterai", "popok"))
    )
    assert known.mean() < 0.7
    assert new.mean() > known.mean() + 0.2


def test_a_model_without_a_bank_has_none_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert Novelty.of(teachable(tmp_path / "without", bank=False)) is None
    damaged = teachable(tmp_path / "damaged")
    (damaged.folder / BANK).write_bytes(b"no")
    with pytest.raises(BundleError, match="is not the bank"):
        Novelty.of(damaged)
