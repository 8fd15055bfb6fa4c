"""The charts of a report: which figures of a run are drawn how, in the reader's language."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from ecosorter.evaluation.scores import Scores
from ecosorter.texts import Language
from ecosorter.training.report import charts
from ecosorter.training.results import FitRecord

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers as the reader's language writes them. What is no finite number is a dash."""

    language: Language

    def count(self, value: float) -> str:
        """Return a whole number with its thousands parted."""
        return self._local(f"{value:,.0f}")

    def decimal(self, value: float | None, digits: int = 3) -> str:
        """Return a number with so many digits after the point."""
        return "–" if value is None or not math.isfinite(value) else self._local(f"{value:,.{digits}f}")

    def percent(self, value: float | None, digits: int = 1) -> str:
        """Return a rate in 0..1 as a percentage."""
        return "–" if value is None or not math.isfinite(value) else self._local(f"{value:.{digits}%}")

    def _local(self, english: str) -> str:
        return english.translate(str.maketrans(",.", ".,")) if self.language == "id" else english


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with what stands beside it: the key of its heading, and its lines for the legend."""

    key: str
    lines: Sequence[charts.Series]
    svg: Markup


@dataclass(frozen=True, slots=True)
class Figures:
    """Draws the charts of a run with the given words (texts/report.toml) and numbers."""

    words: Mapping[str, str]
    numbers: Numbers

    def gap(self, fits: Sequence[FitRecord]) -> Markup:
        """Return the accuracies of honest and leaky fits on one scale, with their intervals."""
        rows = []
        for fit in fits:
            kind, accuracy = "leaky" if fit.leaky else "honest", fit.scores.accuracy
            label = f"{self.words[kind]} {self.numbers.percent(accuracy)}"
            rows.append(charts.Interval(label, accuracy, *fit.scores.accuracy_interval, kind=kind))
        label = ", ".join(row.label for row in rows)
        return charts.interval_chart(rows, label=label, x=self._rate("accuracy"))

    def curves(self, fit: FitRecord) -> list[Figure]:
        """Return the learning curves of one fit: loss and accuracy on each part that has any."""
        last, kept = max(epoch.epoch for epoch in fit.epochs) + 1, fit.best_epoch + 1
        x = charts.Axis(self.words["epoch"], _whole, (1, last) if last > 1 else None)
        mark = charts.Mark(self.words["kept"].format(n=self.numbers.count(kept)), kept)
        loss = charts.Axis(self.words["loss"], partial(self.numbers.decimal, digits=2))
        figures = []
        for measure, y in (("loss", loss), ("accuracy", self._rate("accuracy"))):
            lines = []
            for part in _PARTS:
                values = [getattr(epoch, f"{part}_{measure}") for epoch in fit.epochs]
                points = [
                    (epoch.epoch + 1.0, math.nan if value is None else value)
                    for epoch, value in zip(fit.epochs, values, strict=True)
                ]
                if any(math.isfinite(value) for _, value in points):
                    lines.append(charts.Series(self.words[f"part_{part}"], points, part))
            ends = (f"{one.name} {y.format(one.points[0][1])} → {y.format(one.points[-1][1])}" for one in lines)
            svg = charts.line_chart(lines, label=f"{y.name}: {'; '.join(ends)}", x=x, y=y, marks=[mark])
            figures.append(Figure(measure, lines, svg))
        return figures

    def reliability(self, scores: Scores) -> Markup:
        """Return the reliability diagram."""
        bins = [(one.confidence, one.accuracy, one.photos) for one in scores.reliability]
        x, y = self._rate("confidence", (0, 1)), self._rate("accuracy", (0, 1))
        return charts.reliability_chart(bins, label=self.words["reliability"], x=x, y=y, tip=self._bin_words)

    def coverage(self, scores: Scores) -> Markup:
        """Return the accuracy for every share of answered photos, with the model's own threshold marked."""
        low = min([0.9, *(accuracy for _, accuracy in scores.coverage_curve if math.isfinite(accuracy))])
        threshold = charts.Mark(self.words["threshold"], scores.coverage, scores.answered_accuracy)
        return charts.line_chart(
            [charts.Series(self.words["accuracy"], scores.coverage_curve, "test")],
            label=self.words["coverage_curve"],
            x=self._rate("coverage", (0, 1)),
            y=self._rate("accuracy", (max(0.0, math.floor(low * 10 - 0.01) / 10), 1)),
            marks=[threshold] if scores.answered_accuracy is not None else [],
            height=300.0,
        )

    def _rate(self, key: str, span: tuple[float, float] | None = None) -> charts.Axis:
        return charts.Axis(self.words[key], partial(self.numbers.percent, digits=0), span)

    def _bin_words(self, confidence: float, accuracy: float, photos: int) -> str:
        rates = {"confidence": self.numbers.percent(confidence), "accuracy": self.numbers.percent(accuracy)}
        return self.words["tip"].format(n=self.numbers.count(photos), **rates)


def _whole(value: float) -> str:
    return str(round(value)) if value == round(value) else ""
