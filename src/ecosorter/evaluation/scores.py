"""How well a model did, as data: what is computed by metrics.py and read by reports, trackers and bundles."""

from pydantic import BaseModel, ConfigDict


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
        accuracy_interval: 95 % interval of the accuracy: bootstrap over objects, exact where all of them agree.
        top2_accuracy: share of photos whose class is among the two most probable.
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
    top2_accuracy: float
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


class LabelledPrediction(_Result):
    """What a model said of one photo whose class is known: class by probability, calibrated."""

    path: str
    label: str
    probabilities: dict[str, float]


class FirstView(_Result):
    """What it brings that a sure first view answers alone: means over places, 0..1.

    Attributes:
        share: of the photos that are answered so.
        changed: share of the photos that get another class than by all their views.
    """

    share: float
    changed: float
