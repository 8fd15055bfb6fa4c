"""Decides which photos each fit of a run learns from, and which it is measured on."""

import re
from dataclasses import dataclass

import numpy as np

from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.datasets.splits import folds
from ecosorter.evaluation.protocols import groups_left_out
from ecosorter.training.fit.learner import Job
from ecosorter.training.fit.parts import split_off_validation, split_parts
from ecosorter.training.recipe import Recipe
from ecosorter.training.results import Part

_LAST = "all"  # name of the fit to all photos


@dataclass(frozen=True, slots=True)
class Plan:
    """The fits of a run.

    Attributes:
        main: the fit that is exported.
        compared: the same with the other order of balancing and splitting.
        folds: fits that answer what `main` has learnt from; with the protocol ``holdout`` they stand beside it.
        together: the sources that each of `folds` leaves out, with ``leave-sources-out``.
    """

    main: Job
    compared: Job | None
    folds: list[Job]
    together: tuple[tuple[str, ...], ...] = ()

    @property
    def jobs(self) -> list[Job]:
        """Every fit, in the order in which they are made."""
        return [*self.folds, self.main, *([self.compared] if self.compared else [])]


def make_plan(photos: PhotoSet, seen: Index, recipe: Recipe, fold_number: int) -> Plan:
    """Decide which photos each fit learns from and is measured on."""
    rule, seed = recipe.evaluation, recipe.seed

    def fold_jobs(number: int, *, watch: bool) -> list[Job]:
        pairs = folds(photos.labels[seen], photos.groups[seen], number, seed, classes=photos.classes)
        return [
            _job(photos, f"fold-{place}-of-{number}", seen[others], seen[test], recipe, watch=watch)
            for place, (others, test) in enumerate(pairs, start=1)
        ]

    if rule.protocol == "holdout":
        found = split_parts(photos.labels[seen], photos.groups[seen], photos.classes, recipe.split, seed)
        parts: dict[Part, Index] = {part: seen[rows] for part, rows in found.items()}
        orders = [Job("no-balance" if recipe.balance.method == "none" else "after-split", parts)]
        if recipe.balance.method == "smote":
            orders.append(Job("before-split", parts, before_split=True))
        if recipe.balance.when == "before-split":
            orders.reverse()
        compared = orders[1] if recipe.balance.compare and len(orders) > 1 else None
        return Plan(orders[0], compared, fold_jobs(fold_number, watch=True) if fold_number else [])
    everything = _job(photos, _LAST, seen, np.empty(0, np.int64), recipe, watch=_watches(recipe))
    if rule.protocol == "kfold":
        return Plan(everything, None, fold_jobs(rule.folds, watch=_watches(recipe)))
    names = np.array([row.source for row in photos.rows])
    together = groups_left_out(rule.left_out, names[seen].tolist())
    jobs = []
    for group in together:
        others, away = photos.hold_out(group)
        test = np.sort(np.concatenate(list(away.values())))
        others = np.intersect1d(others, seen)
        name = re.sub(r"[^\w-]+", "-", group[0])
        jobs.append(_job(photos, f"without-{name}", others, test, recipe, watch=_watches(recipe)))
    return Plan(everything, None, jobs, together)


def _watches(recipe: Recipe) -> bool:
    return recipe.by_steps and bool(recipe.fit.early_stopping or recipe.fit.plateau)


def _job(photos: PhotoSet, name: str, others: Index, test: Index, recipe: Recipe, *, watch: bool) -> Job:
    """Return a fit to `others` that answers `test`; some of `others` become validation photos where any are watched."""
    if not watch:
        return Job(name, {"train": others, "test": test})
    found = split_off_validation(
        photos.labels[others], photos.groups[others], photos.classes, recipe.split, recipe.seed
    )
    return Job(name, {**{part: others[rows] for part, rows in found.items()}, "test": test})
