"""Make rare classes count as much as common ones: synthetic rows (SMOTE) or weights in the loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ecosorter.texts.note import Note


@dataclass(frozen=True, slots=True)
class Balanced:
    """Rows after balancing.

    Attributes:
        features: ``[m, d]``, dtype as given. The first `n` rows are the rows given, in their order; synthetic
            rows follow, class by class.
        labels: ``[m]`` class indices.
        notes: for the reader: what could not be done by the book, and what was done instead.
    """

    features: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    notes: list[Note]


def balance(
    features: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    method: Literal["smote", "none"],
    *,
    neighbours: int = 5,
    seed: int,
) -> Balanced:
    """Add synthetic rows until every class has as many as the largest one.

    SMOTE (Chawla et al. 2002, https://doi.org/10.1613/jair.953): a synthetic row lies at a random place between a
    row and one of its nearest neighbours in its class. Classes too small for that follow two rules, each told in
    a note: with fewer than ``neighbours + 1`` rows, all the other rows of the class are its neighbours; a single
    row is repeated. A class without rows stays without.

    Each class goes through SMOTE by itself, as neighbours are a matter of one class: so every class may have its
    own number of them, and only one class at a time is copied. The memory needed is that of the result and a few
    times that of the rows added to one class.

    Args:
        features: ``[n, d]`` float32 or float16. Returned as it is when nothing has to be added.
        labels: ``[n]`` indices into `classes`.
        classes: names, for the notes.
        method: ``"none"`` returns the rows as they are.
        neighbours: how many of the nearest rows of its class a row is mixed with.
        seed: draws the rows, the neighbours and the places between them.
    """
    counts = np.bincount(labels, minlength=len(classes))
    most = int(counts.max(initial=0))
    short = [(label, int(n)) for label, n in enumerate(counts) if 0 < n < most]
    if method == "none" or not short:
        return Balanced(features, labels, [])

    total = len(labels) + sum(most - n for _, n in short)
    out = np.empty((total, features.shape[1]), dtype=features.dtype)
    out[: len(labels)] = features
    random = np.random.RandomState(seed)  # the kind that imbalanced-learn takes
    notes: list[Note] = []
    end = len(labels)
    for label, n in short:
        rows = features[labels == label]
        start, end = end, end + most - n
        if n == 1:
            out[start:end] = rows
            notes.append(Note(key="single_photo", values={"name": classes[label]}))
            continue
        if n <= neighbours:
            few = {"name": classes[label], "number": n, "asked": neighbours, "used": n - 1}
            notes.append(Note(key="few_neighbours", values=few))
        out[start:end] = _synthetic(rows, most - n, min(neighbours, n - 1), random)
    added = np.repeat([label for label, _ in short], [most - n for _, n in short])
    return Balanced(out, np.concatenate([labels, added]), notes)


def class_weights(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Return ``[n_classes]`` weights for the loss, so that every class weighs the same in it.

    The weight of a class is ``n / (k * n_c)`` with `n` rows in all, `n_c` in the class and `k` classes that have
    any (King and Zeng 2001, scikit-learn's "balanced"). Their mean over the rows is 1. A class without rows
    gets 0: no row asks for it.
    """
    counts = np.bincount(labels, minlength=n_classes)
    present = counts > 0
    weights = np.zeros(n_classes, dtype=np.float32)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights


def _synthetic(
    rows: NDArray[np.floating[Any]], wanted: int, neighbours: int, random: np.random.RandomState
) -> NDArray[np.float32]:
    """Return ``[wanted, d]`` synthetic rows of one class of two rows or more."""
    n = len(rows)
    # SMOTE insists on a second class; one row of zeros is it, and is neither sampled nor measured against.
    block = np.concatenate([rows, np.zeros_like(rows[:1])]).astype(np.float32, copy=False)
    from imblearn.over_sampling import SMOTE  # noqa: PLC0415  # takes seconds; most recipes do without

    smote = SMOTE(sampling_strategy={0: n + wanted}, k_neighbors=neighbours, random_state=random)
    made, _ = smote.fit_resample(block, np.r_[np.zeros(n, dtype=np.int64), 1])
    synthetic: NDArray[np.float32] = made[n + 1 :]
    return synthetic
