"""From what people name to photos: files, folders, patterns, lists, archives, addresses."""

import codecs
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from ecosorter.bulk.archives import is_archive, photos_in
from ecosorter.bulk.inputs import Input, local_input
from ecosorter.bulk.remote import is_address, remote_photos
from ecosorter.errors import BulkError
from ecosorter.files import reason
from ecosorter.folders import find_photos, is_system_folder
from ecosorter.photos import Limits

_MARKS = {  # UTF-32's are longer, and start like UTF-16's
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def find_inputs(
    named: Iterable[str],
    limits: Limits,
    standard_input: Iterable[bytes] = (),
    left_out: Callable[[object], object] = lambda _: None,
) -> Iterator[Input]:
    """Expand what a person names, lazily and in a fixed order.

    Args:
        named: files, folders and patterns as for `ecosorter.folders.find_photos`; ZIP and TAR archives, which stand for
            the photos in them; addresses such as ``s3://bucket/folder``; ``@FILE`` for a list of all these, one on
            a line; and ``-`` for such a list on standard input.
        limits: caps on each photo; only `max_bytes` counts here.
        standard_input: its lines.
        left_out: is told of each photo in `ecosorter.folders.SYSTEM_FOLDERS`.

    Yields:
        Every photo that was named, as often as it was named. Whatever stands for no photo at all is yielded as a
        photo that fails, so that it shows up, but not where something was left out of it.

    Raises:
        BulkError: a list cannot be read.
    """
    for name in named:
        if name == "-":
            names = names_in(standard_input)
        elif is_list(name):
            names = _names_in_file(Path(name[1:]))
        else:
            names = iter([name])
        for one in names:
            yield from _expand(one, limits, left_out)


def is_list(name: str) -> bool:
    """Tell whether a name stands for a list: it starts with ``@``, and nothing is called so, as a NAS calls folders."""
    return name.startswith("@") and not os.path.lexists(name)


def _names_in_file(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as lines:
            yield from names_in(lines)
    except OSError as error:
        raise BulkError(f"The list {path} cannot be read: {reason(error)}.") from error


def names_in(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the names in a list, one on a line that is not blank.

    Args:
        lines: of a text file. It is UTF-16 or UTF-32 where a byte order mark at its start says so, as programs on
            Windows write it, and UTF-16 without a mark where most of every other byte of its first line is 0.
            Otherwise any byte but the line's end may be in a name.
    """
    lines = iter(lines)
    first = next(lines, b"")
    lines = chain([first], lines)
    encoding = _encoding(first)
    texts = (
        (os.fsdecode(line.removeprefix(codecs.BOM_UTF8)) for line in lines)
        if encoding is None
        else _lines(codecs.iterdecode(lines, encoding, "replace"))
    )
    for text in texts:
        if name := text.rstrip("\r\n").removeprefix("\ufeff"):
            yield name


def _lines(texts: Iterable[str]) -> Iterator[str]:
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        yield from whole
    yield rest


def _encoding(start: bytes) -> str | None:
    """Return the encoding of a text whose first line is this; None for the system's own."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    for encoding, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if 2 * zeros.count(0) > len(zeros) and not letters.count(0):
            return encoding
    return None


def _expand(name: str, limits: Limits, left_out: Callable[[object], object]) -> Iterator[Input]:
    left = 0

    def count(what: object) -> None:
        nonlocal left
        left += 1
        left_out(what)

    if is_address(name):
        yield from remote_photos(name, limits, left_out)
        return
    empty = True
    for found in find_photos([name], count):
        empty = False
        path = name if found == Path(name) else os.fspath(found)  # as it was given where it stands for itself
        if is_archive(path) and found.is_file():
            yield from photos_in(path, _open, found.stat().st_size, limits, left_out)
        else:
            yield local_input(path, limits)
    if empty and not left and not is_system_folder(Path(name).name):
        yield local_input(name, limits)


def _open(path: str) -> IO[bytes]:
    return Path(path).open("rb", buffering=0)
