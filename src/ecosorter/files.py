"""Writes a file so that it is whole or not there."""

from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, make: Callable[[Path], object]) -> None:
    """Write a file so that at no moment a half-written one stands under its name.

    Args:
        path: the file; its folder is made.
        make: writes the content to the path that it is given, which has the same ending.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    make(part)
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 in the same way."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
