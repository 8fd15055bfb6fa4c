"""Keep photos by their content, and nothing of them but the picture, in a folder or anywhere that fsspec reaches."""

import hashlib
from io import BytesIO
from pathlib import Path

from PIL import Image

from ecosorter.photos import Limits, open_photo
from ecosorter.serving.store.place import Place

LONGER_SIDE = 1600
"""Pixels that the longer side of a kept photo has at most: enough for any common backbone, and for reviewers."""

_QUALITY = 90


def plain_jpeg(photo: bytes, limits: Limits) -> bytes:
    """Return a photo as a JPEG that holds the picture and nothing else: no EXIF, place, comment, profile or tail.

    Args:
        photo: a file's bytes, in any format that `open_photo` reads.
        limits: caps, checked before decoding.

    Returns:
        An upright baseline JPEG whose longer side is `LONGER_SIDE` at most.

    Raises:
        PhotoError: the photo cannot be used.
    """
    image = open_photo(photo, limits=limits, at_least=(LONGER_SIDE, LONGER_SIDE))
    image.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    image.info.clear()  # Pillow writes comments, and some versions XMP, on from here
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def address(jpeg: bytes) -> str:
    """Return the name under which a photo is kept: the SHA-256 of its bytes, in hexadecimal."""
    return hashlib.sha256(jpeg).hexdigest()


class PhotoStore:
    """Photos by their address.

    It knows nothing of who needs a photo. Its callers hold a lock on the address while they `put` and `delete`.

    Args:
        place: a folder, or a URL of fsspec such as ``s3://bucket/folder``.

    Attributes:
        files: that place, opened; models lie there too (models.py).

    Raises:
        StoreError: it cannot be reached or made.
    """

    def __init__(self, place: str) -> None:
        self.files = Place(place)

    @property
    def folder(self) -> Path | None:
        """Where they are; None elsewhere than on this machine."""
        return self.files.folder

    def put(self, sha256: str, jpeg: bytes) -> None:
        """Keep a photo. Whoever looks sees the whole of it or nothing; once this returns, it stays."""
        if not self.files.has(_path(sha256)):
            self.files.put(_path(sha256), jpeg)

    def get(self, sha256: str) -> bytes | None:
        """Return a photo's JPEG, None when there is none."""
        return self.files.get(_path(sha256))

    def delete(self, sha256: str) -> None:
        """Remove a photo, and what a killed `put` may have left of it. It need not be there."""
        self.files.delete(_path(sha256))

    def answers(self) -> bool:
        """Tell whether the place is there."""
        return self.files.answers()


def _path(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.jpg"
