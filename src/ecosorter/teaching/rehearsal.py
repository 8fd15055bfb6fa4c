"""Which rows of a bank a head is fitted to again, and which show afterwards whether it forgot.

Nothing is drawn: the phone's code (`serving/web/learn/rehearsal.js`) chooses the same rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecosorter.teaching.bank import even_shares

REHEARSED = 1500
"""Rows of the bank that are fitted again at least, where there are so many; more cost a phone time."""

_SHARE = 0.5

Labels = NDArray[np.int64]


def rehearsal_rows(labels: Labels, sources: NDArray[np.integer[Any]], own: int) -> Labels:
    """Return the rows to fit again: at most half of each class of each source, so that the others can be asked.

    Args:
        labels: ``[n]``.
        sources: ``[n]``.
        own: rows of a person's own photos; where they are many, as many of the bank's are fitted again.
    """
    return spread_rows(labels, sources, max(REHEARSED, own), _SHARE)


def spread_rows(labels: Labels, sources: NDArray[np.integer[Any]], wanted: int, share: float = 1.0) -> Labels:
    """Return rows, ascending, evenly over the classes, in each evenly over its sources, and in each at even steps.

    Args:
        labels: ``[n]``.
        sources: ``[n]``.
        wanted: number of rows at most.
        share: of the rows of a source in a class that may be taken, rounded up, 0..1.
    """
    cells = [
        [np.flatnonzero((labels == label) & (sources == source)) for source in np.unique(sources[labels == label])]
        for label in np.unique(labels)
    ]
    there = [np.array([int(np.ceil(share * len(rows))) for rows in mine]) for mine in cells]
    kept = [np.empty(0, np.int64)]
    for mine, counts, number in zip(
        cells, there, even_shares(np.array([int(c.sum()) for c in there]), wanted), strict=True
    ):
        for rows, taken in zip(mine, even_shares(counts, number), strict=True):
            kept.append(rows[(2 * np.arange(taken) + 1) * len(rows) // (2 * max(taken, 1))])
    return np.sort(np.concatenate(kept))
