"""Small pictures of photos, for a page or a tracker."""

import base64
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from ecosorter.errors import PhotoError
from ecosorter.photos import Limits, Source, open_photo

SIDE = 144
"""The longer side of a thumbnail in pixels: an object can be told, at about 5 kB a photo."""

_QUALITY = 70


def thumbnail(photo: Source, side: int = SIDE, limits: Limits = Limits()) -> Image.Image | None:  # noqa: B008 - frozen
    """Return a photo made small, whole and upright.

    Args:
        photo: its path, or its file's bytes.
        side: the longer side of the result, in pixels; a smaller photo keeps its size.
        limits: caps, checked before decoding.

    Returns:
        An RGB image, or None when the photo has disappeared or cannot be read any more.
    """
    try:
        image = open_photo(photo, limits=limits, at_least=(side, side))
    except PhotoError:
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def data_uri(image: Image.Image) -> str:
    """Return an image as a JPEG of quality 70 inside a ``data:`` address."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def data_uris(paths: Iterable[Path], side: int = SIDE) -> dict[Path, str]:
    """Return thumbnails as ``data:`` addresses by path; photos that cannot be read are not in it."""

    def one(path: Path) -> tuple[Path, str] | None:
        image = thumbnail(path, side)
        return (path, data_uri(image)) if image else None

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        return dict(found for found in pool.map(one, dict.fromkeys(paths)) if found)
