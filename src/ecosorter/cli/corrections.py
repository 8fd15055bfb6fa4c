"""`ecosorter corrections`: what people said about answers, and the data set that comes of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from ecosorter.cli.options import LangOption, language
from ecosorter.cli.store_options import DatabaseOption, PhotosAtOption, open_store
from ecosorter.texts import Language, class_name, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecosorter.serving.store.corrections import Listed

app = typer.Typer(help="List, count and export what people said about answers.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]


@app.command("list")
def list_corrections(
    state: Annotated[
        Literal["open", "accepted", "relabelled", "rejected"] | None,
        typer.Option(help="Only those in this state of the review.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 50,
    as_json: JsonOption = False,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """List corrections, the latest first."""
    with open_store(database, photos_at) as store:
        rows = store.corrections.listed(state=state, limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=str, indent=2))
    else:
        _print_list(rows, language(lang))


@app.command()
def stats(
    as_json: JsonOption = False,
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """Count corrections: how often the model was right, what it takes for what, how far the review is."""
    with open_store(database, photos_at) as store:
        found = store.statistics()
    if as_json:
        pairs = [{"best": best, "truth": truth, "n": n} for (best, truth), n in found.confusions.items()]
        typer.echo(json.dumps(asdict(found) | {"confusions": pairs}, indent=2))
        return
    words = texts("corrections", language(lang))
    lines = [words["counts"].format(**asdict(found))]
    lines += [f"{words[state]}: {n}" for state, n in found.by_state.items()]
    lines += [words["withdrawals"].format(n=n) for consent, n in found.by_consent.items() if consent == "withdrawn"]
    lines += [
        f"{_name(best, language(lang))} → {_name(truth, language(lang))}: {n}"
        for (best, truth), n in found.confusions.items()
    ]
    Console(soft_wrap=True).print("\n".join(lines), markup=False, highlight=False)


@app.command(no_args_is_help=True)
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder, or one of an earlier export.", file_okay=False)],
    database: DatabaseOption = None,
    photos_at: PhotosAtOption = None,
    lang: LangOption = None,
) -> None:
    """Write the accepted and relabelled photos as a data set for `ecosorter train`.

    Run again into the same folder, it adds what is new and removes what was withdrawn.
    """
    from ecosorter.serving.export import export as write  # noqa: PLC0415  # other commands start without SQLAlchemy

    words = texts("corrections", language(lang))
    with open_store(database, photos_at) as store:
        done = write(store, folder, language=language(lang))
    fields = {"photos": sum(done.classes.values()), "contributors": done.contributors, "removed": done.removed}
    Console(soft_wrap=True).print(
        words["exported"].format(manifest=folder / "manifest.csv", **fields), markup=False, highlight=False
    )


def _print_list(rows: "Sequence[Listed]", words: Language) -> None:
    text = texts("corrections", words)
    console = Console(highlight=False)
    if not rows:
        console.print(text["none"], markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("came_in", "model_says", "person_says", "confidence", "state", "photo"):
        table.add_column(text[heading], overflow="fold")
    for row in rows:
        state = text[row.state] + (f": {_name(row.settled, words)}" if row.settled else "")
        cells = (_name(row.best, words), _name(row.truth, words), f"{row.confidence:.2f}", state)
        table.add_row(f"{row.created:%Y-%m-%d %H:%M}", *cells, text["kept"] if row.photo else "-")
    console.print(table)


def _name(label: str, words: Language) -> str:
    return texts("corrections", words)["other"] if label == "other" else class_name(label, words)
