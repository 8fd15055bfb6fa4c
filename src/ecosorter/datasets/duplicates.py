"""Find photos that are copies of each other, and the groups that must stay on one side of a split.

Copies that are the same byte for byte are found by their hash. Near-duplicates (saved again, made smaller, a little
cropped, brighter, mirrored, or the next shot of a series) are found by their thumbnails in two steps:

1. Every pair is compared by the cosine of the differences between neighbouring pixels at 16 x 16: cheap, one matrix
   product a block. A pair from `COARSE` on is a candidate. Differences and not grey levels, since by grey levels any
   two objects in the middle of the same white board are alike.
2. A candidate counts when its fine structure agrees too: at 64 x 64, less the local mean and divided by the local
   deviation (both Gaussian, sigma 2), so that a wrinkle counts as much as an outline, at the best of all shifts up
   to 4 pixels. From `FINE` on it is a near-duplicate. (Local normalisation as in Jarrett et al., "What is the best
   multi-stage architecture for object recognition?", ICCV 2009; all shifts at once by the correlation theorem.)

Both steps must hold twice: for the photos, and for what is left of them when the background of either source (the
pixel-wise median of its photos) is taken away from both. Else a camera fixed above a belt or a table would make all
its photos one. For photos taken by hand the median is a faint blob, and this changes nearly nothing; without the first
look, it would make white places alike.

How the two numbers were chosen, on the 7,748 photos of 21 sources in shared/photos, by looking at pairs side by side:

- Step 1 alone cannot do it. From 0.85 to 0.93 it has bursts of one object, but also any two of 120 tomatoes cut out
  on white, sheets of paper in the same shadow, and bottle tops seen from above. By colour at 16 x 16 instead, the
  usual way, a threshold that finds the bursts (0.9) chains 105 tomatoes, and 51 white sheets of TrashNet, into one
  group each; at 0.85 one group has 286 photos.
- 300 copies made on purpose (JPEG quality 40, half the size, 120 pixels wide, 20 % brighter) all have 0.96 or more in
  step 1, and 0.6 or more in step 2; shifted by 3 % of the width, 0.80 and 0.60. So 0.7 leaves room. Of photos cropped
  by 2 % on every side or turned by 2 degrees, most are found; beyond that, few.
- Of 85 pairs that show the same scene to the eye, and 236 that only look alike (the hardest: high in step 1), 0.5 in
  step 2 keeps 66 and 2. Below 0.45, bottle tops come in.
- 80 objects put into the middle of one real photo of a floor, each on 3 % of it: without the second look 3,158 of
  3,160 pairs are near-duplicates, with it none (none is above 0.34 there; with objects on 20 %, one is at 0.42).

In all 21 sources this finds 64 near-duplicate pairs, 4 of them mirrored, beside 3 pairs of exact copies under two
labels. Two of the 64 show different things (milk cartons of one brand, receipts on one scanner). No group has more
than 2 photos: nothing chains. What it does not find is the same object from another side: of the bursts in siscer and
kitchen-bangladesh, where the phone moved between shots, no pair is above 0.4 in step 2. Such photos must be grouped by
whoever knows them: with a sub-folder for each object, or the manifest's `group`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ecosorter.datasets.dataset import PhotoRow
from ecosorter.datasets.scan import SIDE, PhotoFacts
from ecosorter.progress import Advance

COARSE = 0.7
"""Cosine of the 16 x 16 differences, -1..1, from which a pair of photos is looked at closely."""

FINE = 0.5
"""Correlation of the fine structure, -1..1, from which two photos are near-duplicates."""

FINE_WITHOUT = 0.4
"""The same for what is left of them without the background of their source."""

_COARSE_SIDE = 16
_SHIFT = 4  # pixels of 64 in every direction
_SIGMA = 2.0  # pixels of 64: what is finer than about 6 % of the photo is structure
_NOISE = 1.0  # grey levels: flatter places are blown up no further, or they would be compared by their JPEG noise
_FLAT = 0.3  # grey levels: a photo with less mean difference between neighbours shows nothing to compare
_BLOCK = 2048  # photos compared with as many others at once: 16 MB of cosines
_PAIRS = 512  # candidates examined at once: 100 MB of spectra

_ENOUGH_FOR_BACKGROUND = 30  # photos: of fewer, the median may be one burst of one object
_MEDIAN_OF = 200  # photos at most

Vectors = NDArray[np.float32]
_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Near:
    """Two photos that are nearly the same.

    Attributes:
        first: index of the earlier photo.
        second: index of the later one.
        similarity: agreement of their fine structure, `FINE`..1.
        mirrored: the second is like the first seen in a mirror.
    """

    first: int
    second: int
    similarity: float
    mirrored: bool


def exact_duplicates(facts: Sequence[PhotoFacts]) -> list[list[int]]:
    """Return the indices of photos that have the same bytes, two or more together, in order."""
    same: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        if fact.sha256:
            same.setdefault(fact.sha256, []).append(index)
    return [indices for indices in same.values() if len(indices) > 1]


def near_duplicates(
    rows: Sequence[PhotoRow], facts: Sequence[PhotoFacts], advance: Advance | None = None
) -> list[Near]:
    """Return the pairs of photos that are nearly the same, as the module's docstring defines it.

    Of photos with the same bytes only the first is compared. Time grows with the square of the number of photos:
    half a second for 2,500, a minute and a half for 50,000, on two cores. Memory is bounded by blocks: less than 1 GB
    for 50,000 photos.

    Args:
        rows: the photos; only their sources matter here.
        facts: of each row; those without a thumbnail are passed over.
        advance: is told how many photos were compared with all before them; in all, as many as there are rows.

    Returns:
        Pairs sorted by (first, second). A pair that agrees both ways round is told once, the better way.
    """
    firsts = {fact.sha256: index for index, fact in reversed(list(enumerate(facts))) if fact.thumbnail is not None}
    index = np.array(sorted(firsts.values()), dtype=np.int64)
    found: dict[tuple[int, int], Near] = {}
    if len(index):
        thumbnails = np.stack([thumbnail for i in index if (thumbnail := facts[i].thumbnail) is not None])
        sources = np.unique([rows[i].source for i in index], return_inverse=True)[1]
        compared = _Compared(thumbnails, sources)
        for start in range(0, len(index), _BLOCK):
            for mirrored in (False, True):
                for a, b in compared.candidates(start, mirrored):
                    for i, j, similarity in compared.examine(a, b, mirrored):
                        pair = (int(index[i]), int(index[j]))
                        if pair not in found or found[pair].similarity < similarity:
                            found[pair] = Near(*pair, similarity, mirrored)
            if advance:
                advance(min(_BLOCK, len(index) - start))
    if advance:
        advance(len(facts) - len(index))
    return [found[pair] for pair in sorted(found)]


def find_groups(
    rows: Sequence[PhotoRow], facts: Sequence[PhotoFacts], near: Iterable[Near] | None = None
) -> NDArray[np.int64]:
    """Return which photos belong together: copies, near-duplicates, and those of one given group of one source.

    Args:
        rows: the photos.
        facts: of each row.
        near: its near-duplicates where they are known already; found here otherwise.

    Returns:
        int64 ``[rows]``: a group number for each row, from 0 in order of appearance. A photo that belongs to no other
        has a number of its own. Groups are connected components: what belongs to the same photo belongs together.
    """
    links = [(indices[0], other) for indices in exact_duplicates(facts) for other in indices[1:]]
    links += [(pair.first, pair.second) for pair in (near_duplicates(rows, facts) if near is None else near)]
    first_of: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        if row.group:
            links.append((first_of.setdefault((row.source, row.group), index), index))

    return connected(len(rows), links)


def connected(number: int, links: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    """Return the connected component ``[number]`` of each row, numbered from 0 in order of appearance.

    Args:
        number: of rows.
        links: pairs of rows that belong together.
    """
    parent = list(range(number))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]  # halve the way for the next one
            index = parent[index]
        return index

    for a, b in links:
        parent[max(root(a), root(b))] = min(root(a), root(b))
    return np.unique([root(index) for index in range(number)], return_inverse=True)[1].astype(np.int64)


class _Compared:
    """Photos in the forms in which they are compared.

    Args:
        thumbnails: uint8 ``[n, 64, 64]``.
        sources: int64 ``[n]``, the number of each photo's source.
    """

    def __init__(self, thumbnails: NDArray[np.uint8], sources: NDArray[np.int64]) -> None:
        self._thumbnails, self._sources = thumbnails, sources
        self._backgrounds = np.stack([_background(thumbnails[sources == i]) for i in range(sources.max() + 1)])
        ways = ((False, 1), (True, -1))  # as they are, and mirrored
        self._differences = {way: _differences(thumbnails[:, :, ::step]) for way, step in ways}
        self._behind = {way: _differences(self._backgrounds[:, :, ::step]) for way, step in ways}
        self._units = {way: _unit(differences) for way, differences in self._differences.items()}

    def candidates(self, start: int, mirrored: bool) -> Iterator[tuple[_Rows, _Rows]]:
        """Yield pairs (earlier, later) whose later photo is in the block from `start` on, at most `_PAIRS` at once."""
        block = self._units[mirrored][start : start + _BLOCK]
        for before in range(0, start + 1, _BLOCK):
            a, b = np.nonzero(self._units[False][before : before + _BLOCK] @ block.T >= COARSE)
            a, b = a + before, b + start
            a, b = a[a < b], b[a < b]
            for some in range(0, len(a), _PAIRS):
                yield self._alike_without(a[some : some + _PAIRS], b[some : some + _PAIRS], mirrored)

    def _alike_without(self, a: _Rows, b: _Rows, mirrored: bool) -> tuple[_Rows, _Rows]:
        for whose in (0, 1):  # the background of the one's source, then of the other's
            source = self._sources[(a, b)[whose]]
            left = _unit(self._differences[False][a] - self._behind[False][source])
            right = _unit(self._differences[mirrored][b] - self._behind[mirrored][source])
            alike = np.einsum("pv,pv->p", left, right) >= COARSE
            a, b = a[alike], b[alike]
        return a, b

    def examine(self, a: _Rows, b: _Rows, mirrored: bool) -> Iterator[tuple[int, int, float]]:
        """Yield (i, j, similarity) of those candidates that are near-duplicates."""
        left, right = (self._thumbnails[rows].astype(np.float32) for rows in (a, b))
        similarity = _agreement(left, right, mirrored)
        for k in np.flatnonzero(similarity >= FINE):
            behind = self._backgrounds[[self._sources[a[k]], self._sources[b[k]]]]
            if _agreement(left[k] - behind, right[k] - behind, mirrored).min() >= FINE_WITHOUT:
                yield int(a[k]), int(b[k]), min(float(similarity[k]), 1.0)


def _background(thumbnails: NDArray[np.uint8]) -> Vectors:
    """Return float32 ``[64, 64]``: what the photos of one source have in common; 0 where they are few."""
    if len(thumbnails) < _ENOUGH_FOR_BACKGROUND:
        return np.zeros((SIDE, SIDE), np.float32)
    step = -(-len(thumbnails) // _MEDIAN_OF)
    median: Vectors = np.median(thumbnails[::step], axis=0).astype(np.float32)
    return median


def _differences(grey: NDArray[np.uint8] | Vectors) -> Vectors:
    """Return float32 ``[n, 480]``: differences of neighbours at 16 x 16, in grey levels."""
    n, step = len(grey), SIDE // _COARSE_SIDE
    small = grey.reshape(n, _COARSE_SIDE, step, _COARSE_SIDE, step).mean((2, 4), dtype=np.float32)
    return np.concatenate([np.diff(small, axis=2).reshape(n, -1), np.diff(small, axis=1).reshape(n, -1)], axis=1)


def _unit(vectors: Vectors) -> Vectors:
    """Return the vectors made 1 long; 0 where there is nothing to compare."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    flat = length < _FLAT * np.sqrt(vectors.shape[1])
    return np.where(flat, 0, vectors / np.where(flat, 1, length)).astype(np.float32)


