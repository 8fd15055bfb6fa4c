"""The report of a run: one HTML file that needs no network, no scripts and no other file.

The cells of the confusion matrix open their photos through the browser's own popovers, so the page works
where scripts are blocked, as in mail and file previews. A content security policy inside the page forbids
scripts and every outside address, whatever a class or a file may be called.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ecosorter.evaluation.scores import ClassScores, LabelledPrediction
from ecosorter.files import write_text
from ecosorter.rendering import render
from ecosorter.texts import Language, class_name, texts
from ecosorter.thumbnails import data_uris
from ecosorter.training.report.answers import best_class, by_cell, confidence, spread, worst_mistakes
from ecosorter.training.report.figures import Figures, Numbers
from ecosorter.training.results import Epoch, RunResult

HITS_A_CELL = 12
MISTAKES_A_CELL = 40
WORST_MISTAKES = 24
SAMPLES_A_CLASS = 12
_LARGE_SIDE = 224  # the worst mistakes are looked at closely


def write_report(path: Path, result: RunResult, *, language: Language = "en", photo_root: Path | None = None) -> None:
    """Write the report of a run as one self-contained HTML file.

    Args:
        path: the file to write; an older one is replaced in one step.
        result: what the run found out. The photos behind `result.answers` are opened and made small; one that
            has disappeared shows a placeholder.
        language: of the words and the numbers.
        photo_root: the folder that relative paths in `result.answers` start from; the current one by default.
            The page shows paths without the folder that they all lie in.
    """
    page = _Page(result, language, photo_root or Path())
    write_text(path, render("ecosorter.training.report", "report.html.j2", **page.context()))


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell of the confusion matrix: how many photos, and those that its popover shows."""

    id: str
    words: str
    photos: int
    heat: float
    hit: bool
    answers: list[LabelledPrediction]
    shown: list[LabelledPrediction]


