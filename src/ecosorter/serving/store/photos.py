"""Keep photos by their content, and nothing of them but the picture, in a folder or anywhere that fsspec reaches."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

from ecosorter.errors import StoreError
from ecosorter.files import remove_parts, write_bytes
from ecosorter.photos import Limits, open_photo

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

    Raises:
        StoreError: it cannot be reached or made.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        try:
            # The listings that fsspec remembers would hide what another process has written or deleted.
            self._files, self._root = fsspec.core.url_to_fs(place, use_listings_cache=False)
        except ImportError as error:
            raise StoreError(f"The photos' place {place} needs a library: {error}.") from error
        except ValueError as error:
            raise StoreError(f"The photos' place {place} is no folder and no known URL ({error}).") from error
        self._local = isinstance(self._files, LocalFileSystem)
        with self._named_faults():
            if self._local:
                Path(self._root).mkdir(parents=True, exist_ok=True, mode=0o700)  # faces and kitchens may be on them
            else:
                self._files.makedirs(self._root, exist_ok=True)

    @property
    def folder(self) -> Path | None:
        """Where they are; None elsewhere than on this machine."""
        return Path(self._root) if self._local else None

    def put(self, sha256: str, jpeg: bytes) -> None:
        """Keep a photo. Whoever looks sees the whole of it or nothing; once this returns, it stays."""
        path = self._path(sha256)
        with self._named_faults():
            if self._files.exists(path):
                return
            if self._local:
                remove_parts(Path(path))
                write_bytes(Path(path), jpeg)
            else:
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(path, jpeg)  # object stores show an object once it is whole

    def get(self, sha256: str) -> bytes | None:
        """Return a photo's JPEG, None when there is none."""
        with self._named_faults():
            try:
                content: bytes = self._files.cat_file(self._path(sha256))
            except FileNotFoundError:
                return None
            return content

    def delete(self, sha256: str) -> None:
        """Remove a photo, and what a killed `put` may have left of it. It need not be there."""
        path = self._path(sha256)
        with self._named_faults():
            if self._files.exists(path):
                self._files.rm_file(path)
            if self._local:
                remove_parts(Path(path))

    def answers(self) -> bool:
        """Tell whether the place is there."""
        try:
            with self._named_faults():
                # An object store has no folders: an empty one is not there, and asking is answer enough.
                return bool(self._files.exists(self._root)) or not self._local
        except StoreError:
            return False

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}.jpg"

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every kind of place has its own exceptions
            raise StoreError(f"The photos' place {self.place} does not answer ({error}).") from error
