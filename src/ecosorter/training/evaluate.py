"""Measure a model on photos that it has not seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecosorter.classifier import Classifier
from ecosorter.decision import Thresholds, softmax
from ecosorter.errors import DatasetError
from ecosorter.training.dataset import Dataset
from ecosorter.training.progress import Advance
from ecosorter.training.results import Answer, ClassScores, ReliabilityBin, Scores
from ecosorter.training.split import Groups, number_groups

_BINS = 15  # as Guo et al. 2017
_CURVE_POINTS = 50
_SMALLEST = float(np.finfo(np.float64).tiny)  # a probability that came out as 0 has a logarithm too


class Failure(BaseModel):
    """A photo that could not be classified: its status and the reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    status: str
    error: str


class ItemRecall(BaseModel):
    """How a model did on the photos of one item: how many, and the share in which it found the class, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    photos: int
    recall: float


class Evaluation(BaseModel):
    """How a bundle did on photos.

    Attributes:
        scores: on all photos that could be read.
        by_source: the same by source of the photos.
        by_item: by the item that the photos show, where a manifest says so; the most photos first.
        answers: one for each photo that could be read, in order.
        failed: the photos that could not.
        learnt_from: sources of the photos that bear the name of one that the model learnt from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scores: Scores
    by_source: dict[str, Scores]
    by_item: dict[str, ItemRecall] = {}
    answers: list[Answer]
    failed: list[Failure]
    learnt_from: list[str]


def evaluate_bundle(classifier: Classifier, dataset: Dataset, advance: Advance = lambda _: None) -> Evaluation:
    """Classify every photo of a data set and compare with its label.

    Args:
        classifier: a loaded bundle; its temperature and thresholds are measured too.
        dataset: photos whose classes the bundle knows; it may lack some of the bundle's.
        advance: called with 1 after each photo.

    Raises:
        DatasetError: a class that the bundle does not know, or no photo that can be read.
    """
    info = classifier.bundle.info
    unknown = sorted(set(dataset.classes) - set(info.classes))
    if unknown:
        raise DatasetError(
            f"The model '{info.name}' does not know the class(es) {', '.join(unknown)}; it knows "
            f"{', '.join(info.classes)}. Leave those photos out, or map their names with a manifest."
        )
    pairs = []
    for pair in zip(dataset.rows, classifier.stream(row.path for row in dataset.rows), strict=True):
        pairs.append(pair)
        advance(1)
    failed = [Failure(path=p.path, status=p.status, error=p.error) for _, p in pairs if p.status != "ok"]
    read = [(row, p) for row, p in pairs if p.status == "ok"]
    if not read:
        raise DatasetError(f"None of the {len(pairs)} photos can be read: {failed[0].error if failed else 'no photo'}")

    probabilities = np.array([[p.probabilities[name] for name in info.classes] for _, p in read])
    # What the bundle tells are softmax(logits / temperature): up to a constant, which softmax ignores, these are
    # the logits.
    logits = np.log(np.maximum(probabilities, _SMALLEST)) * info.temperature
    labels = np.array([info.classes.index(row.label) for row, _ in read], dtype=np.int64)
    groups = [row.group and f"{row.source}\0{row.group}" for row, _ in read]  # a group's name is that of its source

    def score_rows(rows: NDArray[np.int64]) -> Scores:
        return score(
            logits[rows],
            labels[rows],
            info.classes,
            temperature=info.temperature,
            thresholds=info.thresholds,
            groups=[groups[i] for i in rows],
        )

    sources = np.array([row.source for row, _ in read])
    return Evaluation(
        scores=score_rows(np.arange(len(read))),
        by_source={str(name): score_rows(np.flatnonzero(sources == name)) for name in np.unique(sources)},
        by_item=_by_item([(row.item, row.label, p.best) for row, p in read]),
        answers=[Answer(path=p.path, label=row.label, probabilities=p.probabilities) for row, p in read],
        failed=failed,
        learnt_from=sorted({row.source for row in dataset.rows} & {source.name for source in info.data}),
    )


