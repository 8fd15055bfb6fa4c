import numpy as np

from ecosorter.training.negatives import Part, negatives, sample_terms

PARTS: tuple[Part, Part] = ("fit", "held-out")


def test_pictures_come_as_a_predictor_sees_them_and_the_same_ones_again() -> None:
    pixels, kinds = negatives("fit", 24, seed=3)
    assert pixels.shape == (400, 24, 24, 3)
    assert pixels.dtype == np.uint8
    assert len(kinds) == 400
    again, same_kinds = negatives("fit", 24, seed=3)
    np.testing.assert_array_equal(pixels, again)
    assert kinds == same_kinds
    assert len(np.unique(pixels.reshape(400, -1), axis=0)) > 395  # no picture comes twice, but black ones


def test_no_photo_and_no_drawing_but_the_blank_ones_is_in_both_parts() -> None:
    (fit_pixels, fit), (held_out_pixels, held_out) = (
        (p, set(k)) for p, k in (negatives(part, 24, 0) for part in PARTS)
    )
    assert fit & held_out == {"dark", "white", "plain", "noise", "blur"}
    assert "cat" in held_out - fit
    assert not sample_terms().keys() & fit & held_out
    assert sample_terms().keys() <= fit | held_out
    same = (fit_pixels[:, None, ::8, ::8] == held_out_pixels[None, :, ::8, ::8]).all(axis=(2, 3, 4))
    assert not (same & (fit_pixels.std(axis=(1, 2, 3)) > 5)[:, None]).any()


def test_kinds_are_what_they_say() -> None:
    pixels, kinds = negatives("held-out", 48, seed=0)
    light = {kind: pixels[[k == kind for k in kinds]].mean() for kind in ("dark", "white")}
    assert light["dark"] < 40
    assert light["white"] > 215
    spread = {kind: pixels[[k == kind for k in kinds]].std(axis=(1, 2)).mean() for kind in ("plain", "cat", "noise")}
    assert spread["plain"] < spread["cat"] < spread["noise"]
