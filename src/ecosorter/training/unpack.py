"""Unpack a ZIP or TAR archive of unknown origin so that it can do no harm.

Nothing is written outside the given folder, no links or devices are made, and no more is written than allowed, whatever
the archive claims. An archive with anything of that kind is refused as a whole: it is not what was meant to be downloaded.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from ecosorter.errors import DownloadError

MAX_FILES = 200_000
"""Files that an archive may have: each costs the disk a block, however short it is."""

_AT_ONCE = 1 << 16
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError,  # a way of packing that zipfile does not know
    RuntimeError,  # a ZIP with a password
    ValueError,  # an impossible number in a header
)  # fmt: skip


def unpack(archive: Path, folder: Path, *, max_bytes: int, max_files: int = MAX_FILES) -> None:
    """Unpack an archive into an empty folder.

    Hidden files and what macOS adds (``__MACOSX``) are left out. Rights, owners and times are not taken over.

    Args:
        archive: a ZIP, or a TAR packed with gzip, bzip2, xz or nothing; the content decides, not the name.
        folder: where to; made when missing.
        max_bytes: of all files together, unpacked.
        max_files: how many files.

    Raises:
        DownloadError: no archive, a damaged one, or one with something unsafe. Files written before stay in `folder`.
    """
    room = _Room(folder, archive, max_bytes, max_files)
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, room)
        elif tarfile.is_tarfile(archive):
            _unpack_tar(archive, room)
        else:
            raise DownloadError(f"{archive} is neither a ZIP nor a TAR archive; was a web page downloaded instead?")
    except _BROKEN as error:
        raise DownloadError(f"{archive} is damaged ({error}); download it again.") from error
    except OSError as error:
        raise DownloadError(f"{archive} cannot be unpacked into {folder} ({error}).") from error


class _Room:
    """A folder that takes files until it is full."""

    def __init__(self, folder: Path, archive: Path, max_bytes: int, max_files: int) -> None:
        self._folder, self._archive = folder, archive
        self._bytes, self._files = max_bytes, max_files
        folder.mkdir(parents=True, exist_ok=True)

    def refuse(self, name: str, why: str) -> DownloadError:
        return DownloadError(f"{self._archive} is unsafe and was not unpacked: {name!r} {why}.")

    def path(self, name: str) -> Path | None:
        """Return where a file goes, or None when it is left out."""
        posix, windows = PurePosixPath(name), PureWindowsPath(name)
        if posix.is_absolute() or windows.drive or windows.root:
            raise self.refuse(name, "is an absolute path")
        if ".." in posix.parts or ".." in windows.parts:
            raise self.refuse(name, "leads out of the folder")
        if not posix.parts or any(part == "__MACOSX" or part.startswith(".") for part in posix.parts):
            return None
        return self._folder / posix

    def check(self, name: str, size: int) -> None:
        """Refuse a file that would not fit by what it claims, before unpacking it."""
        if size > self._bytes:
            raise self.refuse(name, "and the files before it are larger unpacked than allowed")
        if self._files < 1:
            raise self.refuse(name, "is one file more than allowed")

    def put(self, name: str, path: Path, content: IO[bytes]) -> None:
        """Write a file; what a header claims about its size is not relied upon."""
        self._files -= 1
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # x: the same name twice is a trick too
            while block := content.read(_AT_ONCE):
                self._bytes -= len(block)
                self.check(name, 0)
                file.write(block)
