"""A taught model grows more careful, never bolder."""

import numpy as np
import pytest

from ecosorter.decision import Thresholds, softmax
from ecosorter.teaching.recalibrate import match_confidence, recalibrate


def test_match_confidence() -> None:
    logits = np.random.default_rng(0).normal(size=(200, 4)) * 3
    for temperature in (0.5, 1, 3):
        wanted = float(softmax(logits, temperature).max(axis=1).mean())
        assert match_confidence(logits, wanted) == pytest.approx(temperature, rel=1e-3)
    assert match_confidence(logits, 1.0) == pytest.approx(0.05)
    assert match_confidence(logits, 0.1) == pytest.approx(20)


def test_own_photos_that_it_gets_wrong_make_it_careful() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 200)
    sure = np.eye(3)[labels] * 8
    wrong = np.eye(3)[(labels[:40] + 1) % 3] * 8
    thresholds = Thresholds(confidence=0.3, conformal=0.2, first_view=0.7)
    calm, careful = (
        recalibrate(1.0, thresholds, sure, sure, labels, own, labels[:40])
        for own in (sure[:40], np.vstack([sure[:20], wrong[20:]]))
    )
    assert careful[0] > calm[0] >= 1.0
    assert careful[1].conformal > calm[1].conformal >= 0.2
    assert careful[1].first_view == 0.7
