"""The feature bank: what a model needs of its training photos to learn more without forgetting them.

Pooled features, not photos: 1280 numbers of 8 bits each instead of a JPEG. A bundle carries it as `bank.npz`, and
`ecosorter teach` refits the head on it and on a person's own photos together (rehearsal against forgetting: Robins
1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"; kept as features: Hayes et al. 2020,
https://arxiv.org/abs/1910.02509).
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ecosorter.bundle import Bundle
from ecosorter.errors import BundleError

LIMIT = 5_000_000
"""Bytes that a bank may have where nothing else is said."""

_LARGEST = 200_000_000  # bytes of all arrays once unpacked
_SHRINK = 0.97  # rows kept when a bank comes out too large, beside what the size itself says


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Features of labelled photos.

    Attributes:
        features: float32 ``[n, d]``, as the model's output ``features``.
        labels: int64 ``[n]``, indices into `classes`.
        sources: int64 ``[n]``, indices into `source_names`.
        classes: names of the classes.
        source_names: names of the sources.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    sources: NDArray[np.int64]
    classes: tuple[str, ...]
    source_names: tuple[str, ...]

    @classmethod
    def of(
        cls, features: NDArray[np.float32], labels: NDArray[np.int64], sources: Sequence[str], classes: Sequence[str]
    ) -> Self:
        """Make one of features, labels and the name of each row's source."""
        names, numbers = np.unique(np.asarray(sources, dtype=np.str_), return_inverse=True)
        return cls(features, labels, numbers.astype(np.int64), tuple(classes), tuple(map(str, names)))

    @property
    def row_sources(self) -> list[str]:
        """The name of each row's source."""
        return [self.source_names[number] for number in self.sources]


def make_bank(
    features: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    sources: Sequence[str],
    classes: Sequence[str],
    limit_bytes: int = LIMIT,
    *,
    seed: int = 0,
) -> bytes:
    """Return the content of a `bank.npz`.

    Where not all rows fit, every class keeps as many as every other, as far as it has them, and in a class every
    source as many as every other: many photos of few objects give way first. Which rows of a source stay is drawn.

    Args:
        features: ``[n, d]``, as the model's output ``features``; with several views of a photo, their mean.
        labels: ``[n]`` indices into `classes`.
        sources: ``[n]`` name of each row's source.
        classes: the model's, in its order.
        limit_bytes: the largest size that is accepted.
        seed: draws the rows.

    Raises:
        ValueError: not even one row fits, or the lengths differ.
    """
    if not len(features) == len(labels) == len(sources):
        raise ValueError(f"{len(features)} features, {len(labels)} labels, {len(sources)} sources")
    names, numbers = np.unique(np.asarray(sources, dtype=np.str_), return_inverse=True)
    wanted = len(labels)
    while wanted:
        rows = choose_rows(labels, numbers, wanted, seed)
        content = _pack(features[rows], labels[rows], numbers[rows], classes, names)
        if len(content) <= limit_bytes:
            return content
        wanted = min(wanted - 1, int(_SHRINK * len(rows) * limit_bytes / len(content)))
    raise ValueError(f"a bank of {limit_bytes} bytes holds no row of {features.shape[1]} features")


def choose_rows(
    labels: NDArray[np.int64], sources: NDArray[np.integer[Any]], wanted: int, seed: int
) -> NDArray[np.int64]:
    """Return at most `wanted` rows, ascending, evenly over the classes and in each evenly over its sources.

    Args:
        labels: ``[n]``.
        sources: ``[n]``.
        wanted: number of rows.
        seed: draws them.
    """
    random = np.random.default_rng(seed)
    kept = []
    found, counts = np.unique(labels, return_counts=True)
    for label, share in zip(found, even_shares(counts, wanted), strict=True):
        mine = np.flatnonzero(labels == label)
        inside, inside_counts = np.unique(sources[mine], return_counts=True)
        for source, number in zip(inside, even_shares(inside_counts, share), strict=True):
            kept.append(random.permutation(mine[sources[mine] == source])[:number])
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)


def even_shares(counts: NDArray[np.integer[Any]], total: int) -> list[int]:
    """Divide `total` among those that have `counts`, evenly; what one lacks goes to the others."""
    shares = [0] * len(counts)
    left = total
    for place, index in enumerate(np.argsort(counts, kind="stable")):  # the smallest first: its rest is known then
        shares[index] = min(int(counts[index]), left // (len(counts) - place))
        left -= shares[index]
    return shares


def load_bank(bundle: Bundle) -> Bank:
    """Read the bank of a bundle, and check that it is one and fits the model.

    Raises:
        BundleError: the bundle has none, or it is damaged or of another model.
    """
    content = bundle.load_bank()
    if content is None:
        raise BundleError(
            f"The model in {bundle.folder} has no {_NAME}: without features of what it learnt from it would forget "
            "while it learns. Teach the model that comes with EcoSorter, or one that was taught already."
        )
    try:
        bank = _unpack(content)
    except _DAMAGE as error:
        raise BundleError(f"{_NAME} of {bundle.folder} cannot be used: {error}.") from error
    if unknown := sorted(set(bank.classes) - set(bundle.info.classes)):
        raise BundleError(f"{_NAME} of {bundle.folder} has classes that its model lacks: {', '.join(unknown)}.")
    return bank


_NAME = "bank.npz"
_DAMAGE = (ValueError, KeyError, OSError, EOFError, MemoryError, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile)


def _pack(
    features: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    sources: NDArray[np.integer[Any]],
    classes: Sequence[str],
    source_names: NDArray[np.str_],
) -> bytes:
    """Quantise to 8 bits between each dimension's least and largest value, and compress."""
    values = np.asarray(features, np.float32)
    low = values.min(axis=0)
    scale = np.maximum((values.max(axis=0) - low) / 255, np.finfo(np.float32).tiny)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        features=np.rint((values - low) / scale).astype(np.uint8),
        low=low,
        scale=scale,
        labels=labels.astype(np.uint16),
        sources=sources.astype(np.uint16),
        classes=np.asarray(classes, np.str_),
        source_names=source_names,
    )
    return buffer.getvalue()


def _unpack(content: bytes) -> Bank:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST:
            raise ValueError(f"it unpacks to more than {_LARGEST / 1e6:g} MB")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        quantised, low, scale = arrays["features"], arrays["low"], arrays["scale"]
        labels, sources = arrays["labels"].astype(np.int64), arrays["sources"].astype(np.int64)
        classes, names = arrays["classes"], arrays["source_names"]
    if quantised.dtype != np.uint8 or quantised.ndim != 2 or not quantised.size:
        raise ValueError(f"its features are {quantised.dtype} {list(quantised.shape)}, expected uint8 [n, d]")
    n, d = quantised.shape
    if low.shape != (d,) or scale.shape != (d,) or not (np.isfinite(low).all() and np.isfinite(scale).all()):
        raise ValueError("its scales do not fit its features")
    for values, known in ((labels, classes), (sources, names)):
        if values.shape != (n,) or known.ndim != 1 or known.dtype.kind != "U" or not _within(values, len(known)):
            raise ValueError("its labels or sources do not fit its features")
    features = low.astype(np.float32) + scale.astype(np.float32) * quantised
    return Bank(features, labels, sources, tuple(map(str, classes)), tuple(map(str, names)))


def _within(numbers: NDArray[np.int64], end: int) -> bool:
    return bool((numbers >= 0).all() and (numbers < end).all())
