import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ecosorter.training.ood.signals import (
    NAMES,
    Signals,
    detail,
    fit_least,
    fit_signals,
    out_of_fold,
    signals_graph,
)

Floats = NDArray[np.float32]


def features(number: int, centre: int, seed: int) -> Floats:
    """Features of 10 numbers, at least 0, around one of the axes."""
    random = np.random.default_rng(seed)
    values = random.uniform(0, 0.4, (number, 10))
    values[:, centre] += 1
    return values.astype(np.float32)


PHOTOS = np.concatenate([features(60, 0, 0), features(30, 1, 1)])
LABELS = np.repeat([0, 1], [60, 30])
SOURCES = ["a"] * 40 + ["b"] * 20 + ["c"] * 30
NEGATIVES = features(50, 5, 2)
KINDS = ["x"] * 25 + ["y"] * 25


@pytest.fixture(scope="module")
def signals() -> Signals:
    return fit_signals(PHOTOS, LABELS, SOURCES, NEGATIVES, directions=2)


def test_both_scores_fall_on_what_was_never_seen(signals: Signals) -> None:
    np.testing.assert_allclose(signals.directions @ signals.directions.T, np.eye(2), atol=1e-5)
    waste = signals.of_features(features(40, 0, 7))
    nothing = signals.of_features(features(40, 5, 8))
    assert (nothing.max(axis=0) < waste.min(axis=0)).all()
    elsewhere = signals.of_features(features(40, 8, 9))  # like no picture that it was fitted with
    assert elsewhere[:, 0].max() < waste[:, 0].min()


def test_features_that_are_just_the_mean_are_not_familiar(signals: Signals) -> None:
    assert signals.of_features(signals.mean[None])[0, 0] == 0


def test_detail_is_low_in_the_dark_on_a_wall_and_out_of_focus() -> None:
    random = np.random.default_rng(0)
    sharp = random.integers(0, 256, (64, 64, 3), np.uint8)
    blurred = np.array(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(4)))
    small = np.full((64, 64, 3), 200, np.uint8)
    small[8:20, 8:20] = sharp[8:20, 8:20]
    found = detail(np.stack([sharp, small, blurred, sharp // 64, np.full_like(sharp, 90)]))
    assert found[0] > found[1] > 50  # a small item on a plain floor has detail too
    assert (found[2:] < 10).all()
    assert found[4] == 0


def test_detail_is_the_mean_difference_between_neighbours() -> None:
    stripes = np.zeros((1, 17, 17, 3), np.uint8)
    stripes[:, :, ::2] = 30
    assert detail(stripes) == pytest.approx([30])


@pytest.mark.parametrize("side", [17, 24, 64])
def test_the_graph_gives_the_same_numbers(signals: Signals, side: int) -> None:
    model = signals_graph(signals, side)
    onnx.checker.check_model(model, full_check=True)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (5, side, side, 3), np.uint8)
    pooled = np.concatenate([features(4, 2, 5), np.zeros((1, 10), np.float32)])
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(
        ["signals"], {"pixels": pixels, "pooled": pooled}
    )
    assert found.shape == (5, len(NAMES))
    np.testing.assert_allclose(found, np.column_stack([signals.of_features(pooled), detail(pixels)]), rtol=1e-4)


def test_out_of_fold_values_come_from_signals_that_saw_neither_source_nor_kind() -> None:
    photos, negatives = out_of_fold(PHOTOS, LABELS, SOURCES, NEGATIVES, KINDS, folds=2, seed=0)
    assert photos.shape == (90, 2)
    assert negatives.shape == (50, 2)
    seen = fit_signals(PHOTOS, LABELS, SOURCES, NEGATIVES).of_features(PHOTOS)
    assert photos[60:, 0].mean() < seen[60:, 0].mean()  # c alone shows class 1: it was new to its fold


class TestLeast:
    def test_the_share_is_spent_on_the_signal_that_refuses_most(self) -> None:
        random = np.random.default_rng(0)
        values = random.normal(0, 1, (1000, 2)).astype(np.float32)
        negatives = np.column_stack([random.normal(0, 1, 300), random.normal(-4, 1, 300)]).astype(np.float32)
        least = fit_least(values, ["a"] * 1000, negatives, share=0.04)
        assert 0.03 < (values < least).any(axis=1).mean() <= 0.04
        assert (values[:, 0] < least[0]).mean() < 0.005
        assert (negatives < least).any(axis=1).mean() > 0.95

    def test_the_share_is_a_mean_over_sources(self) -> None:
        values = np.concatenate([np.zeros((10, 1)), np.ones((990, 1))]).astype(np.float32)
        negatives = np.full((5, 1), 0.5, np.float32)
        one = fit_least(values, ["a"] * 1000, negatives, share=0.04)
        assert one == (1,)
        small_source = fit_least(values, ["small"] * 10 + ["large"] * 990, negatives, share=0.04)
        assert small_source == (0,)

    def test_nothing_is_refused_where_nothing_may_be(self) -> None:
        values = np.arange(10, dtype=np.float32)[:, None]
        assert fit_least(values, ["a"] * 10, np.full((3, 1), 5, np.float32), share=0) == (0,)
