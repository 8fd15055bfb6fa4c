"""The model card: what a bundle was made of, how it was measured, and what it must not be used for."""

from ecosorter.bundle import BundleInfo
from ecosorter.evaluation.scores import Scores
from ecosorter.rendering import render
from ecosorter.training.results import RunResult


def model_card(info: BundleInfo, result: RunResult) -> str:
    """Return the card of a model in Markdown.

    Args:
        info: what the bundle says of itself.
        result: the run that made it.
    """
    return render("ecosorter.training.export", "card.md.j2", info=info, result=result, row=_row)


def _row(name: str, scores: Scores) -> str:
    low, high = scores.accuracy_interval
    answered = "-" if scores.answered_accuracy is None else f"{scores.answered_accuracy:.3f}"
    return (
        f"| {name} | {scores.photos} | {scores.accuracy:.3f} ({low:.3f} to {high:.3f}) | {scores.macro_f1:.3f} "
        f"| {scores.calibration_error:.3f} | {scores.coverage:.2f} | {answered} |"
    )
