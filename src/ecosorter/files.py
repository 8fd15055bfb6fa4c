"""Files that are whole or not there."""

import errno
import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FOLDER_LOCK = ".lock"
"""Name of the file in a locked folder on Windows, which has locks for files alone."""

_STREAMS = tuple(map(Path, ("/dev", "/dev/fd", "/proc/self/fd")))  # /dev/stdout may lead to a file, and is none
_FAR = 2**31 - 2  # a place in a file, as far as the C library of Windows can lock one
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(?=[^/])")  # a letter alone is a disk of Windows
_STEM = 50  # letters of a name that its part bears too: together they must not be too long for a disk


def write_whole(path: Path, make: Callable[[Path], object], *, exclusive: bool = False, sync: bool = True) -> None:
    """Write a file so that at no moment a half-written one stands under its name, and nothing is left of a failure.

    A symbolic link stays, and what it leads to is replaced. A pipe or a device is written to as it is.

    Args:
        path: the file; its folder is made.
        make: writes the content to the path that it is given, which has the same ending. A library that does not tell
            that the disk is full should give bytes instead: see `write_bytes`.
        exclusive: refuse to replace what is there.
        sync: wait for the disk, so that the file outlasts a power cut, and a disk over the network has told its faults.

    Raises:
        OSError: it cannot be written; `reason` puts that into words.
        FileExistsError: something is there, and `exclusive` is set.
    """
    if _is_stream(path):
        make(path)
        return
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target)
    try:
        make(part)
        if sync:
            _sync(part)
        if exclusive:
            target.open("xb").close()
        try:
            part.replace(target)
        except OSError:
            if exclusive:
                target.unlink()
            raise
    finally:
        part.unlink(missing_ok=True)
    if sync and sys.platform != "win32":
        _sync(target.parent)


def write_bytes(path: Path, content: bytes, *, exclusive: bool = False) -> None:
    """Write a file in the same way."""
    write_whole(path, lambda part: part.write_bytes(content), exclusive=exclusive)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 in the same way."""
    write_bytes(path, text.encode())


def reserve(path: Path) -> None:
    """Take the room on the disk that a file says it has, before memory is mapped to it.

    Whoever writes to such memory when the disk is full is killed by the system, and has no error to tell.

    Raises:
        OSError: the disk is full.
    """
    if hasattr(os, "posix_fallocate"):  # other systems take it when the file is made
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, path.stat().st_size))


def check_place(path: Path) -> None:
    """Find out before any work whether a file can be written, as far as that can be known.

    Raises:
        OSError: its folder is not there, must not be written, or the disk is full.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not _is_stream(path):
        part = part_of(Path(os.path.realpath(path)))
        try:
            part.write_bytes(b"0")
        finally:
            part.unlink(missing_ok=True)


def lock(descriptor: int) -> None:
    """Keep other processes away until a file or folder is closed, or this process has ended in any way.

    Args:
        descriptor: of the open file or folder. Only who asks for the lock too is kept away.

    Raises:
        BlockingIOError: another process has it.
    """
    if sys.platform == "win32":
        here = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR, os.SEEK_SET)  # what is locked can be read by nobody else: so nothing that is there
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(descriptor, here, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_folder(folder: Path) -> int:
    """Keep other processes away from a folder, as `lock` does.

    Returns:
        A descriptor; whoever closes it gives the folder back.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        descriptor = os.open(folder / FOLDER_LOCK, os.O_RDWR | os.O_CREAT)
    else:
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def reason(error: OSError) -> str:
    """Return what the system says, in its words; not every such error has them."""
    return error.strerror or str(error) or type(error).__name__


def address_in(path: str | os.PathLike[str]) -> str:
    """Return the address that stands where the path of a file or folder was wanted; ``""`` for none.

    Args:
        path: as somebody gave it. `Path` has made one slash of the two in an address; both are put back.
    """
    name = os.fspath(path)
    found = _ADDRESS.match(name)
    if not found:
        return ""
    slashes = "///" if found[1].lower() == "file" else "//"  # a file's address names no host
    return f"{found[1]}:{slashes}{name[found.end() :]}"


def part_of(path: Path) -> Path:
    """Return a new hidden name beside a file or folder, on the same disk."""
    return path.with_name(f".{path.stem[:_STEM]}.{secrets.token_hex(4)}.part{path.suffix}")


def is_part(name: str, of: Path | None = None) -> bool:
    """Tell by its name what a killed writer has left in a folder.

    Args:
        name: of a file.
        of: the file that was to be written; None for any.
    """
    stem, ending = (".*", r"(\..*)?") if of is None else (re.escape(of.stem[:_STEM]), re.escape(of.suffix))
    return bool(re.fullmatch(rf"\.{stem}\.[0-9a-f]{{8}}\.part{ending}", name, re.DOTALL))


def remove_parts(path: Path) -> None:
    """Remove what killed writers have left of a file. Nobody may be writing it."""
    for entry in path.parent.iterdir() if path.parent.is_dir() else ():
        if is_part(entry.name, of=path):
            entry.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    return path.parent in _STREAMS or (path.exists() and not path.is_file() and not path.is_dir())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some disks over the network know no such thing
            raise
    finally:
        os.close(descriptor)
