"""Looking through a run's answers: which photos stand behind a cell, and which went most wrong."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ecosorter.evaluation.scores import LabelledPrediction


def best_class(answer: LabelledPrediction) -> str:
    """Return the most probable class; of equal ones the first."""
    return max(answer.probabilities, key=answer.probabilities.__getitem__)


def confidence(answer: LabelledPrediction) -> float:
    """Return the probability of the most probable class, in 0..1."""
    return answer.probabilities[best_class(answer)]


def surest_first(answers: Iterable[LabelledPrediction]) -> list[LabelledPrediction]:
    """Return the answers from the most to the least confident; equal ones by path."""
    return sorted(answers, key=lambda answer: (-confidence(answer), answer.path))


def by_cell(answers: Iterable[LabelledPrediction]) -> dict[tuple[str, str], list[LabelledPrediction]]:
    """Return the answers behind each cell of the confusion matrix.

    Returns:
        Answers by (true class, predicted class), surest first. Empty cells are not in it.
    """
    cells: defaultdict[tuple[str, str], list[LabelledPrediction]] = defaultdict(list)
    for answer in surest_first(answers):
        cells[answer.label, best_class(answer)].append(answer)
    return dict(cells)


def worst_mistakes(answers: Iterable[LabelledPrediction], limit: int) -> list[LabelledPrediction]:
    """Return at most `limit` wrong answers, the most confident first."""
    return surest_first(answer for answer in answers if best_class(answer) != answer.label)[:limit]


def spread(answers: Sequence[LabelledPrediction], limit: int) -> list[LabelledPrediction]:
    """Return at most `limit` answers taken at even steps, so that a burst of one object does not fill them."""
    if len(answers) <= limit:
        return list(answers)
    return [answers[index * len(answers) // limit] for index in range(limit)]
