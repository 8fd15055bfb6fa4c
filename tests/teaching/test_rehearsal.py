"""What is rehearsed is spread evenly, and leaves something to ask."""

import numpy as np

from ecosorter.teaching.rehearsal import rehearsal_rows, spread_rows


def test_rows_are_spread_over_classes_then_sources_at_even_steps() -> None:
    labels = np.array([0] * 90 + [1] * 10, np.int64)
    sources = np.array([0] * 80 + [1] * 10 + [0] * 10, np.int64)
    rows = spread_rows(labels, sources, 20)
    assert (labels[rows] == 1).sum() == 10
    assert ((labels[rows] == 0) & (sources[rows] == 1)).sum() == 5
    assert rows[:5].tolist() == [8, 24, 40, 56, 72]
    assert (np.diff(rows) > 0).all()


def test_half_of_every_cell_is_left_to_be_asked() -> None:
    labels = np.array([0] * 9 + [1] * 40 + [2], np.int64)
    rows = rehearsal_rows(labels, np.zeros(50, np.int64), 4)
    assert np.bincount(labels[rows]).tolist() == [5, 20, 1]
    assert not len(rehearsal_rows(labels[:0], labels[:0], 4))


def test_many_own_rows_meet_as_many_of_the_bank() -> None:
    labels = np.arange(8000) % 4
    for own, rehearsed in [(4, 1500), (1500, 1500), (2400, 2400), (9000, 4000)]:
        assert len(rehearsal_rows(labels, np.zeros(8000, np.int64), own)) == rehearsed
