"""The result of teaching a model, as data: the command prints it, the bundle and its card keep it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

LOSS = 0.02
"""From which loss of recall on it is said aloud."""

ENOUGH = 0.8
"""Recall from which on a new class counts as learnt."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FolderName(_Part):
    """How the name of a class folder was understood: class, way (class_names.py), and number of photos."""

    name: str
    label: str
    how: Literal["known", "alias", "new"]
    photos: int


class ClassChange(_Part):
    """One class before and after teaching.

    Attributes:
        photos: of the class.
        before: share of them that the old model finds, 0..1; None for a class that it did not have.
        after: share that the new head finds, out-of-fold.
        moved: how many that the old model found are now taken for a new class.
    """

    photos: int
    before: float | None
    after: float
    moved: int = 0

    @property
    def lost(self) -> bool:
        """Whether more than `LOSS` is gone."""
        return self.before is not None and self.before - self.after > LOSS + 1e-9


class TeachResult(_Part):
    """What a model was taught, and what got better and worse.

    Attributes:
        base: name and version of the model that was taught.
        names: how the class folders were understood.
        new: classes that it did not have.
        part_of: new classes whose like was so far part of an old one, with that class.
        own: by class, out-of-fold on the photos that were taught.
        known: by class, on the rows of the bank that were not fitted again. The body of the model was trained on these,
            so read the change and not the height.
        answered: share of the own photos that are answered (before, after).
        right: share of right answers among those (before, after); None where there are none.
        things: how many different things the own photos show; each was left out once.
        step: share of the way to the fitted head that was gone, 0..1: less than 1 where more would have forgotten.
        left_out: photos that could not be read, by status.
        of_other_models: photos of phones whose features are of another model; they were not used.
        no_waste: own photos, of `checked`, that the old model's signals took for no waste.
        checked: own photos whose signals were computed.
        temperature: before, after.
        confidence: the threshold before, after.
    """

    base: str
    names: list[FolderName]
    new: tuple[str, ...]
    part_of: dict[str, str]
    own: dict[str, ClassChange]
    known: dict[str, ClassChange]
    answered: tuple[float, float]
    right: tuple[float | None, float | None]
    things: int
    step: float
    left_out: dict[str, int]
    of_other_models: int = 0
    no_waste: int
    checked: int
    temperature: tuple[float, float]
    confidence: tuple[float, float]

    @property
    def weak(self) -> list[str]:
        """New classes that it does not find well yet."""
        return [label for label in self.new if self.own[label].after < ENOUGH]


def compare_classes(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: Sequence[str],
) -> dict[str, ClassChange]:
    """Compare two heads, class by class; classes without rows are left out.

    Args:
        before: ``[n, old classes]`` logits.
        after: ``[n, classes]`` logits; the old classes come first.
        labels: ``[n]`` indices into `classes`.
        classes: names.
    """
    old = before.shape[1]
    was, now = before.argmax(axis=1), after.argmax(axis=1)
    found = {}
    for label in np.unique(labels):
        mine = labels == label
        found[classes[label]] = ClassChange(
            photos=int(mine.sum()),
            before=float((was[mine] == label).mean()) if label < old else None,
            after=float((now[mine] == label).mean()),
            moved=int((mine & (was == label) & (now >= old)).sum()) if label < old else 0,
        )
    return found


def score_answers(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], threshold: float
) -> tuple[float, float | None]:
    """Return the share of photos that are sure enough to be answered, and the share of right ones among them."""
    answered = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    return float(answered.mean()), float(right[answered].mean()) if answered.any() else None