def _by_item(answers: Sequence[tuple[str, str, str | None]]) -> dict[str, ItemRecall]:
    """Count by item: (item, class, the class that was found) of each photo; those without an item are left out."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for item, label, best in answers:
        if item:
            found.setdefault(item, []).append((label, best == label))
    by_photos = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {
        item: ItemRecall(label=rows[0][0], photos=len(rows), recall=sum(right for _, right in rows) / len(rows))
        for item, rows in by_photos
    }


def score(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    *,
    temperature: float,
    thresholds: Thresholds,
    groups: Groups | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Scores:
    """Return every figure about a model's answers to some photos.

    Macro-F1 and macro recall are means over the classes that the photos have: a class without photos can be
    neither found nor missed.

    Args:
        logits: ``[n, classes]``, not yet divided by the temperature.
        labels: ``[n]`` indices into `classes`.
        classes: names, in the order of the logits.
        temperature: the model's.
        thresholds: the model's; only the confidence threshold is measured.
        groups: ``[n]`` object that each photo shows, as for `split.split_rows`. The interval of the accuracy is
            then drawn over objects: photos of one object are right or wrong together.
        seed: draws the bootstrap samples.
        resamples: number of bootstrap samples.

    Raises:
        DatasetError: there are no photos.
    """
    if len(labels) == 0:
        raise DatasetError("There is no photo to measure the model on.")
    probabilities = softmax(logits, temperature)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    right = predicted == labels
    bins = _reliability(confidence, right)

    k = len(classes)
    confusion = np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k)
    hits, photos, answers = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision = hits / np.maximum(answers, 1)
    recall = hits / np.maximum(photos, 1)
    f1 = 2 * hits / np.maximum(photos + answers, 1)
    present = photos > 0

    answered = confidence >= thresholds.confidence
    return Scores(
        photos=len(labels),
        classes=tuple(classes),
        loss=-float(np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _SMALLEST)).mean()),
        accuracy=float(right.mean()),
        accuracy_interval=_accuracy_interval(right, groups, seed, resamples),
        macro_f1=float(f1[present].mean()),
        macro_recall=float(recall[present].mean()),
        per_class={
            name: ClassScores(
                precision=float(precision[i]), recall=float(recall[i]), f1=float(f1[i]), photos=int(photos[i])
            )
            for i, name in enumerate(classes)
        },
        confusion=confusion.tolist(),
        calibration_error=_calibration_error(bins),
        calibration_error_before=_calibration_error(_reliability(softmax(logits, 1.0).max(axis=1), right)),
        reliability=bins,
        coverage_curve=_coverage_curve(confidence, right),
        coverage=float(answered.mean()),
        answered_accuracy=float(right[answered].mean()) if answered.any() else None,
    )


def _accuracy_interval(
    right: NDArray[np.bool_], groups: Groups | None, seed: int, resamples: int
) -> tuple[float, float]:
    """95 % percentile bootstrap (Efron and Tibshirani 1993, chapter 13), over groups (a cluster bootstrap)."""
    group_of = np.arange(len(right)) if groups is None else number_groups(groups)
    photos = np.bincount(group_of)
    hits = np.bincount(group_of, weights=right)
    random = np.random.default_rng(seed)
    accuracies = np.empty(resamples)
    for i in range(resamples):  # one at a time: memory stays that of one sample, for any number of photos
        drawn = random.integers(0, len(photos), len(photos))
        accuracies[i] = hits[drawn].sum() / photos[drawn].sum()
    low, high = np.percentile(accuracies, [2.5, 97.5])
    return float(low), float(high)


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Return the non-empty ones of 15 equally wide bins of confidence, each open below and closed above."""
    bins = np.clip(np.ceil(confidence * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
    photos = np.bincount(bins, minlength=_BINS)
    sure = np.bincount(bins, weights=confidence, minlength=_BINS)
    hits = np.bincount(bins, weights=right, minlength=_BINS)
    return [
        ReliabilityBin(confidence=sure[b] / photos[b], accuracy=hits[b] / photos[b], photos=int(photos[b]))
        for b in np.flatnonzero(photos)
    ]


def _calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: Guo et al. 2017, equation 3."""
    return sum(b.photos * abs(b.accuracy - b.confidence) for b in bins) / sum(b.photos for b in bins)


def _coverage_curve(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return at most 50 points (share answered, accuracy on those), one for thresholds from high to low."""
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    # A threshold cannot part photos of equal confidence: a point stands after the last of them.
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, _CURVE_POINTS).round().astype(np.int64))]
    hits = np.cumsum(right[order])[ends]
    return [(float((end + 1) / len(right)), float(hit / (end + 1))) for end, hit in zip(ends, hits, strict=True)]
