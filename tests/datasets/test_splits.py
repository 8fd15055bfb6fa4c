"""Parts that share no group and have every class in its share."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from ecosorter.datasets.splits import folds, split_rows
from ecosorter.errors import DatasetError

PARTS = {"train": 0.72, "validation": 0.08, "test": 0.2}
TRASHNET = np.repeat(np.arange(6), [501, 403, 594, 137, 410, 482])


@st.composite
def grouped_rows(draw: st.DrawFn) -> tuple[np.ndarray, list[str]]:
    """Rows in groups of one class each, at least three groups a class, in any order."""
    labels: list[int] = []
    groups: list[str] = []
    for label in range(draw(st.integers(1, 5))):
        for number, size in enumerate(draw(st.lists(st.integers(1, 12), min_size=3, max_size=30))):
            labels += [label] * size
            groups += [f"{label}/{number}" if size > 1 else ""] * size
    order = draw(st.permutations(range(len(labels))))
    return np.array(labels)[order], [groups[i] for i in order]


@settings(max_examples=60, deadline=None)
@given(rows=grouped_rows(), seed=st.integers(0, 5))
def test_parts_are_a_partition_without_shared_groups_and_with_every_class(
    rows: tuple[np.ndarray, list[str]], seed: int
) -> None:
    labels, groups = rows
    split = split_rows(labels, groups, PARTS, seed)

    assert list(split) == list(PARTS)
    assert sorted(np.concatenate(list(split.values()))) == list(range(len(labels)))
    seen: dict[str, str] = {}
    for name, part in split.items():
        assert list(part) == sorted(part)
        assert set(labels[part]) == set(labels)
        for row in part:
            assert not groups[row] or seen.setdefault(groups[row], name) == name


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 5))
def test_groups_of_several_classes_stay_whole_or_are_refused(data: st.DataObject, seed: int) -> None:
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=3, max_size=60)))
    groups = np.array(data.draw(st.lists(st.integers(0, 15), min_size=len(labels), max_size=len(labels))))
    try:
        split = split_rows(labels, groups, {"train": 0.7, "test": 0.3}, seed)
    except DatasetError:
        groups_of = {label: set(groups[labels == label]) for label in set(labels)}
        # Refused for a reason: a class in one group alone, or groups that tie the classes together.
        assert min(map(len, groups_of.values())) < 2 or any(len(set(labels[groups == g])) > 1 for g in groups)
        return
    assert sorted(np.concatenate(list(split.values()))) == list(range(len(labels)))
    assert not set(groups[split["train"]]) & set(groups[split["test"]])
    assert set(labels[split["train"]]) == set(labels[split["test"]]) == set(labels)


@pytest.mark.parametrize(
    "parts",
    [{"train": 0.8, "test": 0.2}, {"train": 0.8, "validation": 0.1, "test": 0.1}, PARTS, {"a": 3, "b": 1}],
)
def test_without_groups_sizes_and_class_shares_are_those_asked_for(parts: dict[str, float]) -> None:
    split = split_rows(TRASHNET, [""] * len(TRASHNET), parts, 42)
    for name, rows in split.items():
        share = parts[name] / sum(parts.values())
        assert len(rows) == pytest.approx(share * len(TRASHNET), abs=2)
        assert np.bincount(TRASHNET[rows]) == pytest.approx(share * np.bincount(TRASHNET), abs=1.5)


def test_bursts_of_photos_barely_disturb_the_shares() -> None:
    groups = np.arange(len(TRASHNET)) // 9  # 281 objects, nine photos of each
    split = split_rows(TRASHNET, groups, PARTS, 0)
    for name, rows in split.items():
        assert np.bincount(TRASHNET[rows]) == pytest.approx(PARTS[name] * np.bincount(TRASHNET), abs=9)


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    groups = [""] * len(TRASHNET)
    first, again, other = (split_rows(TRASHNET, groups, PARTS, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in PARTS)
    assert not np.array_equal(first["test"], other["test"])


def test_rows_of_a_part_are_drawn_from_the_whole_range() -> None:
    test = split_rows(np.zeros(1000, dtype=np.int64), [""] * 1000, {"train": 0.8, "test": 0.2}, 3)["test"]
    assert np.bincount(test // 100, minlength=10).min() >= 5  # about 20 expected in each tenth


def test_a_part_without_a_share_is_empty() -> None:
    split = split_rows(TRASHNET, [""] * len(TRASHNET), {"train": 0.8, "validation": 0, "test": 0.2}, 0)
    assert [len(rows) for rows in split.values()] == [2021, 0, 506]


def test_few_groups_of_very_different_sizes_reach_every_part() -> None:
    labels = np.array([0] * 52 + [1] * 30)
    groups = ["burst"] * 50 + ["", ""] + ["ten"] * 10 + ["another ten"] * 10 + ["third ten"] * 10
    split = split_rows(labels, groups, PARTS, 0)
    assert [np.bincount(labels[rows]).tolist() for rows in split.values()] == [[50, 10], [1, 10], [1, 10]]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            ["", "", "", "a", "a", "a"],
            "Class 'kaca' has 1 photo(s) of different objects, too few for the 3 parts",
        ),
        (["", "", "", "a", "b", "b"], "Class 'kaca' has 2 photo(s)"),
    ],
)
def test_a_class_with_too_few_groups_is_refused_by_name(groups: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        split_rows(np.array([0, 0, 0, 1, 1, 1]), groups, PARTS, 0, classes=["logam", "kaca"])


def test_groups_that_tie_classes_together_are_refused() -> None:
    # Each two of the three classes share a group: no two parts can both have all three.
    with pytest.raises(DatasetError, match="near-duplicates"):
        split_rows(np.array([0, 1, 1, 2, 2, 0]), ["x", "x", "y", "y", "z", "z"], {"train": 0.5, "test": 0.5}, 0)


@pytest.mark.parametrize("k", [2, 5])
def test_folds_test_every_row_once_on_others_groups(k: int) -> None:
    groups = np.arange(len(TRASHNET)) // 4
    pairs = folds(TRASHNET, groups, k, 7)
    assert len(pairs) == k
    assert sorted(np.concatenate([test for _, test in pairs])) == list(range(len(TRASHNET)))
    for train, test in pairs:
        assert len(train) + len(test) == len(TRASHNET)
        assert not set(groups[train]) & set(groups[test])
        assert np.bincount(TRASHNET[test]) == pytest.approx(np.bincount(TRASHNET) / k, abs=4)


def test_one_fold_is_refused() -> None:
    with pytest.raises(DatasetError, match="2 folds or more, not 1"):
        folds(TRASHNET, [""] * len(TRASHNET), 1, 0)


def test_without_groups_the_test_part_is_that_of_scikit_learn() -> None:
    """Published systems split so: with the same seed the same photos are tested on."""
    labels = np.repeat(np.arange(4), [50, 120, 33, 90])
    parts = split_rows(labels, [""] * len(labels), {"train": 0.72, "validation": 0.08, "test": 0.2}, 42)
    _, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=42)
    assert parts["test"].tolist() == sorted(test.tolist())


def test_a_few_pairs_are_made_whole_without_disturbing_the_rest() -> None:
    labels = np.repeat(np.arange(4), [50, 120, 33, 90])
    groups = [""] * len(labels)
    groups[3] = groups[7] = "pair"
    groups[100] = groups[110] = "other pair"
    shares = {"train": 0.8, "test": 0.2}
    alone, together = (split_rows(labels, given, shares, 42)["test"] for given in ([""] * len(labels), groups))
    assert len(np.setxor1d(alone, together)) <= 2
    assert (3 in together) == (7 in together)
    assert (100 in together) == (110 in together)
