"""Photos on disk: decoded once, found again, objects found."""

from copy import deepcopy
from pathlib import Path

import numpy as np
from PIL import Image

from ecosorter.preprocess import PreprocessSpec, load_pixels
from ecosorter.training.fit.pixels import enlarged, store_photos
from tests.training.fit.test_foreground import with_object

SIDE = 256
SPEC = PreprocessSpec(size=192, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def files(folder: Path) -> list[Path]:
    paths = [folder / "a.png", folder / "b.png"]
    Image.fromarray(with_object()).save(paths[0])
    Image.new("RGB", (40, 20), (1, 2, 3)).save(paths[1])
    return paths


def test_photos_are_decoded_once(tmp_path: Path) -> None:
    paths, told = files(tmp_path), list[int]()
    first = store_photos(paths, np.array([True, True]), SPEC, tmp_path / "store", told.append)
    again = store_photos(paths, np.array([True, True]), SPEC, tmp_path / "store", told.append)
    assert told == [1, 1]
    assert first.pixels.shape == (2, SIDE, SIDE, 3)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (again.pixels[1] == (1, 2, 3)).all()


def test_objects_on_a_board_are_found(tmp_path: Path) -> None:
    photos = store_photos(files(tmp_path), np.array([True, True]), SPEC, tmp_path / "store", lambda _: None)
    foreground = photos[0].foreground
    assert foreground is not None
    assert foreground.mask.shape == (SIDE, SIDE)
    assert foreground.mask[130, 130]
    assert abs(foreground.light[10, 10] - 1).max() < 0.05
    assert photos[1].foreground is None
    other = store_photos(files(tmp_path), np.array([False, False]), SPEC, tmp_path / "other", lambda _: None)
    assert other[0].foreground is None


def test_some_are_picked_in_an_order_of_their_own(tmp_path: Path) -> None:
    photos = store_photos(files(tmp_path), np.array([True, False]), SPEC, tmp_path / "store", lambda _: None)
    picked = photos.take(np.array([1, 0, 1]))
    assert len(picked) == 3
    np.testing.assert_array_equal(picked[1].pixels, photos[0].pixels)
    assert [photo.foreground is None for photo in picked[:]] == [True, False, True]


def test_a_copy_of_what_holds_them_copies_no_photo(tmp_path: Path) -> None:
    photos = store_photos(files(tmp_path), np.array([True, False]), SPEC, tmp_path / "store", lambda _: None)
    picked = deepcopy({"photos": photos.take(np.array([1, 0]))})["photos"]
    assert np.shares_memory(picked[1].pixels, photos[0].pixels)


def test_stretched_photos_are_stored_as_ever(tmp_path: Path) -> None:
    paths = files(tmp_path)
    photos = store_photos(paths, np.array([False, False]), SPEC, tmp_path / "store", lambda _: None)
    for pixels, path in zip(photos.pixels, paths, strict=True):
        with Image.open(path) as image:
            expected = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(pixels, np.asarray(expected))


def test_what_is_stored_shows_what_the_bundle_sees(tmp_path: Path) -> None:
    crop = SPEC.model_copy(update={"resize": "crop", "size": 64, "shorter_side": 96, "interpolation": "box"})
    assert PreprocessSpec.model_validate(enlarged(crop).model_dump()).shorter_side == 384
    path = tmp_path / "halves.png"
    wide = np.zeros((200, 400, 3), np.uint8)
    wide[:, 200:] = 255
    wide[:, :100] = (255, 0, 0)  # left of the square in the middle
    Image.fromarray(wide).save(path)
    photos = store_photos([path], np.array([False]), crop, tmp_path / "store", lambda _: None)
    small = Image.fromarray(photos.pixels[0]).resize((64, 64), Image.Resampling.BOX)
    np.testing.assert_allclose(np.asarray(small, int), load_pixels(path, crop).astype(int), atol=2)
    assert not (photos.pixels[0] == (255, 0, 0)).all(axis=-1).any()


def test_they_are_never_smaller_than_the_bundle_sees_them() -> None:
    assert enlarged(SPEC.model_copy(update={"size": 300})).size == 300
