"""Files in a folder, or anywhere that fsspec reaches: whole or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ecosorter.errors import StoreError
from ecosorter.files import remove_parts, write_bytes


class Place:
    """A folder here or elsewhere. Paths in it are written with slashes, and come from this program alone.

    Args:
        url: a folder, or a URL of fsspec such as ``s3://bucket/folder``.

    Raises:
        StoreError: it cannot be reached or made.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            # The listings that fsspec remembers would hide what another process has written or deleted.
            self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise StoreError(f"The photos' place {url} needs a library: {error}.") from error
        except ValueError as error:
            raise StoreError(f"The photos' place {url} is no folder and no known URL ({error}).") from error
        self._local = isinstance(self._files, LocalFileSystem)
        with self._named_faults():
            if self._local:
                Path(self._root).mkdir(parents=True, exist_ok=True, mode=0o700)  # faces and kitchens may be on them
            else:
                self._files.makedirs(self._root, exist_ok=True)

    @property
    def folder(self) -> Path | None:
        """Where it is; None elsewhere than on this machine."""
        return Path(self._root) if self._local else None

    def put(self, path: str, content: bytes) -> None:
        """Keep a file. Whoever looks sees the whole of it or nothing; once this returns, it stays."""
        at = self._at(path)
        with self._named_faults():
            if self._local:
                remove_parts(Path(at))
                write_bytes(Path(at), content)
            else:
                self._files.makedirs(at.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(at, content)  # object stores show an object once it is whole

    def has(self, path: str) -> bool:
        """Tell whether a file is there."""
        with self._named_faults():
            return bool(self._files.exists(self._at(path)))

    def get(self, path: str) -> bytes | None:
        """Return a file's content, None when there is none."""
        with self._named_faults():
            try:
                content: bytes = self._files.cat_file(self._at(path))
            except FileNotFoundError:
                return None
            return content

    def delete(self, path: str) -> None:
        """Remove a file, and what a killed `put` may have left of it. It need not be there."""
        at = self._at(path)
        with self._named_faults():
            if self._files.exists(at):
                self._files.rm_file(at)
            if self._local:
                remove_parts(Path(at))

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in one, sorted; none where it is not there."""
        with self._named_faults():
            try:
                found = self._files.ls(self._at(path), detail=True)
            except FileNotFoundError:
                return []
            return sorted(entry["name"].rstrip("/").rpartition("/")[2] for entry in found if entry["type"] != "file")

    def delete_folder(self, path: str) -> None:
        """Remove a folder and all that is in it. It need not be there."""
        with self._named_faults():
            if self._files.exists(self._at(path)):
                self._files.rm(self._at(path), recursive=True)

    def answers(self) -> bool:
        """Tell whether the place is there."""
        try:
            with self._named_faults():
                # An object store has no folders: an empty one is not there, and asking is answer enough.
                return bool(self._files.exists(self._root)) or not self._local
        except StoreError:
            return False

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every kind of place has its own exceptions
            raise StoreError(f"The photos' place {self.url} does not answer ({error}).") from error
