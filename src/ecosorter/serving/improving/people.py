"""Who teaches and who measures: contributors are divided for good, and those whose labels fit nobody's are left out."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from ecosorter.serving.improving.figures import Difference, Doubtful
from ecosorter.serving.store.corrections import Listed

HELD_OUT = 5
"""Of so many contributors, one is held out."""

_LEAST_PHOTOS = 6  # of a contributor of whom anything can be said
_LEAST_CLASSES = 3  # whose labels must be contradicted: many photos of one strange thing are no mischief
_CHANCE = 0.001  # of an honest contributor to look so bad
_LEAST = 0.75  # share of a contributor's photos that must be contradicted
_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Needs:
    """What there must be before a candidate is worth its making.

    Attributes:
        contributors: that teach.
        held_out: that it is measured on.
        photos: that teach.
        held_out_photos: that it is measured on.
    """

    contributors: int = 8
    held_out: int = 3
    photos: int = 40
    held_out_photos: int = 10


@dataclass(frozen=True, slots=True)
class Parts:
    """The photos by what they are for; `left_out` are of classes that fewer than two contributors sent."""

    taught: Sequence[Listed]
    held_out: Sequence[Listed]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def missing(self, needs: Needs) -> dict[str, tuple[int, int]]:
        """Return what there is too little of, with how many there are and how many are needed."""
        found = {
            "contributors": (len({row.contributor for row in self.taught}), needs.contributors),
            "held_out": (len({row.contributor for row in self.held_out}), needs.held_out),
            "photos": (len(self.taught), needs.photos),
            "held_out_photos": (len(self.held_out), needs.held_out_photos),
        }
        return {name: (has, needed) for name, (has, needed) in found.items() if has < needed}


def is_held_out(contributor: str) -> bool:
    """Tell whether a contributor's photos measure models and never teach one.

    It follows from the pseudonym alone, so it is the same for every candidate: no model has ever learnt from those
    that it is measured on, nor has the one that it is compared with.
    """
    return int(hashlib.sha256(b"held out " + contributor.encode()).hexdigest(), 16) % HELD_OUT == 0


def divide(rows: Iterable[Listed], classes: Sequence[str], without: Iterable[str] = ()) -> Parts:
    """Divide what may be learnt from.

    A photo that one contributor sent several times counts once, under the label that was settled last. One that
    several sent counts once, too, and not at all where their labels differ. A photo that was sent by somebody who is
    held out, too, teaches nothing.

    Args:
        rows: as `Corrections.usable` gives them, in the order in which they were settled.
        classes: of the model that is taught; others are left out.
        without: contributors to leave out.
    """
    doubted = set(without)
    last = {(row.contributor, row.photo): row for row in rows if row.settled in classes}
    measure = [row for row in last.values() if is_held_out(row.contributor)]
    known = {row.photo for row in measure}
    teach = [row for row in last.values() if not is_held_out(row.contributor) and row.photo not in known]
    held_out, rest = _once(measure), _once([row for row in teach if row.contributor not in doubted])
    people: dict[str, set[str]] = {}
    for row in rest:
        people.setdefault(str(row.settled), set()).add(row.contributor)
    few = {label for label, who in people.items() if len(who) < 2}
    left_out = {label: sum(row.settled == label for row in rest) for label in sorted(few)}
    return Parts([row for row in rest if row.settled not in few], held_out, left_out)


def _once(rows: Sequence[Listed]) -> list[Listed]:
    """Return one row for each photo, and none for one on whose label they differ."""
    labels: dict[str | None, set[str | None]] = {}
    for row in rows:
        labels.setdefault(row.photo, set()).add(row.settled)
    first = {row.photo: row for row in reversed(rows)}
    return [row for row in rows if first[row.photo] is row and len(labels[row.photo]) == 1]


def doubtful(contributors: Sequence[str], labels: NDArray[np.int64], right: NDArray[np.bool_]) -> tuple[Doubtful, ...]:
    """Return the contributors whose labels are contradicted far more often than everybody's.

    One who labels at random, or shifts all labels, disagrees with nearly every head that learnt from the others; an
    honest one with rare things on a strange table may, too, so a person should look at who is named.

    Args:
        contributors: of each photo.
        labels: ``[n]``, what they say.
        right: ``[n]``, whether a head that learnt from the other contributors sees the class that the label says.
    """
    names = np.asarray(contributors)
    usual = float((~right).mean()) if len(right) else 0.0
    found = []
    for name in sorted(set(contributors)):
        mine = ~right[names == name]
        others = ~right[names != name]
        strange = len(np.unique(labels[names == name][mine]))
        if len(mine) < _LEAST_PHOTOS or strange < _LEAST_CLASSES or not len(others):
            continue
        rate = max(float(others.mean()), 1 / len(others))
        if mine.mean() >= _LEAST and binom.sf(int(mine.sum()) - 1, len(mine), rate) < _CHANCE:
            found.append(Doubtful(contributor=name, photos=len(mine), contradicted=float(mine.mean()), usual=usual))
    return tuple(found)


def difference(
    before: NDArray[np.bool_], after: NDArray[np.bool_], contributors: Sequence[str], seed: int = 0
) -> Difference:
    """Return by how much a second model is right more often, with its interval by drawing contributors.

    The bootstrap is paired: each drawn contributor brings the answers of both (Efron and Tibshirani 1993, chapter 13).

    Args:
        before: ``[n]``, whether the first is right.
        after: ``[n]``, whether the second is.
        contributors: ``[n]``.
        seed: draws.
    """
    _, number = np.unique(np.asarray(contributors), return_inverse=True)
    photos = np.bincount(number)
    gained = np.bincount(number, weights=after.astype(np.float64) - before)
    drawn = np.random.default_rng(seed).integers(0, len(photos), (_RESAMPLES, len(photos)))
    low, high = np.quantile(gained[drawn].sum(axis=1) / photos[drawn].sum(axis=1), [0.025, 0.975])
    return Difference(mean=float(gained.sum() / photos.sum()), low=float(low), high=float(high))
