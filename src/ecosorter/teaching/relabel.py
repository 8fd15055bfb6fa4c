"""Find photos of a new class among those that a model knew as an old one.

Whoever teaches `baterai` teaches it to a model whose bank holds batteries as `khusus`. Fitted as they stand, they would
speak against the new class: few garments were found by a model with others in its bank.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.class_names import one_of_the_seven
from ecosorter.teaching.linear_head import LinearHead

_MISSED = 0.05  # share of the new class's own photos that may look less like it than a row that is relabelled
_LEAST = 2  # photos: of one, nobody knows how much its like differ

Labels = NDArray[np.int64]


def parent_classes(
    old: LinearHead, features: NDArray[np.float32], labels: Labels, classes: Sequence[str]
) -> dict[int, int]:
    """Return the old class that held each new one: the one that its name says, else that of most of its photos.

    Args:
        old: the head that knows only the first of `classes`.
        features: ``[n, d]`` of the photos that are taught.
        labels: ``[n]`` of these.
        classes: the old ones first.

    Returns:
        Old class by new one; a new class that is like none is not in it.
    """
    known = classes[: len(old.bias)]
    was = old(features).argmax(axis=1)
    found = {}
    for child in range(len(known), len(classes)):
        counts = np.bincount(was[labels == child], minlength=len(known))
        by_name = one_of_the_seven(classes[child])
        if by_name in known:
            found[child] = known.index(by_name)
        elif 2 * counts.max() > counts.sum():
            found[child] = int(counts.argmax())
    return found


def rows_to_relabel(old: NDArray[np.floating[Any]], new: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Find the rows of an old class that look like photos of a new one.

    Between the means of both lies a line; where a row stands on it says which it is more like (nearest class mean).
    The old ones may hold some of the new (learning from positive and unlabelled examples: Elkan and Noto 2008,
    https://doi.org/10.1145/1401890.1401920). So a row counts when it stands as near to the new class as nearly all
    photos of that do, each by a mean that it is not part of.

    Args:
        old: ``[m, d]`` standardised features of the old class.
        new: ``[n, d]`` of the new one.

    Returns:
        bool ``[m]``: the rows that may carry the new label as well.
    """
    if len(new) < _LEAST or not len(old):
        return np.zeros(len(old), np.bool_)
    theirs, all_ours = old.mean(axis=0, dtype=np.float64), new.sum(axis=0, dtype=np.float64)
    ours = (all_ours - new) / (len(new) - 1)  # of each new photo: the mean of the others
    of_new = _place(new, theirs, ours)
    found: NDArray[np.bool_] = _place(old, theirs, all_ours[None] / len(new)) >= np.quantile(of_new, _MISSED)
    return found


def _place(rows: NDArray[np.floating[Any]], theirs: NDArray[np.float64], ours: NDArray[np.float64]) -> Any:
    """Return ``[rows]``: 0 half-way between two means, 1/2 at `ours`, -1/2 at `theirs`, on the line between them."""
    way = ours - theirs
    squares = np.maximum((way**2).sum(axis=1), np.finfo(np.float64).tiny)
    return ((rows - (theirs + ours) / 2) * way).sum(axis=1) / squares
