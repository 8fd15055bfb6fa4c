"""The yardstick: a mean over sources of several classes, told apart from those that no choice looks at."""

import numpy as np
import pytest

from ecosorter.decision import Thresholds
from ecosorter.evaluation.metrics import score
from ecosorter.evaluation.scores import Scores
from ecosorter.evaluation.unseen import unseen

CLASSES = ("kaca", "kertas", "logam", "organik")


def source(photos: dict[str, int], right: dict[str, int]) -> Scores:
    """Score answers: of each class some are right; the others are taken for the next class, with the truth second."""
    labels, logits = [], []
    for number, name in enumerate(CLASSES):
        for place in range(photos.get(name, 0)):
            row = np.zeros(len(CLASSES), np.float32)
            row[number] = 2
            if place >= right.get(name, 0):
                row[(number + 1) % len(CLASSES)] = 3
            labels.append(number)
            logits.append(row)
    return score(
        np.stack(logits),
        np.array(labels),
        CLASSES,
        temperature=1.0,
        thresholds=Thresholds(confidence=0.6, conformal=1),
        resamples=2,
    )


ALL = dict.fromkeys(CLASSES, 10)


def test_a_source_of_few_classes_stands_in_the_table_and_counts_in_nothing_else() -> None:
    fruit = source({"organik": 50}, {"organik": 50})
    kitchen = source(ALL, {"kaca": 5, "kertas": 10, "logam": 10, "organik": 10})
    found = unseen({"fruit": fruit, "kitchen": kitchen})
    assert found.sources["fruit"].counts == ()
    assert found.sources["fruit"].macro_recall == 1
    assert found.yardstick is not None
    assert (found.yardstick.sources, found.yardstick.worst_source) == (1, "kitchen")
    assert found.yardstick.macro_recall == pytest.approx(0.875)
    assert found.yardstick.interval is None  # of one source it would have no width


def test_classes_of_few_photos_do_not_count_in_a_source() -> None:
    found = unseen({"kitchen": source({**ALL, "kaca": 4}, {"kertas": 10, "logam": 10, "organik": 10})})
    assert found.sources["kitchen"].counts == ("kertas", "logam", "organik")
    assert found.sources["kitchen"].macro_recall == 1
    assert found.sources["kitchen"].recall["kaca"] == 0


def test_the_figures_are_means_over_sources_and_the_interval_resamples_them() -> None:
    good = source(ALL, ALL)
    bad = source(dict.fromkeys(CLASSES, 100), {"kaca": 100})  # ten times the photos count no more
    found = unseen({"good": good, "bad": bad}).yardstick
    assert found is not None
    assert found.macro_recall == pytest.approx((1 + 0.25) / 2)
    assert (found.worst, found.worst_source) == (0.25, "bad")
    assert found.interval == pytest.approx((0.25, 1.0))
    assert found.top2_accuracy == 1  # what is wrong has the truth second
    assert found.coverage == pytest.approx(1)
    assert found.answered_accuracy == pytest.approx((1 + 0.25) / 2)


def test_sources_set_aside_are_told_apart() -> None:
    scores = {"a": source(ALL, ALL), "b": source(ALL, {}), "c": source(ALL, ALL)}
    found = unseen(scores, [("a", "b"), ("c",)], aside=["b"])
    assert found.aside is not None
    assert found.yardstick is not None
    assert (found.aside.sources, found.aside.macro_recall) == (1, 0)
    assert (found.yardstick.sources, found.yardstick.macro_recall) == (2, 1)
    assert found.left_out_together == (("a", "b"), ("c",))


def test_without_sources_that_count_there_is_no_mean() -> None:
    found = unseen({"fruit": source({"organik": 9}, {})})
    assert found.yardstick is None
    assert found.aside is None
    assert found.left_out_together == (("fruit",),)
