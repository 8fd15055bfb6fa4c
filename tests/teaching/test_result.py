"""What got better and worse is counted class by class."""

import numpy as np

from ecosorter.teaching.result import ClassChange, compare_classes


def test_the_comparison_counts_what_moved_to_a_new_class() -> None:
    labels = np.array([0, 0, 0, 1, 2])
    before = np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 0]]
    after = np.eye(3, dtype=np.float32)[[0, 2, 0, 1, 2]]
    found = compare_classes(before, after, labels, ("a", "b", "c"))
    assert found["a"] == ClassChange(photos=3, before=2 / 3, after=2 / 3, moved=1)
    assert found["b"] == ClassChange(photos=1, before=1, after=1)
    assert found["c"] == ClassChange(photos=1, before=None, after=1)
    assert ClassChange(photos=100, before=0.9, after=0.879).lost
    assert not ClassChange(photos=100, before=0.9, after=0.88).lost
