"""Weigh photos so that neither a class nor a source of many photos drowns the others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Names = Sequence[str] | NDArray[np.str_]


def source_balanced(labels: NDArray[np.int64] | Names, sources: Names, power: float) -> NDArray[np.float64]:
    """Return the weight of each photo: classes weigh the same, and in a class each source by its size.

    Args:
        labels: class of each photo ``[n]``.
        sources: of each photo.
        power: a source of m photos of a class counts m to this power: with 1 all photos are alike, with 0 all sources.

    Returns:
        ``[n]``, sums to 1.
    """
    labels, names = np.asarray(labels), np.asarray(sources)
    weights = np.zeros(len(labels))
    for label in np.unique(labels):
        for source in np.unique(names[labels == label]):
            rows = (labels == label) & (names == source)
            weights[rows] = rows.sum() ** (power - 1.0)
        weights[labels == label] /= weights[labels == label].sum()
    weights /= weights.sum()
    return weights
