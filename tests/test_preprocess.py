"""The one rule from a photo to a model's pixels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from ecosorter.errors import PhotoMissing
from ecosorter.photos import open_photo
from ecosorter.preprocess import PreprocessSpec, decode_pixels, decode_views, to_pixels
from tests.tiny import encoded

FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "box")


def spec(**fields: Any) -> PreprocessSpec:
    return PreprocessSpec(**({"size": 8, "resize": "stretch", "mean": (0, 0, 0), "std": (1, 1, 1)} | fields))


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("interpolation", FILTERS)
def test_stretch_is_pillows_resize(interpolation: str) -> None:
    image = noise(31, 17)
    expected = np.asarray(image.resize((8, 8), Image.Resampling[interpolation.upper()]))
    pixels = to_pixels(image, spec(interpolation=interpolation))
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("width", "height", "shorter_side", "size", "scaled", "offset"),
    [  # by hand, from the rule in the docstring
        (300, 200, 100, 100, (150, 100), (25, 0)),
        (200, 300, 100, 100, (100, 150), (0, 25)),
        (300, 200, 20, 16, (30, 20), (7, 2)),
        (100, 99, 50, 48, (50, 50), (1, 1)),
        (101, 100, 33, 32, (33, 33), (0, 0)),
        (199, 100, 64, 60, (127, 64), (33, 2)),  # 127.36 is cut to 127; 67 / 2 and 4 / 2 are rounded down
        (10, 10, 40, 32, (40, 40), (4, 4)),
    ],
)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_crop_is_resize_and_then_cut(
    width: int,
    height: int,
    shorter_side: int,
    size: int,
    scaled: tuple[int, int],
    offset: tuple[int, int],
    interpolation: str,
) -> None:
    image = noise(width, height)
    left, top = offset
    two_steps = image.resize(scaled, Image.Resampling[interpolation.upper()])
    expected = np.asarray(two_steps.crop((left, top, left + size, top + size)), np.int16)
    pixels = to_pixels(image, spec(resize="crop", size=size, shorter_side=shorter_side, interpolation=interpolation))
    assert np.abs(pixels - expected).max() <= 1
    assert np.abs(pixels - expected).mean() < 0.05


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    size=st.integers(1, 20),
    more=st.integers(0, 9),
    crop=st.booleans(),
    interpolation=st.sampled_from(FILTERS),
)
def test_any_photo_gives_a_square(
    width: int, height: int, size: int, more: int, crop: bool, interpolation: str
) -> None:
    rule = {"resize": "crop", "shorter_side": size + more} if crop else {"resize": "stretch"}
    pixels = to_pixels(
        Image.new("RGB", (width, height), (7, 77, 177)), spec(size=size, interpolation=interpolation, **rule)
    )
    assert pixels.shape == (size, size, 3)
    assert (pixels == (7, 77, 177)).all()


@pytest.mark.parametrize("shape", [(1, 50_000), (50_000, 1)])
def test_a_very_long_photo_costs_no_more_than_another(shape: tuple[int, int]) -> None:
    # Scaled in full it would have 224 x 11,200,000 pixels.
    pixels = to_pixels(Image.new("RGB", shape, (1, 2, 3)), spec(resize="crop", size=224, shorter_side=224))
    assert (pixels == (1, 2, 3)).all()


def test_grey_and_normalisation_are_left_to_the_graph() -> None:
    image = noise(16, 16)
    plain = to_pixels(image, spec())
    np.testing.assert_array_equal(to_pixels(image, spec(grey=True, mean=(0.5, 0.5, 0.5), std=(2, 2, 2))), plain)


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_only_rgb_is_taken(mode: str) -> None:
    with pytest.raises(ValueError, match=f"not {mode}"):
        to_pixels(Image.new(mode, (4, 4)), spec())


@pytest.mark.parametrize("rule", [{"resize": "stretch"}, {"resize": "crop", "shorter_side": 72}])
@pytest.mark.parametrize(
    ("shape", "mean", "most"),
    # Sides that 8 does not divide are rounded up by libjpeg, which shifts the picture by up to half a pixel.
    [((1200, 904), 0.5, 3), ((1203, 897), 3, 12)],
)
def test_a_jpeg_decoded_small_gives_nearly_the_same_pixels(
    rule: dict[str, Any], shape: tuple[int, int], mean: float, most: int
) -> None:
    data = encoded(noise(5, 4).resize(shape, Image.Resampling.BICUBIC), "JPEG", quality=95)
    whole = to_pixels(open_photo(data), spec(size=64, **rule)).astype(np.int16)
    reduced = decode_pixels(data, spec(size=64, **rule)).astype(np.int16)
    assert np.abs(whole - reduced).mean() < mean
    assert np.abs(whole - reduced).max() <= most


@pytest.mark.parametrize("rule", [{}, {"resize": "crop", "shorter_side": 10}])
def test_views_are_the_middle_of_the_photo(rule: dict[str, Any]) -> None:
    image = noise(120, 120)
    views = decode_views(encoded(image, "PNG"), spec(zooms=(1.0, 0.5), **rule))
    assert views.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(views[0], to_pixels(image, spec(**rule)))
    side = 120 if not rule else 96  # of 120 pixels scaled to 10, the middle 8 are shown
    inner = image.resize((8, 8), Image.Resampling.BILINEAR, (60 - side / 4,) * 2 + (60 + side / 4,) * 2)
    np.testing.assert_array_equal(views[1], np.asarray(inner))


def test_a_photo_that_cannot_be_used_says_so() -> None:
    with pytest.raises(PhotoMissing):
        decode_pixels("no such file", spec())


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"resize": "crop"}, "shorter_side"),
        ({"resize": "crop", "shorter_side": 7}, "shorter_side"),
        ({"shorter_side": 10}, "shorter_side"),
        ({"resize": "squash"}, "resize"),
        ({"interpolation": "magic"}, "interpolation"),
        ({"size": 0}, "size"),
        ({"std": (1, 0, 1)}, "std"),
        ({"mean": (1, 0)}, "mean"),
        ({"mean": (float("nan"), 0, 0)}, "mean"),
        ({"zooms": ()}, "zooms"),
        ({"zooms": (1.5,)}, "zooms"),
        ({"colour": "RGB"}, "colour"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        spec(**fields)


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec().size = 9  # type: ignore[misc]
