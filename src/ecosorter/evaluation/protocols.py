"""Who is left out when, and measured by a model that never saw them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

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


def counting_sources(labels: Sequence[str], sources: Sequence[str]) -> frozenset[str]:
    """Return the sources that count, given the class and the source of each photo, both ``[n]``."""
    classes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for label, source in zip(labels, sources, strict=True):
        classes[source][label] += 1
    return frozenset(source for source, photos in classes.items() if counting_classes(photos))


def promise_places(labels: Sequence[str], sources: Sequence[str], aside: Iterable[str] = ()) -> NDArray[np.int64]:
    """Return for which place each photo stands when a promise to a new place is fitted.

    A new photo comes from a new place, and a place shows several classes. So each source that counts is a place, but
    for those that no choice looks at. Where there is none, all photos are from one place.

    Args:
        labels: class of each photo ``[n]``.
        sources: of each photo ``[n]``.
        aside: sources that no choice looks at.

    Returns:
        ``[n]``, numbers of places; -1 for photos that count nothing.
    """
    number = {name: place for place, name in enumerate(sorted(counting_sources(labels, sources) - set(aside)))}
    return np.array([number.get(source, -1) if number else 0 for source in sources], np.int64)
