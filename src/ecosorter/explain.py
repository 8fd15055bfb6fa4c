"""Draw where in a photo a model sees a class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecosorter.preprocess import PreprocessSpec, view_box

LONGEST_SIDE = 1600
"""Pixels of the longer side of the photo in the picture; larger photos are made smaller."""

# Every tenth colour of inferno from its middle on (van der Walt and Smith, matplotlib, CC0): its lightness grows evenly
# with the value, so that it can be read by the colour-blind and in grey too.
_COLOURS = np.array(
    [(106, 23, 110), (147, 38, 103), (188, 55, 84), (221, 81, 58), (243, 120, 25), (252, 165, 10), (246, 215, 70)]
)
_OPACITY = 0.65  # of the colour where the evidence is 1; it is 0 where there is none
_DIMMED = 0.6  # brightness of the photo where there is no evidence

_NARROWEST = 320  # pixels: less is too little for words
_STRIP, _WORDS, _MINOR = (24, 24, 27), (250, 250, 250), (190, 190, 198)
_FRAME = (250, 250, 250)


def overlay(
    photo: Image.Image,
    evidence: NDArray[np.floating[Any]],
    spec: PreprocessSpec,
    caption: Sequence[str] = (),
    *,
    longest_side: int = LONGEST_SIDE,
) -> Image.Image:
    """Lay a class-activation map over a photo, smoothly enlarged, with words below.

    The map belongs to the part of the photo that the model's first view shows. Where that is not the whole, as with
    the rule ``crop``, a line frames it; what is outside keeps dark, since the model did not look there.

    Args:
        photo: mode RGB, upright, as `ecosorter.photos.open_photo` gives it. It is not changed.
        evidence: ``[h, w]``, 0..1, from `Classifier.explain`.
        spec: the bundle's rule.
        caption: lines below the photo; the first is larger. None gives no strip.
        longest_side: larger photos are made smaller to this, in pixels.

    Returns:
        Mode RGB; as large as the photo, or the cap, and the strip below.
    """
    scale = min(1.0, longest_side / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    seen = photo.resize(size, Image.Resampling.LANCZOS) if size != photo.size else photo
    left, top, right, bottom = (round(side) for side in view_box(size, spec, spec.zooms[0]))
    part = (max(1, right - left), max(1, bottom - top))

    strength = np.zeros((size[1], size[0], 1), np.float32)
    strength[top : top + part[1], left : left + part[0], 0] = _enlarged(evidence, part)
    pixels = np.asarray(seen, np.float32) * (_DIMMED + (1 - _DIMMED) * strength)
    pixels += _OPACITY * strength * (_coloured(strength[:, :, 0]) - pixels)
    picture = Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))
    if part != size:
        width = max(1, max(size) // 400)
        ImageDraw.Draw(picture).rectangle((left, top, left + part[0] - 1, top + part[1] - 1), None, _FRAME, width)
    return _with_caption(picture, caption) if caption else picture


def _enlarged(evidence: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(np.asarray(evidence, np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC)).clip(0, 1)


def _coloured(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``[h, w, 3]`` colours, 0..255, of values ``[h, w]``, 0..1."""
    places = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(strength, places, channel) for channel in _COLOURS.T], axis=-1).astype(np.float32)


def _with_caption(picture: Image.Image, lines: Sequence[str]) -> Image.Image:
    width = max(picture.width, _NARROWEST)
    letters = max(14, min(width // 32, 40))  # pixels
    margin = letters * 2 // 3
    draw = ImageDraw.Draw(picture)
    rows = []
    for number, line in enumerate(lines):
        font = ImageFont.load_default(letters * 3 // 2 if number == 0 else letters)
        colour = _WORDS if number == 0 else _MINOR
        rows += [(row, font, colour) for row in _wrapped(line, font, draw, width - 2 * margin)]
    heights = [sum(font.getmetrics()) if isinstance(font, ImageFont.FreeTypeFont) else letters for _, font, _ in rows]
    whole = Image.new("RGB", (width, picture.height + sum(heights) + 2 * margin), _STRIP)
    whole.paste(picture, ((width - picture.width) // 2, 0))
    pen, y = ImageDraw.Draw(whole), picture.height + margin
    for (row, font, colour), height in zip(rows, heights, strict=True):
        pen.text((margin, y), row, colour, font)
        y += height
    return whole


def _wrapped(
    line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, draw: ImageDraw.ImageDraw, width: int
) -> list[str]:
    rows = [""]
    for word in line.split():
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and draw.textlength(longer, font) > width:
            rows.append(word)
        else:
            rows[-1] = longer
    return rows
