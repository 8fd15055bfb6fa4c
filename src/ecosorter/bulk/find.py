"""From what people name to photos: files, folders, patterns, lists, archives, addresses."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ecosorter.bulk.archives import is_archive, photos_in
from ecosorter.bulk.inputs import Input, local_input
from ecosorter.bulk.remote import is_address, remote_photos
from ecosorter.photos import Limits, find_photos


def find_inputs(named: Iterable[str], limits: Limits, standard_input: Iterable[bytes] = ()) -> Iterator[Input]:
    """Expand what a person names, lazily and in a fixed order.

    Args:
        named: files, folders and patterns as for `ecosorter.photos.find_photos`; ZIP and TAR archives, which stand for
            the photos in them; addresses such as ``s3://bucket/folder``; ``@FILE`` for a list of all these, one on
            a line; and ``-`` for such a list on standard input.
        limits: caps on each photo; only `max_bytes` counts here.
        standard_input: its lines.

    Yields:
        Every photo that was named, as often as it was named. Whatever stands for no photo at all is yielded as a
        photo that fails, so that it shows up.

    Raises:
        OSError: a list cannot be read.
    """
    for name in named:
        if name == "-":
            yield from _listed(standard_input, limits)
        elif name.startswith("@"):
            with Path(name[1:]).open("rb") as lines:
                yield from _listed(lines, limits)
        else:
            yield from _expand(name, limits)


def _listed(lines: Iterable[bytes], limits: Limits) -> Iterator[Input]:
    """Take each line that is not blank for a name; any byte may be in one."""
    for line in lines:
        if name := os.fsdecode(line.rstrip(b"\r\n")):
            yield from _expand(name, limits)


def _expand(name: str, limits: Limits) -> Iterator[Input]:
    if is_address(name):
        yield from remote_photos(name, limits)
        return
    empty = True
    for found in find_photos([name]):
        empty = False
        path = name if found == Path(name) else os.fspath(found)  # as it was given where it stands for itself
        if is_archive(path) and found.is_file():
            yield from photos_in(path, _open, found.stat().st_size, limits)
        else:
            yield local_input(path, limits)
    if empty:
        yield local_input(name, limits)


def _open(path: str) -> IO[bytes]:
    return Path(path).open("rb", buffering=0)
