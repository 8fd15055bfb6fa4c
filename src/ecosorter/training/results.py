"""What a training run found out, as data: the report, the tracker, the bundle and `--json` all read these."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecosorter.datasets.photoset import Index, PhotoSet, SourceCount
from ecosorter.evaluation.scores import FirstView, LabelledPrediction, Scores
from ecosorter.evaluation.unseen import Unseen, unseen
from ecosorter.texts.note import Note


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Part = Literal["train", "validation", "test"]
"""What photos are for in one fit."""


class Epoch(_Result):
    """One pass over the training rows. A figure that the recipe does not measure is None."""

    epoch: int
    train_loss: float
    train_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    learning_rate: float


OnEpoch = Callable[[Epoch], None]
"""Called with each epoch as it is finished."""


class FitRecord(_Result):
    """One fit, or several that each answered what they never saw.

    Attributes:
        name: ``"after-split"`` (honest), ``"before-split"`` (leaky, as published), ``"no-balance"``, or
            ``"out-of-fold"``: of several fits, each measured on what it never saw.
        leaky: True when test rows are mixtures of training rows.
        counts_before, counts_after: rows by class before and after balancing.
        best_epoch: the epoch whose weights were kept, counted from 0.
        scores: on the untouched test part; for a leaky fit, on the part that its recipe calls test.
    """

    name: str
    leaky: bool
    counts_before: dict[str, int]
    counts_after: dict[str, int]
    epochs: list[Epoch]
    best_epoch: int
    scores: Scores


class LinearProbe(_Result):
    """The same network with nothing but its head fitted, measured in the same way: what training all of it is worth."""

    scores: Scores
    held_out: dict[str, Scores] = {}


class RunResult(_Result):
    """A whole training run: the one type that holds what was measured.

    Attributes:
        recipe: the resolved recipe, as plain data.
        protocol: how it was measured: ``"holdout"``, ``"kfold"`` or ``"leave-sources-out"``.
        split: photos in each part, for example ``{"train": 2022, "validation": 0, "test": 505}``.
        fit: with ``holdout``, the fit that was exported; else all photos, each answered by a fit that never saw it.
        compared: the same recipe with the other order of balancing and splitting, when asked for.
        held_out: scores on sources that the fits which answered them never saw, by source.
        left_out_together: the groups of sources, with ``leave-sources-out``.
        kept_away: the sources that the exported model never saw either.
        folds: scores of each cross-validation fold.
        linear_probe: see `LinearProbe`.
        first_view: what it brings that a sure first view answers alone, measured out of fold; None where none does.
        answers: one for each test photo of `fit`.
        notes: sentences that the reader must know (a leaky figure, a class too small for SMOTE …).
    """

    id: str
    created: str
    classes: tuple[str, ...]
    recipe: dict[str, Any]
    sources: list[SourceCount]
    protocol: str
    split: dict[str, int]
    fit: FitRecord
    compared: FitRecord | None = None
    held_out: dict[str, Scores] = {}
    left_out_together: tuple[tuple[str, ...], ...] = ()
    kept_away: tuple[str, ...] = ()
    folds: list[Scores] = []
    linear_probe: LinearProbe | None = None
    first_view: FirstView | None = None
    answers: list[LabelledPrediction] = []
    notes: list[Note] = []
    made_with: dict[str, str] = {}

    def unseen(self, held_out: Mapping[str, Scores] | None = None) -> Unseen:
        """Return the yardstick's figures of `held_out`, or of the scores that are given."""
        return unseen(
            self.held_out if held_out is None else held_out,
            self.left_out_together,
            self.recipe.get("evaluation", {}).get("aside", ()),
        )


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
