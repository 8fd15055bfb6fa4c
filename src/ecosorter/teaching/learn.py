"""Learn a place: from features of its photos, their labels and the model's bank to a head that knows both.

Pure numbers in, numbers out. `ecosorter teach` and the phone (`serving/web/learn/learn.js`) do the same, step by step:

1. Photos of one thing are put together (things.py).
2. The head is fitted to the photos and to some rows of the bank (rehearsal.py, refit.py).
3. The other rows of the bank are asked: if the head forgot more than `LOSS`, it goes only part of its way, or none.
4. Each thing is left out once and asked of a head that was fitted to the others.
5. Temperature and thresholds follow from these answers (recalibrate.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecosorter.decision import Thresholds
from ecosorter.progress import Advance
from ecosorter.teaching.bank import Bank
from ecosorter.teaching.linear_head import LinearHead
from ecosorter.teaching.recalibrate import recalibrate
from ecosorter.teaching.refit import balanced_weights, grown, refit, scale_of
from ecosorter.teaching.rehearsal import rehearsal_rows
from ecosorter.teaching.relabel import parent_classes, rows_to_relabel
from ecosorter.teaching.things import thing_folds

LOSS = 0.02
"""Mean recall of the known classes that may be lost on the bank, 0..1."""

STEPS = tuple(part / 20 for part in range(20, -1, -1))
"""Shares of the way from the old head to the fitted one that are tried, the first that forgets little is taken."""

FOLDS = 5
"""Fits that leave things out; with as many things or fewer, one each."""

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """The photos of a place.

    Attributes:
        features: float32 ``[n, looks, d]``; the first look is what a predictor sees.
        labels: ``[n]``, indices into the new model's classes.
        things: ``[n]``, what each shows (things.py).
        sources: ``[n]``, the name of each one's source.
    """

    features: NDArray[np.float32]
    labels: Labels
    things: Labels
    sources: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What came of it.

    Attributes:
        head: the new one.
        step: the share of its way that it went, one of `STEPS`; with 0 it is the old one and nothing was learnt.
        parents: the old class of which a new one was part.
        asked: rows of the bank that were asked, none of which was fitted again.
        before, after: logits ``[asked, classes]`` of the old head and of the new one.
        lost: mean recall lost on these rows at `step`.
        own_before: logits ``[n, old classes]`` of the old head, of the photos.
        own_after: ``[n, classes]``, of heads that knew neither the photo nor its thing.
        temperature, thresholds: of the new model; those of the old one for what was not learnt.
        known_before, known_after: how many photos the old head names rightly, and the new one by `own_after`.
    """

    head: LinearHead
    step: float
    parents: dict[int, int]
    asked: Labels
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    lost: float
    own_before: NDArray[np.float32]
    own_after: NDArray[np.float32]
    temperature: float
    thresholds: Thresholds
    known_before: int
    known_after: int


def learn(
    old: LinearHead,
    bank: Bank,
    lesson: Lesson,
    classes: Sequence[str],
    temperature: float,
    thresholds: Thresholds,
    advance: Advance = lambda _: None,
) -> Learnt:
    """Fit a head to a place, and measure what it brought and what it cost.

    Args:
        old: the head of the model.
        bank: of the model, its labels numbered as in `classes`; without the photos of the lesson.
        lesson: at least one photo.
        classes: of the new model, those of the old one first.
        temperature: of the old model.
        thresholds: of the old model.
        advance: is told of each fit; there are `FOLDS` and one.
    """
    scale = scale_of(bank.features)
    seen = lesson.features[:, 0]
    parents = parent_classes(old, seen, lesson.labels, classes)
    allowed = _possible_classes(bank, lesson, parents, classes, scale[1])
    rehearsed = rehearsal_rows(bank.labels, bank.sources, lesson.features.shape[0] * lesson.features.shape[1])
    asked = np.setdiff1d(np.arange(len(bank.labels)), rehearsed)
    start = grown(old, len(classes), parents)

    def fit(rows: Labels, begin: LinearHead | None = None) -> LinearHead:
        fitted = _fit(old, start, bank, rehearsed, allowed, lesson, rows, scale, begin)
        advance(1)
        return fitted

    full = fit(np.arange(len(lesson.labels)))
    before, own_before = old(bank.features[asked]), old(seen)
    at_start, at_end = start(bank.features[asked]), full(bank.features[asked])  # between them, logits lie as heads do
    lost, step = _first_that_keeps(
        lambda share: _lost(
            before, at_start + np.float32(share) * (at_end - at_start), bank.labels[asked], allowed[asked]
        )
    )
    if not step:
        parents, after, own_after = {}, before, own_before
        head = old
    else:
        head = _between(start, full, step)
        after = head(bank.features[asked])
        own_after = _answer_without(lambda rows: _between(start, fit(rows, full), step), lesson, len(classes))
        temperature, thresholds = recalibrate(
            temperature, thresholds, before, after, bank.labels[asked], own_after, lesson.labels
        )
    known = (int((logits.argmax(axis=1) == lesson.labels).sum()) for logits in (own_before, own_after))
    return Learnt(
        head, step, parents, asked, before, after, lost, own_before, own_after, temperature, thresholds, *known
    )


