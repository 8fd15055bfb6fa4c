"""The model card: what a bundle was made of, how it was measured, and what it must not be used for."""

from pathlib import Path

from ecosorter.bundle import BundleInfo
from ecosorter.datasets.sources import known_sources
from ecosorter.evaluation.scores import Scores
from ecosorter.rendering import render
from ecosorter.training.results import RunResult


def model_card(info: BundleInfo, result: RunResult, *, attributed: bool = False) -> str:
    """Return the card of a model in Markdown.

    Args:
        info: what the bundle says of itself.
        result: the run that made it.
        attributed: a file beside the card names who made which photo.
    """
    backbone = str(result.recipe["features"]["backbone"])
    return render(
        "ecosorter.training.export",
        "card.md.j2",
        # Of a path its end: whose computer it lay on is nobody's business.
        backbone="/".join(Path(backbone).parts[-2:]) if "/" in backbone else backbone,
        info=info,
        result=result,
        known=known_sources(),
        attributed=attributed,
        row=_row,
        rate=_rate,
        number=_number,
    )


def _row(name: str, scores: Scores) -> str:
    low, high = scores.accuracy_interval
    return (
        f"| {name} | {scores.photos} | {scores.accuracy:.3f} ({low:.3f} to {high:.3f}) | {scores.macro_f1:.3f} "
        f"| {scores.calibration_error:.3f} | {scores.coverage:.2f} | {_number(scores.answered_accuracy)} |"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _rate(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.0f} %"
