"""Photos on disk: decoded once, found again, objects cut out."""

from copy import deepcopy
from pathlib import Path

import numpy as np
from PIL import Image

from ecosorter.training.fit.pixels import SIDE, store_photos
from tests.training.fit.test_foreground import with_object


def files(folder: Path) -> list[Path]:
    paths = [folder / "a.png", folder / "b.png"]
    Image.fromarray(with_object()).save(paths[0])
    Image.new("RGB", (40, 20), (1, 2, 3)).save(paths[1])
    return paths


def test_photos_are_decoded_once(tmp_path: Path) -> None:
    paths, told = files(tmp_path), list[int]()
    first = store_photos(paths, np.array([True, True]), tmp_path / "store", told.append)
    again = store_photos(paths, np.array([True, True]), tmp_path / "store", told.append)
    assert told == [1, 1]
    assert first.pixels.shape == (2, SIDE, SIDE, 3)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (again.pixels[1] == (1, 2, 3)).all()


def test_objects_on_a_board_are_cut_out(tmp_path: Path) -> None:
    photos = store_photos(files(tmp_path), np.array([True, True]), tmp_path / "store", lambda _: None)
    cutout = photos[0].cutout
    assert cutout is not None
    assert cutout.mask.shape == (SIDE, SIDE)
    assert cutout.mask[130, 130]
    assert abs(cutout.light[10, 10] - 1).max() < 0.05
    assert photos[1].cutout is None
    other = store_photos(files(tmp_path), np.array([False, False]), tmp_path / "other", lambda _: None)
    assert other[0].cutout is None


def test_some_are_picked_in_an_order_of_their_own(tmp_path: Path) -> None:
    photos = store_photos(files(tmp_path), np.array([True, False]), tmp_path / "store", lambda _: None)
    picked = photos.take(np.array([1, 0, 1]))
    assert len(picked) == 3
    np.testing.assert_array_equal(picked[1].pixels, photos[0].pixels)
    assert [photo.cutout is None for photo in picked[:]] == [True, False, True]


def test_a_copy_of_what_holds_them_copies_no_photo(tmp_path: Path) -> None:
    photos = store_photos(files(tmp_path), np.array([True, False]), tmp_path / "store", lambda _: None)
    picked = deepcopy({"photos": photos.take(np.array([1, 0]))})["photos"]
    assert np.shares_memory(picked[1].pixels, photos[0].pixels)
