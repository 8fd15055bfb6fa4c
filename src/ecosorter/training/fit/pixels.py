"""Photos to learn from as one array on disk, small and of one size, so that an epoch decodes nothing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ecosorter.files import reserve
from ecosorter.preprocess import PreprocessSpec, decode_pixels
from ecosorter.progress import Advance
from ecosorter.training.fit.augment import TrainingPhoto
from ecosorter.training.fit.foreground import Foreground, find_foreground
from ecosorter.training.waiting import once_read

_SIDE = 256  # of the stored squares at least: a network in training zooms into them
_LIGHT = 200.0  # light 0..1.27 as a byte
_WORKERS = 4


class Photos(Sequence[TrainingPhoto]):
    """Photos and the objects found in them, read from disk when they are asked for.

    Attributes:
        pixels: RGB uint8 ``[n, side, side, 3]``.
    """

    def __init__(self, pixels: NDArray[np.uint8], places: NDArray[np.int64], planes: NDArray[np.uint8]) -> None:
        self.pixels, self._places, self._planes = pixels, places, planes

    def __len__(self) -> int:
        return len(self.pixels)

    @overload
    def __getitem__(self, index: int) -> TrainingPhoto: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TrainingPhoto]: ...
    def __getitem__(self, index: int | slice) -> TrainingPhoto | Sequence[TrainingPhoto]:
        """Return one photo, or some."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = self._places[index]
        if place < 0:
            return TrainingPhoto(self.pixels[index])
        plane = self._planes[place]
        return TrainingPhoto(
            self.pixels[index], Foreground(plane[..., 0] > 0, plane[..., 1:].astype(np.float32) / _LIGHT)
        )

    def __deepcopy__(self, memo: object) -> "Photos":
        """Return this one: nothing changes it, and Lightning copies the task for its averages."""
        return self

    def take(self, rows: NDArray[np.int64]) -> "SomePhotos":
        """Return some of the photos, as a view."""
        return SomePhotos(self, rows)


class SomePhotos(Sequence[TrainingPhoto]):
    """Some of the photos of a `Photos`, in an order of their own."""

    def __init__(self, photos: Photos, rows: NDArray[np.int64]) -> None:
        self._photos, self._rows = photos, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> TrainingPhoto: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TrainingPhoto]: ...
    def __getitem__(self, index: int | slice) -> TrainingPhoto | Sequence[TrainingPhoto]:
        """Return one photo, or some."""
        if isinstance(index, slice):
            return [self._photos[int(i)] for i in self._rows[index]]
        return self._photos[int(self._rows[index])]


def store_photos(
    paths: Sequence[Path],
    on_board: NDArray[np.bool_],
    spec: PreprocessSpec,
    folder: Path,
    advance: Advance,
    *,
    rank: int = 0,
) -> Photos:
    """Decode every photo once, find objects on boards, and keep both in `folder`; what is there already is used.

    Args:
        paths: the photos.
        on_board: bool ``[n]``: whether the photo may show an object on a plain board.
        spec: the rule of the bundle. Photos are stored as the squares that it cuts or stretches, only larger.
        folder: of this very list of photos.
        advance: called with 1 after each photo.
        rank: of this process; the first one, 0, decodes, and any other waits for it.

    Raises:
        PhotoError: a photo cannot be used.
    """
    files = [folder / name for name in ("photos.npy", "places.npy", "foregrounds.npy")]
    large = enlarged(spec)
    side = large.size

    def store(part: Path) -> None:
        places = np.full(len(paths), -1, np.int64)
        planes: list[NDArray[np.uint8]] = []
        pixels = np.lib.format.open_memmap(part, "w+", np.uint8, (len(paths), side, side, 3))
        reserve(part)
        with ThreadPoolExecutor(_WORKERS) as pool:
            for i, (photo, found) in enumerate(pool.map(partial(_prepared, spec=large), paths, on_board)):
                pixels[i] = photo
                if found is not None:
                    places[i] = len(planes)
                    planes.append(_packed(found))
                advance(1)
        pixels.flush()
        np.save(files[1], places)
        np.save(files[2], np.stack(planes) if planes else np.empty((0, side, side, 4), np.uint8))

    def read(_: Path) -> Photos:
        pixels, places, planes = (np.load(file, mmap_mode="r") for file in files)
        return Photos(pixels, places, planes)

    return once_read(files[0], store, read, rank=rank)  # the file that comes last


def enlarged(spec: PreprocessSpec) -> PreprocessSpec:
    """Return the rule that shows the same part of a whole photo, in more pixels."""
    side = max(_SIDE, spec.size)
    shorter = None if spec.shorter_side is None else round(spec.shorter_side * side / spec.size)
    return spec.model_copy(update={"size": side, "shorter_side": shorter, "zooms": (1.0,)})


def _prepared(path: Path, on_board: bool, spec: PreprocessSpec) -> tuple[NDArray[np.uint8], Foreground | None]:
    pixels = decode_pixels(path, spec)
    return pixels, find_foreground(pixels) if on_board else None


def _packed(found: Foreground) -> NDArray[np.uint8]:
    light = (found.light * _LIGHT).clip(0, 255)
    return np.concatenate([found.mask[..., None], light], axis=-1).astype(np.uint8)
