"""Files that a command is to write: refused in one way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from ecosorter.files import check_place, reason


@contextmanager
def written_to(path: Path, option: str) -> Iterator[None]:
    """Write a file in the block; say in a sentence, with the option that named it, why it cannot be written.

    Raises:
        typer.BadParameter: an OSError came out of the block.
    """
    try:
        yield
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {reason(error)}", param_hint=option) from error


def check_writable(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before any work.

    Raises:
        typer.BadParameter: it cannot.
    """
    with written_to(path, option):
        check_place(path)
