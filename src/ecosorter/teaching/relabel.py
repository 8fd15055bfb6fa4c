"""Find photos of a new class among those that a model knew as an old one.

Whoever teaches `baterai` teaches it to a model whose bank holds batteries as `khusus`. Fitted as they stand, they would
speak against the new class: few garments were found by a model with others in its bank.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from ecosorter.datasets.class_names import one_of_the_seven
from ecosorter.teaching.linear_head import LinearHead

_MISSED = 0.05  # share of the new class's own photos that may look less like it than a row that is relabelled
_STRENGTH = 0.01  # scikit-learn's C: strong regularisation, since there are more dimensions than photos
_PARTS = 5

Labels = NDArray[np.int64]


def parent_classes(
    old: LinearHead, features: NDArray[np.float32], labels: Labels, classes: Sequence[str]
) -> dict[int, int]:
    """Return the old class that held each new one: the one that its name says, else that of most of its photos.

    Args:
        old: the head that knows only the first of `classes`.
        features: ``[n, d]`` of the photos that are taught.
        labels: ``[n]`` of these.
        classes: the old ones first.

    Returns:
        Old class by new one; a new class that is like none is not in it.
    """
    known = classes[: len(old.bias)]
    was = old(features).argmax(axis=1)
    found = {}
    for child in range(len(known), len(classes)):
        counts = np.bincount(was[labels == child], minlength=len(known))
        by_name = one_of_the_seven(classes[child])
        if by_name in known:
            found[child] = known.index(by_name)
        elif 2 * counts.max() > counts.sum():
            found[child] = int(counts.argmax())
    return found


def rows_to_relabel(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the rows of an old class that look like photos of a new one.

    A classifier learns to tell the two apart although the old ones may hold some of the new (learning from positive
    and unlabelled examples: Elkan and Noto 2008, https://doi.org/10.1145/1401890.1401920). A row counts when it looks
    as much like the new class as nearly all photos of it do, each seen by a classifier that was not fitted on it.

    Args:
        old: ``[m, d]`` standardised features of the old class.
        new: ``[n, d]`` of the new one.

    Returns:
        bool ``[m]``: the rows that may carry the new label as well.
    """
    parts = min(_PARTS, len(old), len(new))
    if parts < 2:
        return np.zeros(len(old), np.bool_)
    is_new = np.arange(len(old) + len(new)) >= len(old)
    classifier = LogisticRegression(C=_STRENGTH, class_weight="balanced")
    with threadpool_limits(1):
        likeness = cross_val_predict(
            classifier, np.concatenate([old, new]), is_new, cv=parts, method="decision_function"
        )
    found: NDArray[np.bool_] = likeness[~is_new] >= np.quantile(likeness[is_new], _MISSED)
    return found
