"""A photo to pixels the way it is usually written: the whole photo decoded by Pillow, then resized, then cut."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224
SHORTER_SIDE = 256


def plain_pixels(path: Path) -> NDArray[np.uint8]:
    """Return uint8 [224, 224, 3]: shorter side 256, centre crop, as MobileNetV2 wants them."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    scale = SHORTER_SIDE / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    return np.array(image.crop((left, top, left + SIDE, top + SIDE)))
