"""The `ecosorter` command: its sub-commands put together, and errors turned into sentences."""

import os
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer
from rich.console import Console

from ecosorter import __version__
from ecosorter.cli import cache, corrections, models, photos, token
from ecosorter.cli.classify import classify
from ecosorter.cli.evaluate import evaluate
from ecosorter.cli.explain import explain
from ecosorter.cli.extras import extra_of
from ecosorter.cli.guide import guide
from ecosorter.cli.items import items
from ecosorter.cli.poster import poster
from ecosorter.cli.serve import serve
from ecosorter.cli.site import site
from ecosorter.cli.sort import sort
from ecosorter.cli.teach import teach
from ecosorter.cli.train import train
from ecosorter.cli.watch import watch
from ecosorter.errors import EcoSorterError
from ecosorter.files import reason
from ecosorter.photos import ignore_pillow_warnings

app = typer.Typer(
    name="ecosorter",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def ecosorter(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Which bin does it belong in? Classify photos of waste; train and measure your own model."""


app.command(no_args_is_help=True)(classify)
app.command(no_args_is_help=True)(sort)
app.command(no_args_is_help=True)(watch)
app.command(no_args_is_help=True)(train)
app.command(no_args_is_help=True)(teach)
app.command(no_args_is_help=True)(evaluate)
app.command(no_args_is_help=True)(explain)
app.command(no_args_is_help=True)(guide)
app.command()(items)
app.command()(poster)
app.command()(serve)
app.command(no_args_is_help=True)(site)
app.add_typer(photos.app, name="photos")
app.add_typer(models.app, name="models")
app.add_typer(cache.app, name="cache")
app.add_typer(corrections.app, name="corrections")
app.add_typer(token.app, name="token")


def main() -> None:
    """Run the command; what goes wrong is told in a sentence, and the exit code is 2."""
    _open_closed_streams()
    ignore_pillow_warnings()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # whether the disk behind it is full is known only now
    except EcoSorterError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ecosorter"):
            raise
        extra = extra_of(error.name or "")
        how = f"which comes with the extra [{extra}]: pip install 'ecosorter[{extra}]'" if extra else "which is missing"
        _fail(f"this needs {error.name}, {how}")
    except BrokenPipeError:  # whoever read standard output has seen enough
        _discard(sys.stdout)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        _fail(f"{place}{reason(error)}. Look at the disk and your rights there, and try again.")
    except sqlite3.Error as error:
        _fail(f"A database cannot be used: {error}. Look at the disk and your rights there, and try again.")
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(sentence: str) -> NoReturn:
    with suppress(OSError):
        Console(stderr=True, soft_wrap=True).print(f"ecosorter: {sentence}", style="red", markup=False, highlight=False)
    _discard(sys.stdout)
    _discard(sys.stderr)
    sys.exit(2)


def _discard(stream: TextIO) -> None:
    """Make sure that what a stream still holds is no second error at the program's end, if it cannot be written."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed_streams() -> None:
    """Open what a program may be started without: libraries rely on it, and a file would get its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for good
