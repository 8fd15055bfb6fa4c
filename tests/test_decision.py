"""Numbers to answers, by table and by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ecosorter.decision import Thresholds, combine_views, decide, softmax

ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("probabilities", "confidence", "conformal", "label", "best", "reason", "candidates"),
    [
        ((0.9, 0.06, 0.04), 0.8, 0.5, "a", "a", "confident", ("a",)),
        ((0.04, 0.06, 0.9), 0.9, 0.5, "c", "c", "confident", ("c",)),  # reaching it is enough
        ((0.5, 0.3, 0.2), 0.51, 0.5, None, "a", "low_confidence", ("a",)),
        ((0.3, 0.5, 0.2), 0.8, 0.75, None, "b", "low_confidence", ("b", "a")),
        ((0.3, 0.5, 0.2), 0.8, 1.0, None, "b", "low_confidence", ("b", "a", "c")),
        ((0.25, 0.5, 0.25), 0.8, 0.75, None, "b", "low_confidence", ("b", "a", "c")),  # 1 - p == conformal
        ((0.3, 0.5, 0.2), 0.0, 0.0, "b", "b", "confident", ("b",)),  # the best is there whatever the threshold
        ((0.4, 0.4, 0.2), 0.3, 0.6, "a", "a", "confident", ("a", "b")),  # of equals, the earlier class
        ((1.0, 0.0, 0.0), 1.0, 0.0, "a", "a", "confident", ("a",)),
    ],
)
def test_decisions(
    probabilities: tuple[float, ...],
    confidence: float,
    conformal: float,
    label: str | None,
    best: str,
    reason: str,
    candidates: tuple[str, ...],
) -> None:
    decision = decide(np.array(probabilities), ABC, Thresholds(confidence=confidence, conformal=conformal))
    assert (decision.label, decision.best, decision.reason) == (label, best, reason)
    assert decision.candidates == candidates
    assert decision.confidence == max(probabilities)


@pytest.mark.parametrize(
    ("light", "sharp", "reason"),
    [(0.3, -2.0, "confident"), (0.29, 5.0, "no_waste"), (0.9, -2.1, "no_waste"), (0.0, -9.0, "no_waste")],
)
def test_too_little_of_any_signal_is_no_waste(light: float, sharp: float, reason: str) -> None:
    thresholds = Thresholds(confidence=0.5, conformal=0.5, signals={"light": 0.3, "sharp": -2.0})
    decision = decide(np.array([0.9, 0.1]), ("a", "b"), thresholds, {"light": light, "sharp": sharp, "other": 0.0})
    assert decision.reason == reason
    assert decision.label == ("a" if reason == "confident" else None)
    assert decision.best == "a"


@pytest.mark.parametrize("signals", [{}, {"light": float("nan")}])
def test_a_signal_that_is_missing_is_no_answer(signals: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="'light'"):
        decide(np.array([0.9, 0.1]), ("a", "b"), Thresholds(confidence=0, conformal=0, signals={"light": 0}), signals)


unit = st.floats(0, 1)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=9), st.floats(0.05, 20), unit, unit)
def test_every_decision_is_of_one_piece(
    logits: list[float], temperature: float, confidence: float, conformal: float
) -> None:
    classes = [f"class {i}" for i in range(len(logits))]
    (row,) = softmax(np.array([logits], np.float32), temperature)
    decision = decide(row, classes, Thresholds(confidence=confidence, conformal=conformal))
    assert row.sum() == pytest.approx(1)
    assert decision.best == classes[int(np.argmax(row))]
    assert decision.confidence == row.max()
    assert decision.label in (decision.best, None)
    assert (decision.label is None) == (decision.confidence < confidence) == (decision.reason == "low_confidence")
    assert decision.candidates[0] == decision.best
    chosen = [row[classes.index(name)] for name in decision.candidates]
    assert chosen == sorted(chosen, reverse=True)
    assert set(decision.candidates) == {n for n, p in zip(classes, row, strict=True) if 1 - p <= conformal} | {
        decision.best
    }


def test_softmax_by_hand() -> None:
    logits = np.log([[1.0, 2.0, 5.0]]).astype(np.float32)
    np.testing.assert_allclose(softmax(logits, 1), [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-6)
    np.testing.assert_allclose(softmax(logits, 0.5), [[1 / 30, 4 / 30, 25 / 30]], rtol=1e-6)
    assert softmax(logits, 1).dtype == np.float64


def test_a_higher_temperature_makes_less_sure_and_keeps_the_order() -> None:
    logits = np.array([[3.0, 1.0, -2.0], [1000.0, -1000.0, 0.0]])
    cool, warm = softmax(logits, 1), softmax(logits, 3)
    assert (warm.max(axis=1) <= cool.max(axis=1)).all()
    assert warm[0].max() < cool[0].max()
    assert (warm.argsort(axis=1)[0] == cool.argsort(axis=1)[0]).all()


def test_views_are_averaged_where_the_first_is_not_sure() -> None:
    logits = np.array([[[4.0, 0.0], [0.0, 2.0]], [[0.2, 0.0], [0.0, 2.0]]])
    assert combine_views(logits, 1.0, 0.9).tolist() == [[4.0, 0.0], [0.1, 1.0]]
    assert combine_views(logits, 10.0, 0.9).tolist() == combine_views(logits, 1.0, None).tolist() == [[2, 1], [0.1, 1]]


@pytest.mark.parametrize("row", [(0.5, 0.5), (0.2, 0.3, 0.4, 0.1), (0.5, float("nan"), 0.5)])
def test_numbers_that_do_not_fit_are_refused(row: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="probabilit"):
        decide(np.array(row), ABC, Thresholds(confidence=0.5, conformal=0.5))


@pytest.mark.parametrize(
    "fields",
    [{"confidence": 1.1}, {"conformal": -0.1}, {"confidence": float("nan")}, {"first_view": 1.1}, {"x": 1}],
)
def test_thresholds_are_probabilities(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Thresholds(**({"confidence": 0.5, "conformal": 0.5} | fields))