def _agreement(left: Vectors, right: Vectors, mirrored: bool) -> NDArray[np.float64]:
    """Return ``[pairs]``: the correlation of the fine structure at the best shift, -1..1.

    Args:
        left: ``[pairs, 64, 64]`` grey.
        right: what each is compared with.
        mirrored: whether `right` is seen in a mirror.
    """
    spectra = np.fft.rfft2(_structure(left)), np.fft.rfft2(_structure(right)[:, :, :: -1 if mirrored else 1])
    # All shifts at once, round the edges, which costs a shifted copy a little; the wanted ones are at the corners.
    correlation = np.fft.irfft2(spectra[0] * np.conj(spectra[1]), s=(SIDE, SIDE))
    near = np.r_[: _SHIFT + 1, SIDE - _SHIFT : SIDE]
    best: NDArray[np.float64] = correlation[:, near[:, None], near[None, :]].max((1, 2))
    return best


def _structure(grey: Vectors) -> Vectors:
    """Return float32 ``[n, 64, 64]``: grey less the local mean, by the local deviation; mean 0, length 1."""
    sigma = (0, _SIGMA, _SIGMA)
    fine = grey - gaussian_filter(grey, sigma)
    fine /= np.sqrt(gaussian_filter(fine * fine, sigma) + _NOISE**2)
    fine -= fine.mean((1, 2), keepdims=True)
    normed: Vectors = fine / np.maximum(np.linalg.norm(fine, axis=(1, 2), keepdims=True), 1e-6)
    return normed
