"""How a photo becomes the pixels that a model takes: one rule, one implementation.

Training and every predictor call this, so they cannot disagree. The rule travels inside the bundle.
"""

import math
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field, model_validator

from ecosorter.photos import Limits, Source, open_photo

Box = tuple[float, float, float, float]
"""A part of a photo: left, top, right, bottom."""

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Zoom = Annotated[float, Field(gt=0, le=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class PreprocessSpec(BaseModel, frozen=True, extra="forbid"):
    """What a model was trained on, in full.

    Attributes:
        size: side of the square input, in pixels.
        resize: ``stretch`` the whole photo to the square, or ``crop``: scale it until its shorter side has
            `shorter_side` pixels, and cut the square out of the middle.
        shorter_side: for ``crop`` only, in pixels, at least `size`.
        interpolation: Pillow's filter of that name, antialiased (all but ``nearest``).
        grey: the photo in grey (ITU-R BT.601 luma) on all three channels. Done in the model's graph.
        mean: of each channel, of values in 0..1, subtracted in the model's graph.
        std: of each channel, by which the graph then divides.
        zooms: the views of a photo that a predictor averages: of each, the sides of the centred part that it shows, as
            a fraction of those of the whole. Items are often small and in the middle.
    """

    size: int = Field(ge=1, le=4096)
    resize: Literal["stretch", "crop"]
    shorter_side: int | None = Field(default=None, le=8192)
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos", "box"] = "bilinear"
    grey: bool = False
    mean: tuple[_Finite, _Finite, _Finite]
    std: tuple[_Positive, _Positive, _Positive]
    zooms: Annotated[tuple[_Zoom, ...], Field(min_length=1)] = (1.0,)

    @model_validator(mode="after")
    def _check_shorter_side(self) -> Self:
        if self.resize == "stretch" and self.shorter_side is not None:
            raise ValueError("shorter_side belongs to resize = 'crop'; leave it out with 'stretch'")
        if self.resize == "crop" and (self.shorter_side is None or self.shorter_side < self.size):
            raise ValueError("resize = 'crop' needs a shorter_side that is at least size")
        return self


def view_box(size: tuple[int, int], spec: PreprocessSpec, zoom: float = 1.0) -> Box:
    """Return which part of a photo a view shows.

    Args:
        size: width and height of the upright photo, in pixels.
        spec: the rule.
        zoom: as for `to_pixels`.

    Returns:
        (left, top, right, bottom) in pixels of the photo.
    """
    width, height = size
    box = (0.0, 0.0, float(width), float(height))
    if spec.shorter_side is not None:
        scaled = [int(spec.shorter_side * side / min(size)) for side in size]
        left, top = ((side - spec.size) // 2 for side in scaled)
        x, y = width / scaled[0], height / scaled[1]  # pixels of the photo in one scaled pixel
        box = (left * x, top * y, min((left + spec.size) * x, width), min((top + spec.size) * y, height))
    if zoom != 1:
        dx, dy = (1 - zoom) / 2 * (box[2] - box[0]), (1 - zoom) / 2 * (box[3] - box[1])
        box = (box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy)
    return box


def seen_part(size: tuple[int, int], spec: PreprocessSpec) -> Box:
    """Return which part of a photo the first view shows, the one that is explained.

    Args:
        size: width and height of the upright photo, in pixels.
        spec: the rule.

    Returns:
        (left, top, right, bottom) as shares of the photo's width and height, 0..1.
    """
    left, top, right, bottom = view_box(size, spec, spec.zooms[0])
    return left / size[0], top / size[1], right / size[0], bottom / size[1]


def to_pixels(image: Image.Image, spec: PreprocessSpec, zoom: float = 1.0) -> NDArray[np.uint8]:
    """Resize and crop as the spec says.

    For ``crop``, the sides after scaling are those of Hugging Face's image processors and of torchvision: the
    shorter one `shorter_side`, the longer one ``int(shorter_side * longer / shorter)``; the square starts at
    ``(side - size) // 2`` from the left and the top, rounded down as in Hugging Face (torchvision rounds to the
    even number). Scaling and cutting are one step, so that a photo of 1 x 50,000 pixels costs no more than any
    other; it differs from two steps by rounding only.

    Args:
        image: mode RGB, upright, as `ecosorter.photos.open_photo` gives it.
        spec: the rule.
        zoom: of the part that the rule would show, this fraction of the sides is taken from the middle, 0..1.

    Returns:
        ``[size, size, 3]``, RGB, 0..255. Grey and normalisation are left to the model's graph.

    Raises:
        ValueError: the image is not RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"to_pixels takes RGB, not {image.mode}; open the photo with open_photo")
    resample = Image.Resampling[spec.interpolation.upper()]
    return np.array(image.resize((spec.size, spec.size), resample, view_box(image.size, spec, zoom)))


def decode_pixels(source: Source, spec: PreprocessSpec, limits: Limits = Limits()) -> NDArray[np.uint8]:  # noqa: B008
    """Open a photo and give the pixels that the model takes, of the whole photo.

    A JPEG is decoded at the smallest scale that still has the pixels that the spec needs before resizing.

    Args:
        source: a path, or a file's bytes.
        spec: the rule.
        limits: caps, checked before decoding.

    Returns:
        ``[size, size, 3]`` as from `to_pixels`.

    Raises:
        PhotoError: the photo cannot be used; the subclass says why.
    """
    needed = spec.shorter_side or spec.size
    return to_pixels(open_photo(source, limits=limits, at_least=(needed, needed)), spec)


def decode_views(source: Source, spec: PreprocessSpec, limits: Limits = Limits()) -> NDArray[np.uint8]:  # noqa: B008
    """Open a photo and give the pixels of every view that a predictor averages: `to_views` of `open_for_views`."""
    return to_views(open_for_views(source, spec, limits), spec)


def open_for_views(source: Source, spec: PreprocessSpec, limits: Limits = Limits()) -> Image.Image:  # noqa: B008
    """Open a photo with the pixels that its views need; a JPEG may come at a smaller scale.

    Args:
        source: a path, or a file's bytes.
        spec: the rule; `zooms` are its views.
        limits: caps, checked before decoding.

    Returns:
        Mode RGB, upright.

    Raises:
        PhotoError: the photo cannot be used; the subclass says why.
    """
    needed = math.ceil((spec.shorter_side or spec.size) / min(spec.zooms))
    return open_photo(source, limits=limits, at_least=(needed, needed))


def to_views(image: Image.Image, spec: PreprocessSpec) -> NDArray[np.uint8]:
    """Return ``[views, size, size, 3]``: the pixels of each view that a predictor averages, in the order of `zooms`."""
    return np.stack([to_pixels(image, spec, zoom) for zoom in spec.zooms])