def _possible_classes(
    bank: Bank, lesson: Lesson, parents: dict[int, int], classes: Sequence[str], deviation: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return ``[rows of the bank, classes]``: its class, and the new one that it looks like and that was part of it."""
    allowed = np.eye(len(classes), dtype=np.bool_)[bank.labels]
    for child, parent in parents.items():
        rows = np.flatnonzero(bank.labels == parent)
        theirs, ours = bank.features[rows], lesson.features[lesson.labels == child, 0]
        allowed[rows, child] = rows_to_relabel(theirs / deviation, ours / deviation)
    return allowed


def _fit(
    old: LinearHead,
    start: LinearHead,
    bank: Bank,
    rehearsed: Labels,
    allowed: NDArray[np.bool_],
    lesson: Lesson,
    rows: Labels,
    scale: tuple[NDArray[np.float64], NDArray[np.float64]],
    begin: LinearHead | None,
) -> LinearHead:
    """Fit a head to the rehearsed rows and to some photos, each in every look."""
    looks = lesson.features.shape[1]
    own_labels = np.repeat(lesson.labels[rows], looks)
    labels = np.concatenate([bank.labels[rehearsed], own_labels])
    features = np.concatenate([bank.features[rehearsed], lesson.features[rows].reshape(-1, lesson.features.shape[2])])
    sources = [bank.source_names[number] for number in bank.sources[rehearsed]]
    sources += [lesson.sources[row] for row in rows for _ in range(looks)]
    own_allowed = np.eye(allowed.shape[1], dtype=np.bool_)[own_labels]
    weights = balanced_weights(labels, sources, np.arange(len(labels)) >= len(rehearsed))
    return refit(
        start, len(old.bias), features, np.concatenate([allowed[rehearsed], own_allowed]), weights, scale, begin
    )


def _between(start: LinearHead, full: LinearHead, share: float) -> LinearHead:
    """Return the head that goes this share of the way."""
    weight = start.weight + np.float32(share) * (full.weight - start.weight)
    return LinearHead(weight, start.bias + np.float32(share) * (full.bias - start.bias))


def _first_that_keeps(lost: Callable[[float], float]) -> tuple[float, float]:
    """Return what is lost at the longest step that loses at most `LOSS`, and that step."""
    for share in STEPS[:-1]:
        if (found := lost(share)) <= LOSS + 1e-9:
            return found, share
    return 0.0, 0.0


def _lost(before: NDArray[Any], after: NDArray[Any], labels: Labels, allowed: NDArray[np.bool_]) -> float:
    """Return the mean over the classes of the recall that is lost; a new class that looks right is no loss."""
    was = before.argmax(axis=1) == labels
    now = allowed[np.arange(len(labels)), after.argmax(axis=1)]
    changes = [float(was[labels == label].mean() - now[labels == label].mean()) for label in np.unique(labels)]
    return float(np.mean(changes)) if changes else 0.0


def _answer_without(fit: Callable[[Labels], LinearHead], lesson: Lesson, classes: int) -> NDArray[np.float32]:
    """Return logits ``[n, classes]`` of every photo, by a head that was not fitted to its thing."""
    number = min(FOLDS, len(np.unique(lesson.things)))
    fold = thing_folds(lesson.labels, lesson.things, number)
    found = np.empty((len(fold), classes), np.float32)
    for left_out in range(number):
        found[fold == left_out] = fit(np.flatnonzero(fold != left_out))(lesson.features[fold == left_out, 0])
    return found
