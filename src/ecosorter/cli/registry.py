"""`ecosorter registry`: the models of a service, which of them answers, and the way back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.bundle import load_bundle
from ecosorter.cli.options import LangOption, language
from ecosorter.cli.store_options import DatabaseOption, PhotosAtOption, RegistryOption, open_mirrored, open_store
from ecosorter.errors import StoreError
from ecosorter.texts import Language, texts

if TYPE_CHECKING:
    from ecosorter.serving.store import Store
    from ecosorter.serving.store.models import Registered

app = typer.Typer(help="List a service's models, promote one, and go back.", no_args_is_help=True)

SHORTEST_ID = 4
"""Characters of an id that are taken for it, as git does; fewer may be the beginning of any id."""

VersionArgument = Annotated[
    str, typer.Argument(help=f"Version of the model, or the first characters of its id ({SHORTEST_ID} or more).")
]
WhoOption = Annotated[str, typer.Option(help="Who does it; the history says so.")]


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """List the models, how each did beside the one that was in use, and what has changed since."""
    words = texts("registry", language(lang))
    with open_store(database, photos_at) as store:
        found, history, left = store.models.all(), store.models.changes(), store.models.withdrawn()
    if as_json:
        content = {"models": [asdict(each) for each in found], "changes": [asdict(each) for each in history]}
        typer.echo(json.dumps(content, default=str, indent=2))
        return
    console = Console(highlight=False)
    if not found:
        console.print(words["no_models"], markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("model", "state", "held_out", "changed"):
        table.add_column(words[heading], overflow="fold")
    for each in found:
        last = next(change for change in history if change.model == each.id)
        gain = "-"
        if each.figures:
            gain = "{mean:+.1f} ({low:+.1f} … {high:+.1f})".format(
                **{name: 100 * value for name, value in each.figures["difference"].items()}
            )
        state = words[each.state] if each.files else words["erased"]
        name = Text(f"{each.name} {each.version}")
        if each.id in left and each.files:
            name.append(f"\n{words['withdrawn'].format(photos=left[each.id])}", "yellow")
        table.add_row(name, state, gain, Text(f"{last.at:%Y-%m-%d %H:%M} {last.who} {last.why}"))
    console.print(table)


@app.command(no_args_is_help=True)
def add(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as `ecosorter train` writes it.")],
    use: Annotated[bool, typer.Option("--use", help="The first of a registry: put it into use.")] = False,
    who: WhoOption = "command line",
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    registry: RegistryOption = None,
    lang: LangOption = None,
) -> None:
    """Add a model that was made elsewhere, as a candidate."""
    with open_mirrored(database, photos_at, registry) as store:
        added = store.models.add(load_bundle(model), who=who, why="added", state="in_use" if use else "candidate")
    _say(lang, "added", added)


@app.command(no_args_is_help=True)
def set(  # noqa: A001 - the command's name
    version: VersionArgument,
    state: Annotated[
        Literal["candidate", "shadow", "in_use", "retired"],
        typer.Argument(help="in_use promotes it; the model that was in use is retired."),
    ],
    why: Annotated[str, typer.Option(help="For the history.")] = "",
    who: WhoOption = "command line",
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    registry: RegistryOption = None,
    lang: LangOption = None,
) -> None:
    """Change a model's state; all workers and replicas follow within 10 seconds."""
    with open_mirrored(database, photos_at, registry) as store:
        changed = _changed(store, _find(store, version), state, who, why)
    _say(lang, "changed_to", changed)


@app.command()
def back(
    who: WhoOption = "command line",
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    registry: RegistryOption = None,
    lang: LangOption = None,
) -> None:
    """Put the model into use again that was so before."""
    with open_mirrored(database, photos_at, registry) as store:
        earlier = store.models.used_before()
        model = store.models.get(earlier[0]) if earlier else None
        if model is None:
            raise StoreError("There is no earlier model to go back to.")
        changed = _changed(store, model, "in_use", who, "back")
    _say(lang, "changed_to", changed)


@app.command(no_args_is_help=True)
def erase(
    version: VersionArgument,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    registry: RegistryOption = None,
    lang: LangOption = None,
) -> None:
    """Remove a model's files for good, as of one that contains withdrawn photos; its history stays."""
    with open_mirrored(database, photos_at, registry) as store:
        model = _find(store, version)
        if not store.models.erase(model.id):
            raise StoreError(f"{model.name} {model.version} is in use or in shadow; put another one there first.")
    _say(lang, "was_erased", model)


def _find(store: "Store", name: str) -> "Registered":
    models = store.models.all()
    found = [each for each in models if each.version == name]
    if not found and len(name) >= SHORTEST_ID:
        found = [each for each in models if each.id.hex.startswith(name.lower())]
    if len(found) != 1:
        raise StoreError(f"{len(found)} models are called {name!r}; `ecosorter registry list` shows them.")
    return found[0]


def _changed(
    store: "Store", model: "Registered", state: Literal["candidate", "shadow", "in_use", "retired"], who: str, why: str
) -> "Registered":
    seen = max((change.number for change in store.models.changes()), default=0)
    changed = store.models.change(model.id, state, seen=seen, who=who, why=why)
    if isinstance(changed, str):
        reasons = {"changed": "somebody else has changed something meanwhile; look again"}
        why_not = reasons.get(changed, "it is so already, or no model would be left in use")
        raise StoreError(f"{model.name} {model.version} cannot become {state}: {why_not}.")
    return changed


def _say(lang: Language | None, key: str, model: "Registered") -> None:
    words = texts("registry", language(lang))
    name = f"{model.name} {model.version}"
    Console(soft_wrap=True).print(
        words[key].format(model=name, state=words[model.state]), markup=False, highlight=False
    )
