"""One fit from start to scores: balance, train, calibrate on validation rows, measure once on test rows."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.cache import Cache
from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.datasets.splits import split_rows
from ecosorter.decision import Thresholds, softmax
from ecosorter.evaluation.calibration import fit_temperature, fit_thresholds
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.scores import LabelledPrediction, Scores
from ecosorter.progress import Progress
from ecosorter.texts.note import Note
from ecosorter.training.features import FeatureSource, OnnxEngine, extract
from ecosorter.training.fit.balance import Balanced, balance, class_weights
from ecosorter.training.fit.heads import Head, make_head
from ecosorter.training.fit.loop import OnEpoch, fit, logits
from ecosorter.training.fit.rows import FeatureRows, Part
from ecosorter.training.recipe import Recipe
from ecosorter.training.results import FitRecord


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
    """Rows that are ready to fit.

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


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is fitted on validation rows: the softmax's temperature, and the thresholds for "not sure"."""

    temperature: float
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trained and calibrated head, what it scored, and its logits float32 [n, classes] on the test rows."""

    head: Head
    calibration: Calibration
    record: FitRecord
    test_logits: NDArray[np.float32]

    @property
    def test_probabilities(self) -> NDArray[np.float64]:
        """Calibrated probabilities [n, classes] of the test rows."""
        return softmax(self.test_logits, self.calibration.temperature)


def split_table(table: Table, rows: Index, recipe: Recipe) -> dict[Part, Index]:
    """Divide rows of the table into parts by group, stratified, with the recipe's shares and seed.

    Raises:
        DatasetError: when a class has too few groups.
    """
    shares = {"train": 1 - recipe.split.validation - recipe.split.test, "validation": recipe.split.validation}
    shares["test"] = recipe.split.test
    found = split_rows(table.labels[rows], table.groups[rows], shares, recipe.seed, classes=table.classes)
    return _named({part: rows[index] for part, index in found.items()})


def split_fold(table: Table, train: Index, test: Index, recipe: Recipe) -> dict[Part, Index]:
    """Take the validation part of one cross-validation fold from its training rows."""
    rest = 1 - recipe.split.test
    shares = {"train": 1 - recipe.split.validation / rest, "validation": recipe.split.validation / rest}
    found = split_rows(table.labels[train], table.groups[train], shares, recipe.seed, classes=table.classes)
    return _named({**{part: train[index] for part, index in found.items()}, "test": test})


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
    return Prepared(name, rows, before, after, notes, parts["test"])


def balance_before_split(table: Table, rows: Index, recipe: Recipe) -> Prepared:
    """Balance all rows, then split them, groups or not: the published order, which leaks.

    Shares are those of the honest order, so that the two figures differ by the leak alone.
    """
    balanced = _smote(table, rows, recipe)
    origin = np.concatenate([rows, np.full(len(balanced.labels) - len(rows), -1)])
    everything = Table(balanced.features, balanced.labels, np.arange(len(origin)), table.classes)
    parts = split_table(everything, np.arange(len(origin)), recipe)
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


def run_fit(
    prepared: Prepared,
    table: Table,
    recipe: Recipe,
    checkpoints: Path,
    on_epoch: OnEpoch,
) -> Outcome:
    """Train, calibrate on the validation rows, and measure once on the test rows.

    Args:
        prepared: balanced rows.
        table: the photos' rows, for classes and groups.
        recipe: head, fit, decide, trainer, seed.
        checkpoints: folder for this fit alone.
        on_epoch: called with each finished epoch.
    """
    parts, classes = prepared.parts, table.classes
    head = make_head(recipe.head, table.features.shape[1], len(classes), recipe.seed)
    weights = None
    if recipe.balance.method == "weights":
        weights = class_weights(parts["train"].all_labels, len(classes))
    fitted = fit(
        head,
        recipe.fit,
        recipe.trainer,
        parts,
        class_weights=weights,
        seed=recipe.seed,
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )
    calibration = _calibrated(fitted.head, parts.get("validation"), recipe)
    test = parts["test"]
    test_logits = logits(fitted.head, test)
    real = prepared.test_photos >= 0
    scores = score(
        test_logits,
        test.all_labels,
        classes,
        temperature=calibration.temperature,
        thresholds=calibration.thresholds,
        groups=table.groups[prepared.test_photos] if real.all() else None,
        seed=recipe.seed,
    )
    record = FitRecord(
        name=prepared.name,
        leaky=prepared.leaky,
        counts_before=prepared.counts_before,
        counts_after=prepared.counts_after,
        epochs=fitted.epochs,
        best_epoch=fitted.best_epoch,
        scores=scores,
    )
    return Outcome(fitted.head, calibration, record, test_logits)


def score_rows(outcome: Outcome, table: Table, rows: Index, seed: int) -> Scores:
    """Measure a trained head on rows of the table that it never saw."""
    return score(
        logits(outcome.head, FeatureRows(table.features, table.labels, rows)),
        table.labels[rows],
        table.classes,
        temperature=outcome.calibration.temperature,
        thresholds=outcome.calibration.thresholds,
        groups=table.groups[rows],
        seed=seed,
    )


def _calibrated(head: Head, validation: FeatureRows | None, recipe: Recipe) -> Calibration:
    if validation is None:
        return Calibration(1.0, fit_thresholds(np.empty((0, 1)), np.empty(0, np.int64)))
    values, labels = logits(head, validation), validation.all_labels
    temperature = fit_temperature(values, labels)
    thresholds = fit_thresholds(
        softmax(values, temperature),
        labels,
        target_accuracy=recipe.decide.target_accuracy,
        miss_rate=recipe.decide.miss_rate,
    )
    return Calibration(temperature, thresholds)


def _smote(table: Table, rows: Index, recipe: Recipe) -> Balanced:
    return balance(
        table.features[rows],
        table.labels[rows],
        table.classes,
        "smote",
        neighbours=recipe.balance.neighbours,
        seed=recipe.seed,
    )


def _named(parts: Mapping[str, Index]) -> dict[Part, Index]:
    """Return the parts that have rows, under their typed names."""
    names: tuple[Part, ...] = ("train", "validation", "test")
    return {name: parts[name] for name in names if name in parts and len(parts[name])}


def _counts(labels: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))


def feature_table(
    photos: PhotoSet,
    source: FeatureSource,
    cache: Cache,
    batch_size: int,
    progress: Progress,
    pool: AbstractContextManager[None] | None = None,
) -> Table:
    """Compute the features of every photo (features.py), here or in the processes of a pool.

    Raises:
        BackboneError: when the backbone cannot be loaded.
    """
    side = source.spec.size
    with progress.stage("features", len(photos.rows)) as advance:
        features = extract(
            source,
            [photos.file(row) for row in range(len(photos.rows))],
            lambda: OnnxEngine(source.spec, source.backbone.graph(side, cache), threads=1 if pool else 0),
            OnnxEngine.name,
            cache,
            batch_size=batch_size,
            pool=pool,
            advance=advance,
        )
    return Table(features, photos.labels, photos.groups, photos.classes)


def labelled_predictions(photos: PhotoSet, rows: Index, probabilities: NDArray[np.float64]) -> list[LabelledPrediction]:
    """Return a model's answer to each photo, given calibrated probabilities ``[n, classes]``.

    A row below 0 is a synthetic one, which has no photo, and is left out.
    """
    return [
        LabelledPrediction(
            path=os.fsencode(photos.rows[row].path).decode("utf-8", "backslashreplace"),  # JSON has no other names
            label=photos.rows[row].label,
            probabilities=dict(zip(photos.classes, line.tolist(), strict=True)),
        )
        for row, line in zip(rows.tolist(), probabilities, strict=True)
        if row >= 0
    ]
