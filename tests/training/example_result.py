"""A whole RunResult for the tests of what reads one: figures computed from made-up answers."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ecosorter.datasets.photoset import SourceCount
from ecosorter.evaluation.scores import ClassScores, LabelledPrediction, ReliabilityBin, Scores
from ecosorter.texts.note import Note
from ecosorter.training.results import Epoch, FitRecord, RunResult


def answer_photos(
    photos: Sequence[tuple[Path, str]], classes: Sequence[str], sharpness: float = 3.2, seed: int = 7
) -> list[LabelledPrediction]:
    """Make up an answer for each (path, true class): mostly right, some wrong and sure of it."""
    rng = np.random.default_rng(seed)
    answers = []
    for path, label in photos:
        logits = rng.normal(0, 1.35, len(classes))
        logits[list(classes).index(label)] += sharpness
        shares = np.exp(logits) / np.exp(logits).sum()
        answers.append(
            LabelledPrediction(
                path=str(path), label=label, probabilities=dict(zip(classes, shares.tolist(), strict=True))
            )
        )
    return answers


def scores_of(answers: Sequence[LabelledPrediction], classes: Sequence[str]) -> Scores:
    """Compute what the report shows from the answers."""
    table = np.array([[answer.probabilities[label] for label in classes] for answer in answers])
    true = np.array([list(classes).index(answer.label) for answer in answers])
    said, sure = table.argmax(axis=1), table.max(axis=1)
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (true, said), 1)
    hits = np.diag(confusion)
    recall = hits / np.maximum(1, confusion.sum(axis=1))
    precision = hits / np.maximum(1, confusion.sum(axis=0))
    f1 = 2 * precision * recall / np.maximum(1e-9, precision + recall)
    right = said == true
    order = np.argsort(-sure)
    running = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    places = np.clip((sure * 10).astype(int), 0, 9)
    bins = [
        ReliabilityBin(
            confidence=float(sure[places == b].mean()),
            accuracy=float(right[places == b].mean()),
            photos=int((places == b).sum()),
        )
        for b in range(10)
        if (places == b).any()
    ]
    accuracy = float(right.mean())
    margin = 1.96 * math.sqrt(accuracy * (1 - accuracy) / len(right))
    answered = sure >= 0.6
    return Scores(
        photos=len(right),
        classes=tuple(classes),
        loss=float(-np.log(table[np.arange(len(true)), true]).mean()),
        accuracy=accuracy,
        accuracy_interval=(accuracy - margin, min(1.0, accuracy + margin)),
        top2_accuracy=float((np.argsort(-table, axis=1)[:, :2] == true[:, None]).any(axis=1).mean()),
        macro_f1=float(f1.mean()),
        macro_recall=float(recall.mean()),
        per_class={
            label: ClassScores(
                precision=float(precision[i]),
                recall=float(recall[i]),
                f1=float(f1[i]),
                photos=int(confusion[i].sum()),
            )
            for i, label in enumerate(classes)
        },
        confusion=confusion.tolist(),
        calibration_error=0.021,
        calibration_error_before=0.067,
        reliability=bins,
        coverage_curve=[((i + 1) / len(right), float(value)) for i, value in enumerate(running)],
        coverage=float(answered.mean()),
        answered_accuracy=float(right[answered].mean()) if answered.any() else None,
    )


def fit_record(
    name: str, scores: Scores, counts: Mapping[str, int], *, epochs: int = 50, validation: bool = True
) -> FitRecord:
    """Return a fit with plausible learning curves that end at the scores."""
    leaky = name == "before-split"
    rng = np.random.default_rng(len(name))
    history = []
    for epoch in range(epochs):
        way = 1 - math.exp(-4 * (epoch + 1) / epochs)
        noise = rng.normal(0, 0.006, 4)
        history.append(
            Epoch(
                epoch=epoch,
                train_loss=1.7 - 1.45 * way + noise[0],
                train_accuracy=0.3 + 0.66 * way + noise[1],
                validation_loss=1.75 - 1.2 * way + 3 * noise[2] if validation else None,
                validation_accuracy=0.29 + (scores.accuracy - 0.3) * way + 2 * noise[3] if validation else None,
                test_loss=1.74 - 1.2 * way + 2 * noise[3],
                test_accuracy=0.3 + (scores.accuracy - 0.3) * way + noise[2],
                learning_rate=1e-4,
            )
        )
    most = max(counts.values())
    return FitRecord(
        name=name,
        leaky=leaky,
        counts_before=dict(counts),
        counts_after=dict.fromkeys(counts, most) if name != "no-balance" else dict(counts),
        epochs=history,
        best_epoch=epochs - 1 - epochs // 8,
        scores=scores,
    )


def example_result(
    photos: Sequence[tuple[Path, str]], classes: Sequence[str], *, epochs: int = 50, rich: bool = True
) -> RunResult:
    """Return a whole run over the given test photos.

    Args:
        photos: (path, true class) of each photo of the test part.
        classes: class names in order.
        epochs: of each fit.
        rich: also held-out sources, folds and the leaky fit beside the honest one.
    """
    answers = answer_photos(photos, classes)
    scores = scores_of(answers, classes)
    leaky = scores_of(answer_photos(photos, classes, sharpness=4.0), classes)
    far = scores_of(answer_photos(photos, classes, sharpness=1.2, seed=2), classes)
    counts = {label: 4 * sum(one == label for _, one in photos) for label in classes}
    return RunResult(
        id="20260301-1405-resnet18-smote",
        created="2026-03-01T14:05:09+00:00",
        classes=tuple(classes),
        protocol="holdout",
        recipe={
            "evaluation": {"protocol": "holdout", "aside": []},
            "name": "resnet18-smote",
            "backbone": {"name": "resnet18", "output": "pooled"},
            "balance": {"method": "smote", "when": "after-split", "neighbours": 5},
            "head": {"layers": [512, 256], "dropout": 0.5},
            "train": {"learning_rate": 1e-4, "batch": 64, "epochs": epochs, "seed": 42},
        },
        sources=[
            SourceCount(name="trashnet", photos={k: v + v // 4 for k, v in counts.items()}, fingerprint="9f2c" * 16),
            SourceCount(name="siscer", photos=dict.fromkeys(list(classes)[:3], 12), fingerprint="07ab" * 16),
        ],
        split={"train": sum(counts.values()), "validation": 0, "test": len(photos)},
        fit=fit_record("after-split", scores, counts, epochs=epochs, validation=False),
        compared=fit_record("before-split", leaky, counts, epochs=epochs, validation=False) if rich else None,
        held_out={"kitchen-bangladesh": far, "nepal-bottles": far} if rich else {},
        folds=[scores_of(answer_photos(photos, classes, seed=seed), classes) for seed in range(5)] if rich else [],
        answers=answers,
        notes=[Note(key="leak", values={"made": 12, "rows": 60})] if rich else [],
        made_with={"ecosorter": "0.1.0", "torch": "2.13.0+cpu", "python": "3.11.7"},
    )
