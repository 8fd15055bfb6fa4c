"""Photos as one array on disk, small and of one size, so that an epoch decodes nothing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecosorter.photos import open_photo
from ecosorter.progress import Advance
from ecosorter.training.fit.augment import Photo
from ecosorter.training.fit.foreground import Cutout, cut_out
from ecosorter.training.fit.processes import once

SIDE = 256
"""Side of the stored photos: stretched to a square, since the predictor stretches too."""

_LIGHT = 200.0  # a cutout's light 0..1.27 as a byte
_WORKERS = 4


class Photos(Sequence[Photo]):
    """Photos and cut-out objects, read from disk when they are asked for.

    Attributes:
        pixels: RGB uint8 ``[n, SIDE, SIDE, 3]``.
    """

    def __init__(self, pixels: NDArray[np.uint8], places: NDArray[np.int64], planes: NDArray[np.uint8]) -> None:
        self.pixels, self._places, self._planes = pixels, places, planes

    def __len__(self) -> int:
        return len(self.pixels)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Photo]: ...
    def __getitem__(self, index: int | slice) -> Photo | Sequence[Photo]:
        """Return one photo, or some."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = self._places[index]
        if place < 0:
            return Photo(self.pixels[index])
        plane = self._planes[place]
        return Photo(self.pixels[index], Cutout(plane[..., 0] > 0, plane[..., 1:].astype(np.float32) / _LIGHT))

    def __deepcopy__(self, memo: object) -> "Photos":
        """Return this one: nothing changes it, and Lightning copies the task for its averages."""
        return self

    def take(self, rows: NDArray[np.int64]) -> "Picked":
        """Return some of the photos, as a view."""
        return Picked(self, rows)


class Picked(Sequence[Photo]):
    """Some of the photos of a `Photos`, in an order of their own."""

    def __init__(self, photos: Photos, rows: NDArray[np.int64]) -> None:
        self._photos, self._rows = photos, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Photo]: ...
    def __getitem__(self, index: int | slice) -> Photo | Sequence[Photo]:
        """Return one photo, or some."""
        if isinstance(index, slice):
            return [self._photos[int(i)] for i in self._rows[index]]
        return self._photos[int(self._rows[index])]


def store_photos(
    paths: Sequence[Path], on_board: NDArray[np.bool_], folder: Path, advance: Advance, *, first: bool = True
) -> Photos:
    """Decode every photo once, cut objects off boards, and keep both in `folder`; what is there already is used.

    Args:
        paths: the photos.
        on_board: bool ``[n]``: whether the photo may show an object on a plain board.
        folder: of this very list of photos.
        advance: called with 1 after each photo.
        first: whether this is the first of the processes of a run; any other waits for it.

    Raises:
        PhotoError: a photo cannot be used.
    """
    files = [folder / name for name in ("photos.npy", "places.npy", "cutouts.npy")]

    def store(part: Path) -> None:
        places = np.full(len(paths), -1, np.int64)
        planes: list[NDArray[np.uint8]] = []
        pixels = np.lib.format.open_memmap(part, "w+", np.uint8, (len(paths), SIDE, SIDE, 3))
        with ThreadPoolExecutor(_WORKERS) as pool:
            for i, (photo, found) in enumerate(pool.map(_prepared, paths, on_board)):
                pixels[i] = photo
                if found is not None:
                    places[i] = len(planes)
                    planes.append(_packed(found))
                advance(1)
        pixels.flush()
        np.save(files[1], places)
        np.save(files[2], np.stack(planes) if planes else np.empty((0, SIDE, SIDE, 4), np.uint8))

    once(files[0], store, first=first)  # the file that comes last
    load = partial(np.load, mmap_mode="r")
    return Photos(load(files[0]), load(files[1]), load(files[2]))


def _prepared(path: Path, on_board: bool) -> tuple[NDArray[np.uint8], Cutout | None]:
    image = open_photo(path, at_least=(SIDE, SIDE)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels, cut_out(pixels) if on_board else None


def _packed(cutout: Cutout) -> NDArray[np.uint8]:
    light = (cutout.light * _LIGHT).clip(0, 255)
    return np.concatenate([cutout.mask[..., None], light], axis=-1).astype(np.uint8)
