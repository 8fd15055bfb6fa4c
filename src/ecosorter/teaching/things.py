"""Which photos show one thing: shots of one bottle must not be learnt from and measured on at once.

Two photos are compared by their features, standardised over what the model knew: by the angle between them and by their
distance. The unit of both is how far apart two photos of one class usually are in the model's bank, which differs from
model to model; the larger of the two counts, since photos far from all that the model knew lie in one direction. In
shared/photos, nearly the same photos and shots of one object in a row lie mostly below `NEAR` and `IN_A_ROW`, other
pairs of one class around 1. The phone's code (`serving/web/learn/things.js`) is the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.duplicates import connected

NEAR = 0.25
"""Distance up to which two photos are nearly the same, in that which is usual in a class."""

IN_A_ROW = 0.55
"""The same for a photo and the one before it: who walks round a bottle takes the next shot of it."""

Labels = NDArray[np.int64]
Features = NDArray[np.floating[Any]]
Scale = tuple[NDArray[np.float64], NDArray[np.float64]]


def find_things(features: Features, labels: Labels, scale: Scale, usual: tuple[float, float]) -> Labels:
    """Return the number of each photo's thing, from 0 in order of appearance.

    Args:
        features: ``[n, d]`` of the photos as they are, in the order in which they were taken.
        labels: ``[n]``; photos of two classes are never one thing.
        scale: mean and deviation ``[d]`` of what the model knew.
        usual: `usual_distance` of its bank.
    """
    seen = (np.asarray(features, np.float64) - scale[0]) / scale[1]
    angle, square = _apart(seen[:, None], seen[None])
    distance = np.maximum(angle / usual[0], square / usual[1])
    number = np.arange(len(labels))
    in_a_row = np.abs(number[:, None] - number) == 1
    linked = (labels[:, None] == labels) & (distance <= np.where(in_a_row, IN_A_ROW, NEAR))
    return connected(len(labels), np.argwhere(np.triu(linked, 1)).tolist())


def usual_distance(features: Features, labels: Labels, scale: Scale) -> tuple[float, float]:
    """Return the medians of both distances between two photos of one class: each and that half the class further on."""
    found = []
    for label in np.unique(labels):
        seen = (np.asarray(features[labels == label], np.float64) - scale[0]) / scale[1]
        found.append(_apart(seen, np.roll(seen, -(len(seen) // 2), axis=0)))
    angles, squares = (np.concatenate(each) for each in zip(*found, strict=True))
    least = float(np.finfo(np.float64).tiny)
    return max(float(np.median(angles)), least), max(float(np.median(squares)), least)


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return 1 less the cosine, and the squared distance, along the last axis."""
    product = np.einsum("...d,...d->...", a, b)
    squares = (a**2).sum(axis=-1), (b**2).sum(axis=-1)
    lengths = np.maximum(np.sqrt(squares[0] * squares[1]), np.finfo(np.float64).tiny)
    return 1 - product / lengths, squares[0] + squares[1] - 2 * product


def join(groups: Labels, links: Sequence[Sequence[int]]) -> Labels:
    """Return groups ``[n]`` after those of each linked pair of rows became one, numbered in order of appearance."""
    first: dict[int, int] = {}
    together = [(first.setdefault(group, row), row) for row, group in enumerate(groups.tolist())]
    return connected(len(groups), [*together, *links])


def thing_folds(labels: Labels, things: Labels, number: int) -> Labels:
    """Return the fold of each photo, 0 to `number` - 1: whole things, those of each class spread evenly.

    With as many folds as things or more, each thing is left out by itself.
    """
    folds = np.zeros(len(labels), np.int64)
    dealt = 0
    for label in np.unique(labels):
        for thing in dict.fromkeys(things[labels == label].tolist()):
            rows = things == thing
            if labels[np.flatnonzero(rows)[0]] != label:  # copies under two labels: dealt with the first of them
                continue
            folds[rows] = dealt % number
            dealt += 1
    return folds
