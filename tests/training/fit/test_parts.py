"""The parts of the photos: by group, with the recipe's shares."""

import numpy as np
import pytest

from ecosorter.datasets.splits import folds
from ecosorter.training.fit.parts import split_off_validation, split_parts
from ecosorter.training.recipe import Split

LABELS = np.repeat([0, 1, 2], [90, 60, 30])
GROUPS = (np.arange(180) // 3).tolist()
CLASSES = ("a", "b", "c")


def test_parts_share_no_group_and_miss_no_row() -> None:
    parts = split_parts(LABELS, GROUPS, CLASSES, Split(validation=0.1, test=0.2), 42)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(180))
    groups = [{GROUPS[row] for row in rows} for rows in parts.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert len(parts["test"]) == pytest.approx(36, abs=6)


def test_a_part_without_a_share_is_not_there() -> None:
    assert set(split_parts(LABELS, GROUPS, CLASSES, Split(validation=0, test=0.2), 42)) == {"train", "test"}


def test_a_fold_takes_its_validation_rows_from_its_training_rows() -> None:
    for train, _ in folds(LABELS, GROUPS, 3, 0):
        mine = [GROUPS[row] for row in train]
        parts = split_off_validation(LABELS[train], mine, CLASSES, Split(validation=0.1, test=0.2), 42)
        assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(train)))
        assert not {mine[row] for row in parts["validation"]} & {mine[row] for row in parts["train"]}