class _Page:
    """Everything that the template asks for, in one language."""

    def __init__(self, result: RunResult, language: Language, photo_root: Path) -> None:
        self.result, self.language, self.photo_root = result, language, photo_root
        self.common = _common_folder([answer.path for answer in result.answers])
        self.words = texts("report", language)
        self.numbers = Numbers(language)
        self.figures = Figures(self.words, self.numbers)
        self.name = partial(class_name, language=language)
        fits = [fit for fit in (result.fit, result.compared) if fit]
        self.fits = sorted(fits, key=lambda fit: fit.leaky)  # the honest one first

    def context(self) -> dict[str, Any]:
        result, scores = self.result, self.result.fit.scores
        matrix = self._matrix()
        worst = worst_mistakes(result.answers, WORST_MISTAKES)
        samples = {
            label: spread(sorted((a for a in result.answers if a.label == label), key=_path), SAMPLES_A_CLASS)
            for label in scores.classes
        }
        shown = [answer for row in matrix for cell in row["cells"] for answer in cell.shown]
        shown += [answer for answers in samples.values() for answer in answers]
        accuracies = [fold.accuracy for fold in result.folds]
        return {
            "result": result,
            "language": self.language,
            "t": self._text,
            "name": self.name,
            "pct": self.numbers.percent,
            "count": self.numbers.count,
            "best_class": best_class,
            "confidence": confidence,
            "short": self._short,
            "part_name": lambda part: self.words.get(f"part_{part}", part),
            "fit_name": lambda fit: self.words.get(f"fit_{fit.name.replace('-', '_')}", fit.name),
            "most": lambda fit: max([1, *fit.counts_before.values(), *fit.counts_after.values()]),
            "heading": str(result.recipe.get("name") or result.id),
            "created": _moment(result.created),
            "photo_total": sum(sum(source.photos.values()) for source in result.sources),
            "fits": self.fits,
            "honest": not self.fits[0].leaky,
            "gap": self.figures.gap(self.fits) if self.fits[0].leaky != self.fits[-1].leaky else None,
            "gap_points": self._gap_points(),
            "weakest": min(scores.classes, key=lambda label: _recall(scores.per_class[label])),
            "held_out_mean": _mean(one.accuracy for one in result.held_out.values()),
            "unseen": result.unseen() if result.held_out else None,
            "fold_mean": _mean(accuracies),
            "fold_spread": stdev(accuracies) if len(accuracies) > 1 else math.nan,
            "curves": [{"fit": fit, "figures": self.figures.curves(fit)} for fit in self.fits if fit.epochs],
            "epoch_columns": [name for name in Epoch.model_fields if name != "epoch" and self._has(name)],
            "epoch_cell": self._epoch_cell,
            "matrix": matrix,
            "reliability": self.figures.reliability(scores),
            "coverage": self.figures.coverage(scores),
            "worst": worst,
            "mistake_total": sum(best_class(answer) != answer.label for answer in result.answers),
            "samples": {label: answers for label, answers in samples.items() if answers},
            "photos": self._photos(shown),
            "large_photos": self._photos(worst, _LARGE_SIDE),
            "settings": list(_settings(result.recipe)),
        }

    def _text(self, key: str, **fields: str) -> str:
        return self.words[key].format(**fields)

    def _path(self, answer: LabelledPrediction) -> Path:
        return self.photo_root / answer.path

    def _photos(self, answers: Iterable[LabelledPrediction], side: int | None = None) -> dict[str, str]:
        paths = {answer.path: self._path(answer) for answer in answers}
        found = data_uris(paths.values(), side) if side else data_uris(paths.values())
        return {name: found[path] for name, path in paths.items() if path in found}

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self.common) if self.common else path

    def _matrix(self) -> list[dict[str, Any]]:
        scores, cells = self.result.fit.scores, by_cell(self.result.answers)
        rows = []
        for i, true in enumerate(scores.classes):
            row = []
            for j, predicted in enumerate(scores.classes):
                photos, answers = scores.confusion[i][j], cells.get((true, predicted), [])
                key = "cell_right" if i == j else "cell_wrong"
                words = {"true": self.name(true), "predicted": self.name(predicted)}
                row.append(
                    _Cell(
                        id=f"cell-{i}-{j}",
                        words=self._text(key, n=self.numbers.count(photos), **words),
                        photos=photos,
                        # the square root lets a few mistakes among many photos be seen
                        heat=math.sqrt(photos / max(1, sum(scores.confusion[i]))),
                        hit=i == j,
                        answers=answers,
                        shown=spread(answers, HITS_A_CELL) if i == j else answers[:MISTAKES_A_CELL],
                    )
                )
            rows.append({"label": true, "cells": row})
        return rows

    def _gap_points(self) -> str:
        honest, leaky = self.fits[0].scores.accuracy, self.fits[-1].scores.accuracy
        return ("+" if leaky >= honest else "−") + self.numbers.decimal(abs(leaky - honest) * 100, 1)

    def _has(self, column: str) -> bool:
        return any(getattr(epoch, column) is not None for fit in self.fits for epoch in fit.epochs)

    def _epoch_cell(self, epoch: Epoch, column: str) -> str:
        value = getattr(epoch, column)
        if column == "learning_rate":
            return f"{value:.1e}"
        write: Callable[[float | None], str] = self.numbers.decimal
        return (self.numbers.percent if column.endswith("accuracy") else write)(value)


def _settings(recipe: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", json.dumps(value, ensure_ascii=False, default=str)


def _path(answer: LabelledPrediction) -> str:
    return answer.path


def _recall(scores: ClassScores) -> float:
    return scores.recall if scores.photos else math.inf  # a class without photos is not the weakest


def _common_folder(paths: Sequence[str]) -> str:
    """Return the folder that all paths start with, so that a shared report does not tell whose computer made it."""
    try:
        return os.path.commonpath([Path(path).parent for path in paths])
    except ValueError:  # none, or relative and absolute ones, or several drives
        return ""


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return fmean(found) if found else math.nan


def _moment(created: str) -> str:
    try:
        return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return created
