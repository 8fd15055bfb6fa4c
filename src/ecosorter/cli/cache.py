"""`ecosorter cache`: what is kept to save time, and how to be rid of it."""

import typer
from rich.console import Console

from ecosorter.errors import CacheError

app = typer.Typer(help="Show or clear the cache of features.", no_args_is_help=True)


@app.command()
def show() -> None:
    """Show where the cache lies and how full it is."""
    from ecosorter.datasets.cache import Cache  # noqa: PLC0415  # kept off the start-up of other commands

    cache = Cache()
    usage = cache.usage()
    Console(soft_wrap=True).print(
        f"{cache.path}\n{usage.entries:,} entries, "
        f"{usage.bytes / 1e6:,.1f} MB of at most {usage.max_bytes / 1e6:,.0f} MB",
        highlight=False,
    )


@app.command()
def clear() -> None:
    """Remove everything from the cache; photos, runs and models stay."""
    from ecosorter.datasets.cache import Cache  # noqa: PLC0415

    cache = Cache()
    try:
        before = cache.usage()
    except CacheError:
        cache.clear()
        Console(soft_wrap=True).print(f"Removed {cache.path}, which could not be read.", markup=False, highlight=False)
        return
    cache.clear()
    Console().print(f"Removed {before.entries:,} entries, {before.bytes / 1e6:,.1f} MB.", highlight=False)
