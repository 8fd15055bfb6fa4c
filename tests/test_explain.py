"""The map is drawn where it belongs, smoothly, and the words stand below."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ecosorter.explain import LONGEST_SIDE, overlay
from ecosorter.preprocess import PreprocessSpec

STRETCH = PreprocessSpec(size=8, resize="stretch", mean=(0, 0, 0), std=(1, 1, 1))
CROP = PreprocessSpec(size=8, resize="crop", shorter_side=8, mean=(0, 0, 0), std=(1, 1, 1))
GREY = (128, 128, 128)


def photo(size: tuple[int, int] = (160, 80)) -> Image.Image:
    return Image.new("RGB", size, GREY)


def corner() -> NDArray[np.float32]:
    """Evidence in the top left quarter only."""
    evidence = np.zeros((4, 4), np.float32)
    evidence[:2, :2] = 1
    return evidence


def colour(picture: Image.Image, x: int, y: int) -> NDArray[np.int64]:
    return np.array(picture.getpixel((x, y)), np.int64)


def test_the_evidence_is_bright_where_it_is_and_the_rest_is_the_darker_photo() -> None:
    original = photo()
    picture = overlay(original, corner(), STRETCH)
    assert picture.mode == "RGB"
    assert picture.size == original.size
    red, _, blue = colour(picture, 30, 15)
    assert red > blue + 80
    assert (colour(picture, 150, 70) == round(128 * 0.6)).all()
    assert original.getpixel((30, 15)) == GREY  # unchanged


def test_the_map_is_smooth() -> None:
    """Between the quarter and the rest no step is larger than a map of 4 columns on 160 pixels makes it."""
    picture = np.asarray(overlay(photo(), corner(), STRETCH)).astype(int)
    assert np.abs(np.diff(picture, axis=1)).max() <= 12
    assert len(np.unique(picture[:, :, 0])) > 50


def test_nothing_to_show_is_the_darker_photo() -> None:
    assert overlay(photo(), np.zeros((4, 4), np.float32), STRETCH).getcolors() == [(160 * 80, (77, 77, 77))]


@pytest.mark.parametrize(
    ("size", "inside", "outside"), [((160, 80), (55, 15), (20, 40)), ((80, 160), (15, 55), (40, 20))]
)
def test_with_crop_the_map_lies_in_the_middle_square(
    size: tuple[int, int], inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    picture = overlay(photo(size), corner(), CROP)
    red, _, blue = colour(picture, *inside)
    assert red > blue + 80
    assert (colour(picture, *outside) == 77).all()
    assert (colour(picture, 40, 40) == 250).all()  # the frame


def test_a_zoomed_first_view_is_framed_too() -> None:
    spec = STRETCH.model_copy(update={"zooms": (0.5, 1.0)})
    picture = overlay(photo((160, 160)), np.ones((2, 2), np.float32), spec)
    assert (colour(picture, 40, 80) == 250).all()
    assert (colour(picture, 20, 80) == 77).all()
    assert colour(picture, 80, 80)[0] > 150


def test_large_photos_are_made_smaller_and_small_ones_are_not_made_larger() -> None:
    assert overlay(photo((4000, 1000)), corner(), STRETCH).size == (LONGEST_SIDE, LONGEST_SIDE // 4)
    assert overlay(photo((100, 4000)), corner(), STRETCH, longest_side=400).size == (10, 400)
    assert overlay(photo((3, 2)), corner(), STRETCH).size == (3, 2)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (2, 50)])
@pytest.mark.parametrize("spec", [STRETCH, CROP])
def test_any_shape_of_photo(size: tuple[int, int], spec: PreprocessSpec) -> None:
    assert overlay(photo(size), corner(), spec).size <= (LONGEST_SIDE, LONGEST_SIDE)


def test_words_stand_below_and_are_wrapped() -> None:
    plain = overlay(photo((640, 400)), corner(), STRETCH)
    short = overlay(photo((640, 400)), corner(), STRETCH, ("Plastik (87%)",))
    long = overlay(photo((640, 400)), corner(), STRETCH, ("Plastik (87%)", "kata " * 100))
    assert plain.height < short.height < long.height
    assert np.array_equal(np.asarray(long)[:400], np.asarray(plain))
    strip = np.asarray(long.convert("L"))[400:]
    assert strip.max() > 180  # letters
    assert (strip[:, -5:] < 40).all()  # none runs over the edge


def test_a_narrow_photo_gets_a_strip_that_words_fit_in() -> None:
    picture = overlay(photo((20, 40)), np.zeros((2, 2), np.float32), STRETCH, ("Kaca",))
    assert picture.width == 320
    assert picture.getpixel((160, 20)) == (77, 77, 77)
