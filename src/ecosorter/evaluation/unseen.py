"""The yardstick: how a model does in a place that it has never seen, told from sources that it never saw.

The mean is over sources, not over photos, since a new photo comes from a new place; and only over sources that hold
several classes, since a source of one class is answered right by whoever always says that class.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ecosorter.evaluation.protocols import counting_classes
from ecosorter.evaluation.scores import Scores

_RESAMPLES = 2000


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UnseenSource(_Figures):
    """One source, answered by a model that never saw it. Rates are in 0..1.

    Attributes:
        photos: how many.
        counts: the classes over which it counts in the mean; none when it holds too few (protocols.py).
        macro_recall: over those, else over all that it holds.
        top2_accuracy: share of photos whose class is among the two most probable.
        coverage: share that is answered, with thresholds fitted on other sources.
        answered_accuracy: accuracy of those answers; None where there are none.
        recall: by class.
    """

    photos: int
    counts: tuple[str, ...]
    macro_recall: float
    top2_accuracy: float
    coverage: float
    answered_accuracy: float | None
    recall: dict[str, float]


class Yardstick(_Figures):
    """The mean over the sources that count.

    Attributes:
        sources: how many.
        macro_recall: mean of theirs.
        interval: of that mean, 95 %, by resampling sources (Efron and Tibshirani 1993); None where it would have no
            width, as of a single source.
        top2_accuracy: mean of theirs.
        worst: the least macro recall, of the source `worst_source`.
        coverage: mean of theirs.
        answered_accuracy: mean of theirs, over those that have answers.
    """

    sources: int
    macro_recall: float
    interval: tuple[float, float] | None
    top2_accuracy: float
    worst: float
    worst_source: str
    coverage: float
    answered_accuracy: float | None


class Unseen(_Figures):
    """What was measured on sources that no fitted part of the model ever saw.

    Attributes:
        yardstick: over the sources that count and that choices may look at; None where no source counts.
        aside: the same over those that no choice looks at.
        left_out_together: groups of sources.
        sources: each of them.
    """

    yardstick: Yardstick | None
    aside: Yardstick | None
    left_out_together: tuple[tuple[str, ...], ...]
    sources: dict[str, UnseenSource]


def unseen(
    scores: Mapping[str, Scores], groups: Sequence[Sequence[str]] = (), aside: Iterable[str] = (), seed: int = 0
) -> Unseen:
    """Return the yardstick's figures.

    Args:
        scores: of each source, by a model that never saw it nor those of its group.
        groups: sources that were left out together; without any, all at once.
        aside: sources that no choice looks at.
        seed: draws the resampled sources.
    """
    sources = {name: _source(one) for name, one in scores.items()}
    counting = {name: one for name, one in sources.items() if one.counts}
    kept = set(aside)
    return Unseen(
        yardstick=_yardstick({name: one for name, one in counting.items() if name not in kept}, seed),
        aside=_yardstick({name: one for name, one in counting.items() if name in kept}, seed),
        left_out_together=tuple(tuple(group) for group in groups) or (tuple(scores),),
        sources=sources,
    )


def _source(scores: Scores) -> UnseenSource:
    recall = {name: one.recall for name, one in scores.per_class.items() if one.photos}
    counts = counting_classes({name: one.photos for name, one in scores.per_class.items()})
    return UnseenSource(
        photos=scores.photos,
        counts=counts,
        macro_recall=float(np.mean([recall[name] for name in counts or recall])),
        top2_accuracy=scores.top2_accuracy,
        coverage=scores.coverage,
        answered_accuracy=scores.answered_accuracy,
        recall=recall,
    )


def _yardstick(sources: Mapping[str, UnseenSource], seed: int) -> Yardstick | None:
    if not sources:
        return None
    recalls = np.array([one.macro_recall for one in sources.values()])
    drawn = np.random.default_rng(seed).integers(0, len(recalls), (_RESAMPLES, len(recalls)))
    low, high = np.percentile(recalls[drawn].mean(axis=1), [2.5, 97.5])
    worst = min(sources, key=lambda name: sources[name].macro_recall)
    answered = [one.answered_accuracy for one in sources.values() if one.answered_accuracy is not None]
    return Yardstick(
        sources=len(sources),
        macro_recall=float(recalls.mean()),
        interval=(float(low), float(high)) if low < high else None,
        top2_accuracy=float(np.mean([one.top2_accuracy for one in sources.values()])),
        worst=sources[worst].macro_recall,
        worst_source=worst,
        coverage=float(np.mean([one.coverage for one in sources.values()])),
        answered_accuracy=float(np.mean(answered)) if answered else None,
    )
