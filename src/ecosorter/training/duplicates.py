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

In all 21 sources this finds 65 near-duplicate pairs, 4 of them mirrored, beside 3 pairs of exact copies under two
labels; two of the 65 show different things (milk cartons of one brand, receipts on one scanner). No group has more
than 2 photos: nothing chains. What it does not find is the same object from another side: of the bursts in siscer and
kitchen-bangladesh, where the phone moved between shots, no pair is above 0.4. Such photos must be grouped by whoever
knows them: with a sub-folder for each object, or the manifest's `group`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ecosorter.training.dataset import PhotoRow
from ecosorter.training.facts import SIDE, PhotoFacts
from ecosorter.training.progress import Advance

COARSE = 0.7
"""Cosine of the 16 x 16 differences, -1..1, from which a pair of photos is looked at closely."""

FINE = 0.5
"""Correlation of the fine structure, -1..1, from which two photos are near-duplicates."""

_COARSE_SIDE = 16
_SHIFT = 4  # pixels of 64 in every direction
_SIGMA = 2.0  # pixels of 64: what is finer than about 6 % of the photo is structure
_NOISE = 1.0  # grey levels: flatter places are blown up no further, or they would be compared by their JPEG noise
_FLAT = 0.3  # grey levels: a photo with less mean difference between neighbours shows nothing to compare
_BLOCK = 2048  # photos compared with as many others at once: 16 MB of cosines
_PAIRS = 1024  # candidates examined at once: 100 MB of spectra

Vectors = NDArray[np.float32]


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


def near_duplicates(facts: Sequence[PhotoFacts], advance: Advance | None = None) -> list[Near]:
    """Return the pairs of photos that are nearly the same, as the module's docstring defines it.

    Of photos with the same bytes only the first is compared. Time grows with the square of the number of photos:
    half a second for 2,500, 50 for 50,000, on two cores.
    Memory is bounded by blocks: 400 MB for 50,000 photos beside their facts.

    Args:
        facts: of each photo; those without a thumbnail are passed over.
        advance: is told how many photos were compared with all before them; in all, as many as there are facts.

    Returns:
        Pairs sorted by (first, second). A pair that agrees both ways round is told once, the better way.
    """
    firsts = {fact.sha256: index for index, fact in reversed(list(enumerate(facts))) if fact.thumbnail is not None}
    index = np.array(sorted(firsts.values()), dtype=np.int64)
    found: dict[tuple[int, int], Near] = {}
    if len(index):
        thumbnails = np.stack([thumbnail for i in index if (thumbnail := facts[i].thumbnail) is not None])
        straight, mirrored = _coarse(thumbnails), _coarse(thumbnails[:, :, ::-1])
        for start in range(0, len(index), _BLOCK):
            for others, is_mirrored in ((straight, False), (mirrored, True)):
                for a, b in _candidates(straight, others, start):
                    for i, j, value in _examine(thumbnails, a, b, mirrored=is_mirrored):
                        pair = (int(index[i]), int(index[j]))
                        if pair not in found or found[pair].similarity < value:
                            found[pair] = Near(*pair, value, is_mirrored)
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
    links += [(pair.first, pair.second) for pair in (near_duplicates(facts) if near is None else near)]
    first_of: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        if row.group:
            links.append((first_of.setdefault((row.source, row.group), index), index))

    parent = list(range(len(rows)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]  # halve the way for the next one
            index = parent[index]
        return index

    for a, b in links:
        parent[max(root(a), root(b))] = min(root(a), root(b))
    return np.unique([root(index) for index in range(len(rows))], return_inverse=True)[1].astype(np.int64)


def _coarse(thumbnails: NDArray[np.uint8]) -> Vectors:
    """Return float32 ``[n, 480]``: differences of neighbours at 16 x 16, of length 1; all 0 where there is nothing."""
    n, step = len(thumbnails), SIDE // _COARSE_SIDE
    grey = thumbnails.reshape(n, _COARSE_SIDE, step, _COARSE_SIDE, step).mean((2, 4), dtype=np.float32)
    across = np.diff(grey, axis=2).reshape(n, -1)
    down = np.diff(grey, axis=1).reshape(n, -1)
    vectors = np.concatenate([across, down], axis=1)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    flat = length < _FLAT * np.sqrt(vectors.shape[1])
    return np.where(flat, 0, vectors / np.where(flat, 1, length)).astype(np.float32)


def _candidates(vectors: Vectors, others: Vectors, start: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pairs (earlier, later) whose later photo is in the block from `start` on, at most `_PAIRS` at once."""
    block = others[start : start + _BLOCK]
    for before in range(0, start + 1, _BLOCK):
        cosines = vectors[before : before + _BLOCK] @ block.T
        a, b = np.nonzero(cosines >= COARSE)
        a, b = a + before, b + start
        a, b = a[a < b], b[a < b]
        for some in range(0, len(a), _PAIRS):
            yield a[some : some + _PAIRS], b[some : some + _PAIRS]


def _examine(
    thumbnails: NDArray[np.uint8], a: NDArray[np.int64], b: NDArray[np.int64], *, mirrored: bool
) -> Iterator[tuple[int, int, float]]:
    """Yield (i, j, similarity) of the candidates that are near-duplicates."""
    photos, where = np.unique(np.concatenate([a, b]), return_inverse=True)
    left = np.fft.rfft2(_structure(thumbnails[photos]))
    right = np.fft.rfft2(_structure(thumbnails[photos])[:, :, ::-1]) if mirrored else left
    both = left[where[: len(a)]] * np.conj(right[where[len(a) :]])
    # All shifts at once, round the edges, which costs a shifted copy a little; those wanted are at the corners.
    correlation = np.fft.irfft2(both, s=(SIDE, SIDE))
    near = np.r_[: _SHIFT + 1, SIDE - _SHIFT : SIDE]
    best = correlation[:, near[:, None], near[None, :]].max((1, 2))
    for i, j, value in zip(a, b, best, strict=True):
        if value >= FINE:
            yield int(i), int(j), min(float(value), 1.0)


def _structure(thumbnails: NDArray[np.uint8]) -> Vectors:
    """Return float32 ``[n, 64, 64]``: grey less the local mean, by the local deviation; mean 0, length 1."""
    grey = thumbnails.astype(np.float32)
    sigma = (0, _SIGMA, _SIGMA)
    fine = grey - gaussian_filter(grey, sigma)
    fine /= np.sqrt(gaussian_filter(fine * fine, sigma) + _NOISE**2)
    fine -= fine.mean((1, 2), keepdims=True)
    normed: Vectors = fine / np.maximum(np.linalg.norm(fine, axis=(1, 2), keepdims=True), 1e-6)
    return normed
