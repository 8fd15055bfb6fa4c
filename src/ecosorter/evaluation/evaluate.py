"""Measure a bundle on photos that it has not seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecosorter.classifier import Classifier
from ecosorter.datasets.dataset import Dataset
from ecosorter.errors import DatasetError
from ecosorter.evaluation.metrics import SMALLEST, score
from ecosorter.evaluation.scores import LabelledPrediction, Scores
from ecosorter.progress import Advance


class FailedPhoto(BaseModel):
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
    answers: list[LabelledPrediction]
    failed: list[FailedPhoto]
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
    failed = [FailedPhoto(path=p.path, status=p.status, error=p.error) for _, p in pairs if p.status != "ok"]
    read = [(row, p) for row, p in pairs if p.status == "ok"]
    if not read:
        raise DatasetError(f"None of the {len(pairs)} photos can be read: {failed[0].error if failed else 'no photo'}")

    probabilities = np.array([[p.probabilities[name] for name in info.classes] for _, p in read])
    # What the bundle tells are softmax(logits / temperature): up to a constant, which softmax ignores, these are
    # the logits.
    logits = np.log(np.maximum(probabilities, SMALLEST)) * info.temperature
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
        answers=[LabelledPrediction(path=p.path, label=row.label, probabilities=p.probabilities) for row, p in read],
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
