"""What a training run found out, as data: the report, the tracker, the bundle and `--json` all read these."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from ecosorter.texts import Language, texts


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Note(_Result):
    """A sentence that the reader must know: its key in texts/notes.toml, and what to fill in."""

    key: str
    values: dict[str, str | int] = {}

    def say(self, language: Language) -> str:
        """Return the sentence."""
        return texts("notes", language)[self.key].format(**self.values)


class ClassScores(_Result):
    """One class: precision, recall and F1 in 0..1, and how many photos truly show it."""

    precision: float
    recall: float
    f1: float
    photos: int


class ReliabilityBin(_Result):
    """Photos whose confidence lies in one bin: mean confidence and accuracy in 0..1."""

    confidence: float
    accuracy: float
    photos: int


class Scores(_Result):
    """How well a model did on one set of photos. Rates are in 0..1.

    Attributes:
        loss: mean cross-entropy of the calibrated probabilities, in nats.
        accuracy_interval: 95 % bootstrap interval of the accuracy.
        confusion: rows are true classes, columns predicted ones, in the order of `classes`.
        calibration_error: expected calibration error after temperature scaling (`_before`: without it).
        coverage_curve: (share answered, accuracy on those) from the surest photo to all of them.
        coverage: share of the photos that the model's threshold lets it answer.
        answered_accuracy: accuracy on those; None when it answers none.
    """

    photos: int
    classes: tuple[str, ...]
    loss: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_recall: float
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]
    calibration_error: float
    calibration_error_before: float
    reliability: list[ReliabilityBin]
    coverage_curve: list[tuple[float, float]]
    coverage: float
    answered_accuracy: float | None


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


class Answer(_Result):
    """What the model said of one test photo: class by probability, calibrated."""

    path: str
    label: str
    probabilities: dict[str, float]


class SourceCount(_Result):
    """One source of photos: photos by class and a fingerprint of the photos' bytes and labels."""

    name: str
    photos: dict[str, int]
    fingerprint: str


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
    answers: list[Answer] = []
    notes: list[Note] = []
    made_with: dict[str, str] = {}
