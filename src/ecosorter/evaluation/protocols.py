"""Who is left out when, and measured by a model that never saw them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecosorter.errors import DatasetError

LEAST_CLASSES = 3
"""Classes that a source must hold for it to count: whoever always says `organik` is right on all fruit."""

LEAST_PHOTOS = 5
"""Photos of a class that a source must hold for the class to count in it."""


def counting_classes(photos: Mapping[str, int]) -> tuple[str, ...]:
    """Return the classes over which a source counts, in their order; none where it does not.

    Args:
        photos: of each class, in the source.
    """
    found = tuple(label for label, number in photos.items() if number >= LEAST_PHOTOS)
    return found if len(found) >= LEAST_CLASSES else ()


def groups_left_out(groups: Sequence[Sequence[str]], sources: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of sources that are left out together, in an order that depends on neither's.

    Args:
        groups: those that belong together. A source that is in none is left out by itself; one that the photos lack
            is left out of its group.
        sources: of the photos.

    Raises:
        DatasetError: a source stands in two groups, or nothing would be left to learn from.
    """
    named = [name for group in groups for name in group]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise DatasetError(f"A source is left out once: {', '.join(twice)} stands twice in evaluation.left_out.")
    there = set(sources)
    together = [tuple(name for name in group if name in there) for group in groups]
    alone = [(name,) for name in sorted(there - set(named))]
    found = tuple(group for group in (*together, *alone) if group)
    if len(found) < 2:
        raise DatasetError(
            f"To measure on {', '.join(sorted(there))}, it is left out, and no photo is left to learn from. Add "
            "another source, or measure on photos like those that it learns from: --folds 5."
        )
    return found


def promise_weights(labels: Sequence[str], sources: Sequence[str]) -> NDArray[np.float64]:
    """Return how much each photo counts when a promise to a new place is fitted: each source that counts the same.

    A new photo comes from a new place, and a place shows several classes. Where no source counts, all photos do.

    Args:
        labels: class of each photo ``[n]``.
        sources: of each photo ``[n]``.

    Returns:
        ``[n]``; photos of sources that do not count have 0.
    """
    names, classes = np.asarray(sources), np.asarray(labels)
    weights = np.zeros(len(names))
    for name in np.unique(names):
        mine = names == name
        if counting_classes(Counter(classes[mine].tolist())):
            weights[mine] = 1 / mine.sum()
    return weights if weights.any() else np.ones(len(names))
