"""`ecosorter token`: who may review corrections and administer the service."""

from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.cli.options import LangOption, language
from ecosorter.cli.store_options import DatabaseOption, PhotosAtOption, open_store
from ecosorter.texts import texts

app = typer.Typer(help="Make, list and revoke tokens of reviewers and admins.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the person.")]


@app.command(no_args_is_help=True)
def create(
    name: NameArgument,
    role: Annotated[
        Literal["reviewer", "admin"], typer.Option(help="What the person may do: review, or also administer.")
    ] = "reviewer",
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """Make a token and print it, this once: only a hash of it is kept."""
    with open_store(database, photos_at) as store:
        token = store.tokens.create(name, role)
    typer.echo(token)
    Console(stderr=True, soft_wrap=True).print(
        texts("corrections", language(lang))["token_once"].format(name=name), markup=False, highlight=False
    )


@app.command("list")
def list_tokens(
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """List whose tokens there are, and when each was last used."""
    words = texts("corrections", language(lang))
    console = Console(highlight=False)
    with open_store(database, photos_at) as store:
        tokens = store.tokens.all()
    if not tokens:
        console.print(words["no_tokens"], markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "role", "created", "last_used", "revoked"):
        table.add_column(words[heading], overflow="fold")
    for token in tokens:
        days = (token.created.date(), token.last_used, token.revoked and token.revoked.date())
        table.add_row(Text(token.name), token.role, *(str(day) if day else "-" for day in days))
    console.print(table)


@app.command(no_args_is_help=True)
def revoke(
    name: NameArgument,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """End a person's token, from the next request on."""
    with open_store(database, photos_at) as store:
        store.tokens.revoke(name)
    Console(soft_wrap=True).print(
        texts("corrections", language(lang))["token_ended"].format(name=name), markup=False, highlight=False
    )
