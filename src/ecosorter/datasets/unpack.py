"""Unpack a ZIP or TAR archive of unknown origin so that it can do no harm.

Nothing is written outside the given folder, no links or devices are made, and no more is written than allowed,
whatever the archive claims. An archive with anything of that kind is refused as a whole: it is not what was meant.
"""

import bz2
import gzip
import io
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from ecosorter.errors import DownloadError

MAX_FILES = 200_000
"""Entries that an archive may have: each costs the disk a block, however short it is."""

_BROKEN = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a way of packing that zipfile does not know
    RuntimeError,  # a ZIP with a password
    ValueError,  # an impossible number in a header
)


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
        folder.mkdir(parents=True, exist_ok=True)
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, room)
        else:
            _unpack_tar(archive, room, max_bytes)
    except _BROKEN as error:
        raise DownloadError(f"{archive} is no ZIP or TAR archive, or a damaged one ({error}).") from error
    except OSError as error:
        raise DownloadError(f"{archive} cannot be unpacked into {folder} ({error}).") from error


class _Room:
    """A folder that takes files until it is full, and none that is not meant for it."""

    def __init__(self, folder: Path, archive: Path, max_bytes: int, max_files: int) -> None:
        self._folder, self._archive = folder, archive
        self._bytes, self._files = max_bytes, max_files

    def admit(self, name: str, size: int, *, plain: bool) -> Path | None:
        """Return where an entry goes, None when it is left out; what is unsafe is refused.

        Args:
            name: its path in the archive.
            size: its length unpacked. zipfile and tarfile read no more of an entry than it claims here.
            plain: a regular file or a folder.
        """
        self._files -= 1
        self._bytes -= size
        posix, windows = PurePosixPath(name), PureWindowsPath(name)
        if self._files < 0:
            raise self._refusal(name, "is one entry more than allowed")
        if self._bytes < 0:
            raise self._refusal(name, "and the entries before it are larger unpacked than allowed")
        if not plain:
            raise self._refusal(name, "is a link or a device")
        if posix.is_absolute() or windows.drive or windows.root:
            raise self._refusal(name, "is an absolute path")
        if ".." in posix.parts or ".." in windows.parts:
            raise self._refusal(name, "leads out of the folder")
        if not posix.parts or any(part == "__MACOSX" or part.startswith(".") for part in posix.parts):
            return None
        return self._folder / posix

    def _refusal(self, name: str, why: str) -> DownloadError:
        return DownloadError(f"{self._archive} is unsafe and was not unpacked: {name!r} {why}.")


def _put(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:  # x: the same name twice is a trick too
        shutil.copyfileobj(content, file)


def _unpack_zip(archive: Path, room: _Room) -> None:
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was made without Unix rights
            path = room.admit(entry.filename, entry.file_size, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR))
            if path and not entry.is_dir():
                with packed.open(entry) as content:
                    _put(path, content)


def _unpack_tar(archive: Path, room: _Room, max_bytes: int) -> None:
    with _unpacked(archive) as stream:
        # Beside the files, there are headers of 512 bytes or a little more.
        capped = _Capped(stream, 2 * max_bytes + 1_000_000)
        with tarfile.open(fileobj=capped, mode="r|") as packed:
            for entry in packed:
                path = room.admit(entry.name, entry.size, plain=entry.isreg() or entry.isdir())
                content = packed.extractfile(entry) if path and entry.isreg() else None
                if path and content:
                    _put(path, content)


def _unpacked(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(archive))
    if start.startswith(b"BZh"):
        return cast(IO[bytes], bz2.open(archive))
    if start.startswith(b"\xfd7zXZ"):
        return cast(IO[bytes], lzma.open(archive))
    return archive.open("rb")


class _Capped(io.RawIOBase):
    """A stream that refuses to be too long: a TAR's own headers can be bombs, and tarfile reads them whole."""

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream, self._left = stream, max_bytes

    def read(self, size: int = -1, /) -> bytes:
        block = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(block)
        if self._left < 0:
            raise DownloadError("The archive is much larger unpacked than allowed; it was not unpacked.")
        return block
