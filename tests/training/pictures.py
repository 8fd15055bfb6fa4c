"""Made-up photos: as rich in structure as real ones, and as different from each other."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (160, 120)


def picture(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a picture of smooth blotches with finer ones on them; another seed shows another scene."""
    random = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cells, weight in ((5, 0.5), (14, 0.3), (40, 0.2)):
        noise = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        total += weight * np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC), dtype=float)
    return Image.fromarray(total.astype(np.uint8))


def save(image: Image.Image, path: Path, quality: int = 92) -> Path:
    """Save a picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality)
    return path


def photo(path: Path, seed: int) -> Path:
    """Save the picture of a seed."""
    return save(picture(seed), path)


def touch(path: Path) -> Path:
    """Make an empty file under a photo's name: enough where nobody opens it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path
