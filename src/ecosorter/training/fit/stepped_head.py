"""Heads that are fitted by steps to features of a backbone as it came: balance the rows, train."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.progress import Progress
from ecosorter.texts.note import Note
from ecosorter.training.fit.balance import Balanced, balance, class_weights
from ecosorter.training.fit.head_model import HeadModel
from ecosorter.training.fit.heads import make_head
from ecosorter.training.fit.learner import Answers, Job
from ecosorter.training.fit.loop import Fitted, fit, logits
from ecosorter.training.fit.parts import split_parts
from ecosorter.training.fit.rows import FeatureRows
from ecosorter.training.front import Front
from ecosorter.training.recipe import Recipe
from ecosorter.training.results import OnEpoch, Part


@dataclass(frozen=True, slots=True)
class Table:
    """Every usable photo as a row.

    Attributes:
        features: float32 or float16 [n, d].
        labels: int64 [n], indices into `classes`.
        groups: int64 [n]; rows of one group stay on one side of a split.
        classes: names.
    """

    features: NDArray[np.floating]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """FeatureRows that are ready to fit.

    Attributes:
        name: ``"after-split"``, ``"before-split"`` or ``"no-balance"``.
        parts: rows of each part; `train` is balanced.
        counts_before, counts_after: training rows by class, before and after balancing (of all rows when
            balancing comes before the split).
        notes: what the reader must know.
        test_photos: the table's row behind each test row; -1 for a synthetic one.
    """

    name: str
    parts: Mapping[Part, FeatureRows]
    counts_before: dict[str, int]
    counts_after: dict[str, int]
    notes: list[Note]
    test_photos: Index

    @property
    def leaky(self) -> bool:
        """Whether test rows are mixtures of training rows."""
        return bool((self.test_photos < 0).any())


def balance_after_split(table: Table, parts: Mapping[Part, Index], recipe: Recipe) -> Prepared:
    """Balance the training rows only: the honest order."""
    train = parts["train"]
    before = _counts(table.labels[train], table.classes)
    rows: dict[Part, FeatureRows] = {
        part: FeatureRows(table.features, table.labels, index) for part, index in parts.items()
    }
    notes: list[Note] = []
    if recipe.balance.method == "smote":
        balanced = _smote(table, train, recipe)
        rows["train"] = FeatureRows(balanced.features, balanced.labels)
        notes = balanced.notes
    after = _counts(rows["train"].all_labels, table.classes)
    name = "no-balance" if recipe.balance.method == "none" else "after-split"
    return Prepared(name, rows, before, after, notes, parts.get("test", np.empty(0, np.int64)))


def balance_before_split(table: Table, rows: Index, recipe: Recipe) -> Prepared:
    """Balance all rows, then split them, groups or not: the published order, which leaks.

    Shares are those of the honest order, so that the two figures differ by the leak alone.
    """
    balanced = _smote(table, rows, recipe)
    origin = np.concatenate([rows, np.full(len(balanced.labels) - len(rows), -1)])
    everything = Table(balanced.features, balanced.labels, np.arange(len(origin)), table.classes)
    parts = split_parts(everything.labels, everything.groups, table.classes, recipe.split, recipe.seed)
    test_photos = origin[parts["test"]]
    made = int((test_photos < 0).sum())
    leak = Note(key="leak", values={"made": made, "rows": len(test_photos)})
    return Prepared(
        "before-split",
        {part: FeatureRows(balanced.features, balanced.labels, index) for part, index in parts.items()},
        _counts(table.labels[rows], table.classes),
        _counts(balanced.labels, table.classes),
        [*balanced.notes, *([leak] if made else [])],
        test_photos,
    )


class SteppedHeadLearner:
    """Fits heads to features of the photos by steps, balanced as the recipe says.

    Args:
        photos: of the run.
        front: what gives the features, of whole photos.
        recipe: head, fit, balance, trainer, seed.
        folder: of the checkpoints.
        progress: is told of each photo.
        pool: `joined` (pool.py), to compute the features in its processes.
    """

    def __init__(
        self,
        photos: PhotoSet,
        front: Front,
        recipe: Recipe,
        folder: Path,
        progress: Progress,
        pool: AbstractContextManager[None] | None = None,
    ) -> None:
        self.photos, self.front, self.recipe, self.folder = photos, front, recipe, folder
        with progress.stage("features", len(photos.rows)) as advance:
            features = front.features(advance, (1.0,), pool)
        self.table = Table(features, photos.labels, photos.groups, photos.classes)

    def fit(self, job: Job, on_epoch: OnEpoch) -> "SteppedHead":
        """Balance and train; go on from the last checkpoint."""
        table, recipe = self.table, self.recipe
        if job.before_split:
            prepared = balance_before_split(table, np.sort(np.concatenate(list(job.parts.values()))), recipe)
        else:
            prepared = balance_after_split(table, job.parts, recipe)
        train = prepared.parts["train"].all_labels
        fitted = fit(
            make_head(recipe.head, table.features.shape[1], len(table.classes), recipe.seed),
            recipe.fit,
            recipe.trainer,
            prepared.parts,
            class_weights=class_weights(train, len(table.classes)) if recipe.balance.method == "weights" else None,
            seed=recipe.seed,
            checkpoints=self.folder / job.name,
            on_epoch=on_epoch,
        )
        return SteppedHead(self, prepared, fitted)


class SteppedHead:
    """A head that was fitted by steps: see `learner.Learnt`."""

    linear_probe = None

    def __init__(self, learner: SteppedHeadLearner, prepared: Prepared, fitted: Fitted) -> None:
        self._learner, self._prepared, self.head = learner, prepared, fitted.head
        self.counts_before, self.counts_after = prepared.counts_before, prepared.counts_after
        self.epochs, self.best_epoch, self.notes = fitted.epochs, fitted.best_epoch, prepared.notes

    def answers(self, part: Part) -> Answers:
        """Answer a part; its test rows may be synthetic."""
        rows = self._prepared.parts.get(part)
        if rows is None:
            classes = len(self._learner.table.classes)
            return Answers(np.empty((0, 1, classes), np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
        photos = self._prepared.test_photos if part == "test" else np.full(len(rows), -1)
        return Answers(logits(self.head, rows)[:, None], rows.all_labels, photos)

    def predict(self, rows: Index) -> NDArray[np.float32]:
        """Return logits of photos, which are seen as a whole only."""
        table = self._learner.table
        return logits(self.head, FeatureRows(table.features, table.labels, rows))[:, None]

    @property
    def model(self) -> HeadModel:
        """What is exported."""
        learner = self._learner
        flattened = learner.recipe.features.output == "flattened"
        return HeadModel(learner.front, self.head, learner.photos.files, flattened)


def _smote(table: Table, rows: Index, recipe: Recipe) -> Balanced:
    return balance(
        table.features[rows],
        table.labels[rows],
        table.classes,
        "smote",
        neighbours=recipe.balance.neighbours,
        seed=recipe.seed,
    )


def _counts(labels: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
