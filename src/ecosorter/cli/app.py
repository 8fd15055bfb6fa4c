"""The `ecosorter` command: its sub-commands put together, and errors turned into sentences."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from ecosorter import __version__
from ecosorter.cli import cache, corrections, models, photos, token
from ecosorter.cli.classify import classify
from ecosorter.cli.evaluate import evaluate
from ecosorter.cli.explain import explain
from ecosorter.cli.guide import guide
from ecosorter.cli.items import items
from ecosorter.cli.poster import poster
from ecosorter.cli.serve import serve
from ecosorter.cli.teach import teach
from ecosorter.cli.train import train
from ecosorter.errors import EcoSorterError

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
app.command(no_args_is_help=True)(train)
app.command(no_args_is_help=True)(teach)
app.command(no_args_is_help=True)(evaluate)
app.command(no_args_is_help=True)(explain)
app.command(no_args_is_help=True)(guide)
app.command()(items)
app.command()(poster)
app.command()(serve)
app.add_typer(photos.app, name="photos")
app.add_typer(models.app, name="models")
app.add_typer(cache.app, name="cache")
app.add_typer(corrections.app, name="corrections")
app.add_typer(token.app, name="token")


def main() -> None:
    """Run the command; an error that EcoSorter raises on purpose is printed, and the exit code is 2."""
    try:
        app()
    except EcoSorterError as error:
        Console(stderr=True, soft_wrap=True).print(f"ecosorter: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ecosorter"):
            raise
        Console(stderr=True, soft_wrap=True).print(
            f"ecosorter: this needs {error.name}, which comes with an extra, [train] or [serve] (see the README).",
            markup=False,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
