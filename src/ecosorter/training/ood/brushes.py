"""What drawings.py and scenes.py draw with. Pictures are about 400 pixels large."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 400
Random = np.random.Generator
Colour = tuple[int, int, int]

_SYLLABLES = (
    "ba",
    "da",
    "ga",
    "ka",
    "la",
    "ma",
    "pa",
    "sa",
    "ji",
    "ki",
    "li",
    "ni",
    "ti",
    "bu",
    "du",
    "ku",
    "mu",
    "ru",
    "tu",
)


def canvas(colour: Colour, size: tuple[int, int] = (SIDE, SIDE)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an image of one colour, and what draws on it."""
    image = Image.new("RGB", size, colour)
    return image, ImageDraw.Draw(image)


def any_colour(random: Random, low: int = 0, high: int = 255) -> Colour:
    """Return a colour whose channels are each from `low` to `high`."""
    red, green, blue = random.integers(low, high + 1, 3).tolist()
    return red, green, blue


def paper_and_ink(random: Random) -> tuple[Colour, Colour]:
    """Return the colours of paper and ink, light mode or dark mode."""
    light, black = any_colour(random, 235, 255), any_colour(random, 0, 60)
    return (light, black) if random.random() < 0.7 else (black, light)


def made_up_words(random: Random, least: int, most: int) -> str:
    """Return made-up words of one to three syllables."""
    words = random.integers(0, len(_SYLLABLES), (int(random.integers(least, most + 1)), 3)).tolist()
    return " ".join("".join(_SYLLABLES[place] for place in word[: 1 + word[0] % 3]) for word in words)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font."""
    return ImageFont.load_default(size)


def sensor_noise(random: Random, channels: int) -> NDArray[np.float32]:
    """Return the noise of a sensor, ``[SIDE, SIDE, channels]``, mean 0 and deviation 1."""
    return random.standard_normal((SIDE, SIDE, channels), dtype=np.float32)


def slope(random: Random) -> NDArray[np.float64]:
    """Return values 0..1 ``[SIDE, SIDE, 1]`` that grow in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, SIDE)
    values = np.add.outer(across * np.sin(angle), across * np.cos(angle))
    scaled: NDArray[np.float64] = ((values - values.min()) / np.ptp(values))[..., None]
    return scaled


def to_image(values: NDArray[Any]) -> Image.Image:
    """Return values of any size ``[h, w, 1 or 3]`` as RGB, cut off at 0 and 255."""
    return Image.fromarray(np.broadcast_to(values, (*values.shape[:2], 3)).clip(0, 255).astype(np.uint8))
