"""The photos in ZIP and TAR archives of unknown origin, without unpacking anything to disk.

Nothing is written, so a member's name can do no harm: it is only what the photo is called. What could do harm is what
an archive makes the program read, and that is capped. Links and devices are left out, and so
is what is hidden or in a system's folder.
"""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

from ecosorter.bulk.inputs import Input, failing_input
from ecosorter.errors import PhotoCorrupt, PhotoEmpty, PhotoError, PhotoTooManyBytes, PhotoTruncated, PhotoUnreadable
from ecosorter.folders import is_photo_name, is_system_folder
from ecosorter.photos import Limits

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
"""File name endings, in small letters, by which an archive is known."""

MAX_MEMBERS = 500_000
"""Members that an archive may have: ZIP's are listed in memory before the first is read."""

MAX_RATIO = 200
"""How many times larger than packed a member, or a whole compressed TAR, may be. Photos hardly shrink at all."""

_LARGEST_READ = 80_000_000  # bytes: a ZIP's list of members, or a header in a TAR, both read in one piece


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is an archive."""
    return name.lower().endswith(ENDINGS)


def is_tar(name: str) -> bool:
    """Tell an archive that must be read to be listed."""
    return is_archive(name) and not name.lower().endswith(".zip")


def photos_in(
    name: str,
    open_file: Callable[[str], Any],
    size: int,
    limits: Limits,
    left_out: Callable[[str], object] = lambda _: None,
) -> Iterator[Input]:
    """List an archive.

    Args:
        name: of the archive. A photo in it is called ``name!/path/in/archive``.
        open_file: gives its bytes by its name: a seekable binary file. It is closed when the last photo is gone. A
            module's own function, so that photos can be sent to other processes, which open the archive again.
        size: of the archive, in bytes.
        limits: `max_bytes` is for each photo.
        left_out: is told of each photo in a system's folder.

    Yields:
        Its photos, in the archive's order; one that fails under the archive's own name where it is damaged, has too
        much in it, or no photo. Those in a compressed TAR, which can only be read in order, come with their bytes.
    """
    kind = _zip if name.lower().endswith(".zip") else _tar
    empty = True
    try:
        for photo in kind(name, _Archive(name, open_file, limits), size, limits, left_out):
            empty = False
            yield photo
    except PhotoError as error:
        yield failing_input(name, error)
    except EOFError:
        yield failing_input(name, PhotoTruncated(f"{name} ends too early; copy or download it again."))
    except Exception as error:  # zipfile and tarfile, fed with broken bytes, may raise anything
        yield failing_input(name, PhotoCorrupt(f"{name} is no archive, or a damaged one ({error}); download it again."))
    else:
        if empty:
            yield failing_input(name, PhotoEmpty(f"{name} holds no photos."))


class _Bounded(io.BufferedReader):
    """A file that is never read in pieces larger than anything honest needs, and that closes itself."""

    def __init__(self, file: Any, limits: Limits) -> None:
        super().__init__(file)
        self._most = max(_LARGEST_READ, limits.max_bytes + 1)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most:
            raise PhotoTooManyBytes("The archive has a header or a list of members that is absurdly long.")
        return super().read(size)

    def __del__(self) -> None:
        self.close()


class _Archive:
    """An open archive. Whoever reads has its lock, since it is one file with one position.

    Sent to another process, it is opened there when the first photo in it is read, and kept open for the next ones.
    """

    def __init__(self, name: str, open_file: Callable[[str], Any], limits: Limits) -> None:
        self._name, self._open, self._limits = name, open_file, limits
        self.lock = Lock()

    def __reduce__(self) -> Any:
        return _opened_again, (self._name, self._open, self._limits)

    @cached_property
    def bytes(self) -> _Bounded:
        """What is in the file; of a compressed TAR, what was compressed."""
        file = _Bounded(self._open(self._name), self._limits)
        compressed = self._name.lower().endswith("gz")
        return _Bounded(gzip.GzipFile(fileobj=file), self._limits) if compressed else file

    @cached_property
    def zip(self) -> zipfile.ZipFile:
        """The file as a ZIP."""
        return zipfile.ZipFile(self.bytes)


@lru_cache(maxsize=4)
def _opened_again(name: str, open_file: Callable[[str], Any], limits: Limits) -> _Archive:
    return _Archive(name, open_file, limits)


def _zip(name: str, packed: _Archive, _size: int, limits: Limits, left_out: Callable[[str], object]) -> Iterator[Input]:
    members = packed.zip.infolist()
    if len(members) > MAX_MEMBERS:
        raise PhotoTooManyBytes(f"{name} has {len(members):,} members; at most {MAX_MEMBERS:,} are read. Split it.")
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where the archive was made without Unix rights
        path = f"{name}!/{member.filename}"
        if kind in (0, stat.S_IFREG) and _is_wanted(member.filename, path, left_out):
            yield Input(path, partial(_read_zipped, path, packed, member, limits))


def _read_zipped(name: str, packed: _Archive, member: zipfile.ZipInfo, limits: Limits) -> bytes:
    if member.flag_bits & 1:
        raise PhotoUnreadable(f"{name} needs a password; pack it without one.")
    _check_size(name, member.file_size, limits)
    if member.file_size > MAX_RATIO * max(member.compress_size, 1):
        raise PhotoTooManyBytes(f"{name} is packed to less than 1/{MAX_RATIO} of its size, as no photo is.")
    try:
        with packed.lock, packed.zip.open(member) as content:
            return content.read(limits.max_bytes + 1)
    except Exception as error:  # see photos_in
        raise PhotoCorrupt(f"{name} cannot be unpacked ({error}); pack or download it again.") from error


def _tar(name: str, packed: _Archive, size: int, limits: Limits, left_out: Callable[[str], object]) -> Iterator[Input]:
    plain = name.lower().endswith(".tar")
    listed = tarfile.open(fileobj=packed.bytes, mode="r:")  # noqa: SIM115 - photos are read after this function's end
    number = 0
    while member := _next(listed, packed.lock):
        number += 1
        if number > MAX_MEMBERS:
            raise PhotoTooManyBytes(f"{name} has more than {MAX_MEMBERS:,} members; the rest is not read. Split it.")
        if size and member.offset_data + member.size > MAX_RATIO * max(size, 4096):
            raise PhotoTooManyBytes(f"{name} is packed to less than 1/{MAX_RATIO} of its size; the rest is not read.")
        path = f"{name}!/{member.name}"
        if not member.isreg() or member.issparse() or not _is_wanted(member.name, path, left_out):
            continue
        read = partial(_read_at, path, packed, member.offset_data, member.size, limits)
        if plain or member.size > limits.max_bytes:
            yield Input(path, read)
        else:
            data = read()
            yield Input(path, partial(bytes, data), held=len(data))
    with packed.lock:
        packed.bytes.seek(listed.offset)
        end = packed.bytes.read(tarfile.BLOCKSIZE)
    if end.strip(b"\0"):  # tarfile takes a damaged header for the end
        raise PhotoCorrupt(f"{name} is damaged after {number:,} members; copy or download it again.")


def _next(listed: tarfile.TarFile, lock: Lock) -> tarfile.TarInfo | None:
    with lock:
        listed.members.clear()  # type: ignore[attr-defined] # tarfile would remember every one of millions
        return listed.next()


def _read_at(name: str, packed: _Archive, offset: int, size: int, limits: Limits) -> bytes:
    _check_size(name, size, limits)
    try:
        with packed.lock:
            packed.bytes.seek(offset)
            data = packed.bytes.read(size)
    except (OSError, EOFError) as error:
        raise PhotoCorrupt(f"{name} cannot be unpacked ({error}); pack or download it again.") from error
    if len(data) < size:
        raise PhotoTruncated(f"{name}: the archive ends too early; copy or download it again.")
    return data


def _check_size(name: str, size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        cap = f"{limits.max_bytes / 1e6:g} MB"
        raise PhotoTooManyBytes(f"{name} has {size / 1e6:.1f} MB, and the cap is {cap}; raise the cap.")


def _is_wanted(member: str, path: str, left_out: Callable[[str], object]) -> bool:
    """Tell a photo from other files, what is hidden, and what lies in a system's folder."""
    parts = PurePosixPath(member).parts
    if member.endswith("/") or not is_photo_name(member):
        return False
    if any(map(is_system_folder, parts[:-1])):
        left_out(path)
        return False
    return not any(part.startswith(".") and part not in (".", "..") for part in parts)
