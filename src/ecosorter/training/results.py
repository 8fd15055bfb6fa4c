"""What a training run found out, as data: the report, the tracker, the bundle and `--json` all read these."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from ecosorter.datasets.photoset import SourceCount
from ecosorter.evaluation.scores import LabelledPrediction, Scores
from ecosorter.texts.note import Note


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Epoch(_Result):
    """One pass over the training rows. A figure that the recipe has no photos for is None."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    learning_rate: float


class FitRecord(_Result):
    """One head that was fitted.

    Attributes:
        name: ``"after-split"`` (honest), ``"before-split"`` (leaky, as published), ``"no-balance"``, or
            ``"cross-validation"``: of several networks, each measured on what it never saw.
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


class RunResult(_Result):
    """A whole training run.

    Attributes:
        recipe: the resolved recipe, as plain data.
        split: photos in each part, for example ``{"train": 2022, "validation": 0, "test": 505}``.
        fit: the head that was exported; where nothing was, the cross-validation, in which every photo is a test photo.
        compared: the same recipe with the other order of balancing and splitting, when asked for.
        held_out: scores on sources that training never saw, by source.
        folds: scores of each cross-validation fold.
        answers: one for each test photo of `fit`.
        notes: sentences that the reader must know (a leaky figure, a class too small for SMOTE …).
    """

    id: str
    created: str
    classes: tuple[str, ...]
    recipe: dict[str, Any]
    sources: list[SourceCount]
    split: dict[str, int]
    fit: FitRecord
    compared: FitRecord | None = None
    held_out: dict[str, Scores] = {}
    folds: list[Scores] = []
    answers: list[LabelledPrediction] = []
    notes: list[Note] = []
    made_with: dict[str, str] = {}
