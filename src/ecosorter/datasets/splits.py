"""Divide the rows of a data set into parts that share no object: grouped and stratified."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ecosorter.errors import DatasetError

_Ints = NDArray[np.int64]
Groups = Sequence[str] | NDArray[np.integer]


def split_rows(
    labels: _Ints,
    groups: Groups,
    parts: Mapping[str, float],
    seed: int,
    *,
    classes: Sequence[str] | None = None,
) -> dict[str, _Ints]:
    """Give every row to one part, whole groups at a time, with every class in its share everywhere.

    Where groups are few and small, this is scikit-learn's stratified split with the same seed, which published systems
    use, so that figures can be compared photo by photo; groups that it cuts are then made whole on the side of their
    first row. Where that would move more than 2 % of the rows, as with bursts of few objects, the parts are built from
    whole groups by a greedy (`_greedy`).

    Args:
        labels: ``[n]`` class indices.
        groups: ``[n]`` group of each row; ``""`` is a row that is a group of its own.
        parts: share of each part by name, for example ``{"train": 0.8, "test": 0.2}``. Shares are taken relative
            to their sum; a part with share 0 stays empty.
        seed: draws the rows.
        classes: names of the classes, for error messages.

    Returns:
        Row numbers of each part, ascending; together they are every row once.

    Raises:
        DatasetError: a class has fewer groups than there are parts, so it cannot be in each of them.
    """
    counts = _counts_by_group(labels, groups)
    shares = {name: share / sum(parts.values()) for name, share in parts.items() if share > 0}
    groups_of = Counter(label for _, inside in counts for label in inside)
    _check_enough_groups(groups_of, list(shares), classes)
    part_of = _mended(labels, [rows for rows, _ in counts], list(shares.values()), seed)
    if part_of is None:
        part_of = _greedy(labels, counts, groups_of, shares, seed, classes)
    split = {name: np.flatnonzero(part_of == part) for part, name in enumerate(shares)}
    return {name: split.get(name, np.empty(0, dtype=np.int64)) for name in parts}


_MOVED_AT_MOST = 0.02  # share of the rows that mending may move


def _mended(labels: _Ints, groups: Sequence[Sequence[int]], shares: Sequence[float], seed: int) -> _Ints | None:
    """Split by scikit-learn, then make groups whole; None where it cannot or that moves too many rows.

    Returns:
        ``[n]`` part of each row.
    """
    part_of = np.zeros(len(labels), dtype=np.int64)
    rest = np.arange(len(labels))
    # From the last part to the second: the test part comes out as with a single split into train and test.
    for part in range(len(shares) - 1, 0, -1):
        share = shares[part] / sum(shares[: part + 1])
        try:
            rest, taken = train_test_split(rest, test_size=share, stratify=labels[rest], random_state=seed)
        except ValueError:  # a class with too few rows for it
            return None
        part_of[taken] = part
    drawn = part_of.copy()
    for rows in groups:
        part_of[rows] = drawn[rows[0]]
    everywhere = all(len(np.unique(part_of[labels == label])) == len(shares) for label in np.unique(labels))
    return part_of if everywhere and (part_of != drawn).mean() <= _MOVED_AT_MOST else None


def _greedy(
    labels: _Ints,
    counts: Sequence[tuple[list[int], Counter[int]]],
    groups_of: Counter[int],
    shares: Mapping[str, float],
    seed: int,
    classes: Sequence[str] | None,
) -> _Ints:
    """Place whole groups, the largest first, as they are hardest to place, and equal ones in a drawn order.

    A group goes where it lessens most how far the parts are from their wanted sizes: the sum over parts and classes of
    ``(rows - wanted)² / wanted``, with all rows together as one class more. One rule stands above it: as soon as a
    class has just enough groups left for the parts that lack it, those parts get them. One pass over the groups.

    Returns:
        ``[n]`` part of each row.

    Raises:
        DatasetError: near-duplicates tie classes so together that a part would lack one.
    """
    names = list(shares)
    groups_left = Counter(groups_of)
    missing = {label: set(range(len(names))) for label in np.unique(labels).tolist()}
    total = Counter(labels.tolist())
    total[_ALL] = len(labels)
    wanted = [{label: n * shares[name] for label, n in total.items()} for name in names]
    placed: list[Counter[int]] = [Counter() for _ in names]

    def cost(part: int, inside: Counter[int]) -> float:
        """How much the distance from the wanted sizes grows when a group joins a part."""
        items = (*inside.items(), (_ALL, inside.total()))
        return sum(n * (n + 2 * (placed[part][c] - wanted[part][c])) / wanted[part][c] for c, n in items)

    part_of = np.zeros(len(labels), dtype=np.int64)
    for index in _largest_first([len(rows) for rows, _ in counts], seed):
        rows, inside = counts[index]
        pressed = [missing[label] for label in inside if missing[label] and groups_left[label] <= len(missing[label])]
        # A group of several classes may be wanted in different parts: then any of them is as good.
        allowed = (set.intersection(*pressed) or set.union(*pressed)) if pressed else range(len(names))
        best = min(sorted(allowed), key=lambda part: cost(part, inside))
        part_of[rows] = best
        placed[best].update(inside)
        placed[best][_ALL] += len(rows)
        groups_left.subtract(inside.keys())
        for label in inside:
            missing[label].discard(best)

    for label, lacking in missing.items():
        if lacking:
            raise DatasetError(
                f"{_class(label, classes)} shares so many near-duplicates with other classes that part "
                f"'{names[min(lacking)]}' would have none of it: correct their labels (`ecosorter photos check`)."
            )
    return part_of


def folds(
    labels: _Ints, groups: Groups, k: int, seed: int, *, classes: Sequence[str] | None = None
) -> list[tuple[_Ints, _Ints]]:
    """Return `k` pairs (rows to train on, rows to test on) in which every row is tested on once.

    Args:
        labels: ``[n]`` class indices.
        groups: as for `split_rows`.
        k: number of folds, 2 or more.
        seed: as for `split_rows`.
        classes: as for `split_rows`.

    Raises:
        DatasetError: a class has fewer than `k` groups, or `k` is less than 2.
    """
    if k < 2:
        raise DatasetError(f"Cross-validation needs 2 folds or more, not {k}.")
    parts = split_rows(labels, groups, {str(fold): 1.0 for fold in range(k)}, seed, classes=classes)
    everything = np.arange(len(labels))
    return [(np.setdiff1d(everything, test, assume_unique=True), test) for test in parts.values()]


_ALL = -1  # stands for the rows of every class


def number_groups(groups: Groups) -> _Ints:
    """Return ``[n]`` numbers 0, 1, 2 … in place of groups; each row of group ``""`` gets one of its own."""
    numbers: dict[object, int] = {}
    each = enumerate(groups.tolist() if isinstance(groups, np.ndarray) else groups)
    found = [numbers.setdefault((row,) if group == "" else group, len(numbers)) for row, group in each]
    return np.array(found, dtype=np.int64)


def _counts_by_group(labels: _Ints, groups: Groups) -> list[tuple[list[int], Counter[int]]]:
    """Return the rows of each group and how many of them each class has."""
    rows_of: dict[int, list[int]] = {}
    for row, group in enumerate(number_groups(groups).tolist()):
        rows_of.setdefault(group, []).append(row)
    return [(rows, Counter(labels[rows].tolist())) for rows in rows_of.values()]


def _largest_first(sizes: Sequence[int], seed: int) -> list[int]:
    order = np.random.default_rng(seed).permutation(len(sizes))
    return [int(i) for i in order[np.argsort(-np.asarray(sizes, dtype=np.int64)[order], kind="stable")]]


def _check_enough_groups(groups_of: Mapping[int, int], parts: Sequence[str], classes: Sequence[str] | None) -> None:
    for label, count in sorted(groups_of.items()):
        if count < len(parts):
            raise DatasetError(
                f"{_class(label, classes)} has {count} photo(s) of different objects, too few for the "
                f"{len(parts)} parts {', '.join(parts)}: add photos of it or leave the class out."
            )


def _class(label: int, classes: Sequence[str] | None) -> str:
    return f"Class '{classes[label]}'" if classes else f"Class number {label}"
