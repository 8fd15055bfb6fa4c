"""Photos of a new class are found among those of an old one."""

import numpy as np

from ecosorter.teaching.relabel import rows_to_relabel


def test_relabelled_are_the_rows_that_look_like_the_new_class() -> None:
    random = np.random.default_rng(0)
    others, new = random.normal(size=(200, 30)), random.normal(size=(20, 30))
    hidden = random.normal(size=(50, 30))
    for rows in (new, hidden):
        rows[:, 0] += 5
    old = np.concatenate([others, hidden]).astype(np.float32)
    found = rows_to_relabel(old, new.astype(np.float32))
    assert found[200:].mean() >= 0.9
    assert found[:200].mean() <= 0.05
    assert not rows_to_relabel(old[:1], new.astype(np.float32)).any()
