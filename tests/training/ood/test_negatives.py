import numpy as np
import pytest
from numpy.typing import NDArray

from ecosorter.training.ood.negatives import negatives, sample_terms

Pictures = tuple[NDArray[np.uint8], tuple[str, ...]]


@pytest.fixture(scope="module")
def fit() -> Pictures:
    return negatives("fit", 24, seed=3)


@pytest.fixture(scope="module")
def held_out() -> Pictures:
    return negatives("held-out", 24, seed=3)


def test_pictures_come_as_a_predictor_sees_them_and_the_same_ones_again(fit: Pictures) -> None:
    pixels, kinds = fit
    assert pixels.shape == (400, 24, 24, 3)
    assert pixels.dtype == np.uint8
    assert len(kinds) == 400
    again, same_kinds = negatives("fit", 24, seed=3)
    np.testing.assert_array_equal(pixels, again)
    assert kinds == same_kinds
    assert len(np.unique(pixels.reshape(400, -1), axis=0)) > 395  # no picture comes twice, but black ones


def test_no_photo_and_no_drawing_but_the_blank_ones_is_in_both_parts(fit: Pictures, held_out: Pictures) -> None:
    fit_kinds, held_out_kinds = set(fit[1]), set(held_out[1])
    assert fit_kinds & held_out_kinds == {"dark", "white", "plain", "noise", "blur"}
    assert "cat" in held_out_kinds - fit_kinds
    assert not sample_terms().keys() & fit_kinds & held_out_kinds
    assert sample_terms().keys() <= fit_kinds | held_out_kinds
    fit_pixels, held_out_pixels = fit[0], held_out[0]
    same = (fit_pixels[:, None, ::8, ::8] == held_out_pixels[None, :, ::8, ::8]).all(axis=(2, 3, 4))
    assert not (same & (fit_pixels.std(axis=(1, 2, 3)) > 5)[:, None]).any()


def test_kinds_are_what_they_say(held_out: Pictures) -> None:
    pixels, kinds = held_out
    light = {kind: pixels[[k == kind for k in kinds]].mean() for kind in ("dark", "white")}
    assert light["dark"] < 40
    assert light["white"] > 215
    spread = {kind: pixels[[k == kind for k in kinds]].std(axis=(1, 2)).mean() for kind in ("plain", "cat", "noise")}
    assert spread["plain"] < spread["cat"] < spread["noise"]
