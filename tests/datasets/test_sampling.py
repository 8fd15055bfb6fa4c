"""Classes weigh the same, and sources as the power says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter.datasets.sampling import source_balanced


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=40),
    st.floats(0, 1),
)
def test_classes_are_drawn_equally_often(rows: list[tuple[int, str]], power: float) -> None:
    labels = np.array([label for label, _ in rows])
    drawn = source_balanced(labels, [source for _, source in rows], power)
    assert drawn.sum() == pytest.approx(1)
    sums = [drawn[labels == label].sum() for label in np.unique(labels)]
    assert sums == pytest.approx([1 / len(sums)] * len(sums))


def test_the_power_weighs_sources() -> None:
    labels, sources = np.zeros(5, np.int64), ["a", "a", "a", "a", "b"]
    assert source_balanced(labels, sources, 1) == pytest.approx([0.2] * 5)
    assert source_balanced(labels, sources, 0) == pytest.approx([0.125] * 4 + [0.5])
    assert source_balanced(labels, sources, 0.5) == pytest.approx([1 / 6] * 4 + [1 / 3])
