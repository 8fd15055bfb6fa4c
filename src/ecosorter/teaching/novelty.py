"""How new a photo is to a model: how far its features lie from the nearest photo of the model's bank.

The distance to the nearest neighbours among the features of known photos tells what a network has not seen (Sun et al.
2022, https://arxiv.org/abs/2204.06507). That work calls far what is farther than 95 % of known photos. Here, known
photos are measured against those of other sources: beside more of its own kitchen table, nothing would ever be far.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from ecosorter.bundle import Bundle
from ecosorter.teaching.bank import Bank, load_bank

FAR = 0.95
"""From this novelty on, a photo is near no photo of the bank."""

_PROBES = 512  # rows of the bank that are measured: enough for a share, and done in a tenth of a second

_Floats = NDArray[np.float32]


class Novelty:
    """Measures photos against a bank. Safe to use from several threads.

    Args:
        bank: of the model that gives the features.
    """

    def __init__(self, bank: Bank) -> None:
        self._known = _to_unit(bank.features)
        self._usual = np.sort(_usual_distances(self._known, bank.sources))

    @classmethod
    def of(cls, bundle: Bundle) -> Self | None:
        """Return that of a bundle's bank; None for a bundle without one.

        Raises:
            BundleError: the bank is damaged.
        """
        return None if bundle.info.bank_sha256 is None else cls(load_bank(bundle))

    def distances(self, features: _Floats) -> _Floats:
        """Return the cosine distance ``[n]``, 0..2, of features ``[n, d]`` from the nearest of the bank."""
        return _nearest(_to_unit(features), self._known)

    def score(self, distances: _Floats) -> NDArray[np.float64]:
        """Return how new photos at these distances ``[n]`` are: the share, 0..1, of the bank's own that lie nearer."""
        return np.searchsorted(self._usual, distances, side="left") / len(self._usual)


def _usual_distances(known: _Floats, sources: NDArray[np.int64]) -> _Floats:
    """Return how far rows of a bank lie from the nearest of another source; of any other row where there is but one."""
    drawn = np.random.default_rng(0).permutation(len(known))[:_PROBES]
    closeness = known[drawn] @ known.T
    alone = len(np.unique(sources)) == 1
    own = drawn[:, None] == np.arange(len(known)) if alone else sources[drawn][:, None] == sources
    distances: _Floats = 1 - np.where(own, -1, closeness).max(axis=1)
    return distances


def _nearest(features: _Floats, known: _Floats) -> _Floats:
    distances: _Floats = 1 - (features @ known.T).max(axis=1)
    return np.maximum(distances, 0)


def _to_unit(features: _Floats) -> _Floats:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: _Floats = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
