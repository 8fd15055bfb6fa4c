"""Find photos in people's folders, past what a NAS, a system or an archiver puts there for itself."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PHOTO_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .heic .heif .hif .avif .gif .bmp .dib .tif .tiff".split()  # noqa: SIM905
)
"""File name endings, in small letters, by which photos are found in folders."""

SYSTEM_FOLDERS = frozenset(
    name.lower()
    for name in (
        *("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "@tmp"),  # Synology, QNAP
        *("$RECYCLE.BIN", "RECYCLER", "System Volume Information", "FOUND.000"),  # Windows
        *("__MACOSX", ".AppleDouble", "Network Trash Folder"),  # macOS, in archives and on other systems' disks
        "lost+found",  # Linux
    )
)
"""Folders that a NAS, a system or an archiver makes beside people's photos, in small letters: thumbnails, what was
deleted, what a check of the disk found. They are left out of folders and archives."""


def find_photos(
    paths: Iterable[str | os.PathLike[str]], left_out: Callable[[Path], object] = lambda _: None
) -> Iterator[Path]:
    """Expand folders and patterns to photos, lazily and in a fixed order.

    Args:
        paths: what a person names. A folder stands for the files in it and below it that have one of
            `PHOTO_ENDINGS`, sorted by path; what is hidden (starts with a dot) and `SYSTEM_FOLDERS` are left out, links
            to folders are followed once. A pattern (``*``, ``?``, ``[…]``, ``**``) stands for what it matches, sorted,
            again without `SYSTEM_FOLDERS` that it does not name. Anything else is taken as it is, whatever its ending.
        left_out: is told of each photo in `SYSTEM_FOLDERS`.

    Yields:
        One path for each photo. What does not exist is yielded as given, so that it shows up as missing, and
        so is a folder that cannot be listed or that is named like a photo.
    """
    for path in paths:
        given = os.fspath(path)
        if os.path.isdir(given):  # noqa: PTH112 - Path("") is the current folder, and Path.is_dir raises
            yield from _walk(given, left_out, in_system=is_system_folder(Path(given).name))
        elif os.path.lexists(given) or not set("*?[").intersection(given):
            yield Path(given)
        else:
            matches = sorted(glob.iglob(given, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
            named = set(Path(given).parts)
            for match in map(Path, matches or [given]):
                in_system = any(is_system_folder(part) and part not in named for part in match.parts)
                if match.is_dir():
                    yield from _walk(os.fspath(match), left_out, in_system=in_system)
                elif not in_system:
                    yield match
                elif is_photo_name(match.name):
                    left_out(match)


def is_photo_name(name: str) -> bool:
    """Tell whether a file's name ends like a photo's."""
    return Path(name).suffix.lower() in PHOTO_ENDINGS


def is_system_folder(name: str) -> bool:
    """Tell whether a folder's name is one of `SYSTEM_FOLDERS`, in any mix of small and capital letters."""
    return name.lower() in SYSTEM_FOLDERS


def is_clutter(name: str) -> bool:
    """Tell whether a name in a folder is hidden, or that of a system's folder: nothing that a person put there."""
    return name.startswith(".") or is_system_folder(name)


def _walk(root: str, left_out: Callable[[Path], object], *, in_system: bool) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    stack = [_Found(root, True, in_system)]
    while stack:
        path, is_folder, in_system = stack.pop()
        if not is_folder:
            if in_system:
                left_out(Path(path))
            else:
                yield Path(path)
            continue
        if path != root and is_photo_name(path) and not in_system:
            yield Path(path)
        try:
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in seen:  # a link that leads back
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                found = [_found(entry, in_system) for entry in entries]
        except OSError:
            if not in_system:
                yield Path(path)
            continue
        stack += sorted((child for child in found if child), reverse=True)


class _Found(NamedTuple):
    path: str
    is_folder: bool
    in_system: bool


def _found(entry: os.DirEntry[str], in_system: bool) -> _Found | None:
    """Return what is in a folder; None for what stands for no photo."""
    is_folder = _is_folder(entry)
    in_system = in_system or (is_folder and is_system_folder(entry.name))
    if not (is_folder or is_photo_name(entry.name)) or (entry.name.startswith(".") and not in_system):
        return None
    return _Found(entry.path, is_folder, in_system)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself or where nobody may look
        return False
