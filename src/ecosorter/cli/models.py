"""`ecosorter models`: which models there are, what each is, and whether it is whole."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.bundle import find_bundles, load_bundle, shipped_bundles
from ecosorter.classifier import Classifier
from ecosorter.cli.options import LangOption, language
from ecosorter.errors import BundleError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.texts import class_name, texts

app = typer.Typer(help="List, show and verify models.", no_args_is_help=True)

_RUNS = Path("runs")


@app.command("list")
def list_models(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where to look; else the models that come along, and ./runs.", show_default=False),
    ] = None,
    lang: LangOption = None,
) -> None:
    """List the models in and below a folder; one that cannot be used is listed with the reason."""
    if folder is not None and not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    words = texts("models", language(lang))
    found = find_bundles(folder) if folder is not None else [*shipped_bundles(), *find_bundles(_RUNS)]
    console = Console(highlight=False)
    if not found:
        console.print(words["none"].format(folders=folder or f"./{_RUNS}"), markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("folder", "model", "created", "classes"):
        table.add_column(words[heading], overflow="fold")
    for path in found:
        try:
            info = load_bundle(path).info
        except BundleError as error:
            table.add_row(Text(str(path)), Text(f"{words['unusable']}: {error}", "red"))
        else:
            name = Text(f"{info.name} {info.version}")
            table.add_row(Text(str(path)), name, info.created[:10], str(len(info.classes)))
    console.print(table)


@app.command(no_args_is_help=True)
def show(
    model: Annotated[Path, typer.Argument(help="Folder of the model.")],
    lang: LangOption = None,
) -> None:
    """Show what a model is: its classes, what it learnt from, how it was measured, how it was made."""
    speak = language(lang)
    words = texts("models", speak)
    info = load_bundle(model).info
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")

    def add(key: str, *lines: str) -> None:
        if lines:
            grid.add_row(words[key], Text("\n".join(lines)))

    add("model", f"{info.name} {info.version}")
    add("folder", str(model))
    add("created", info.created)
    add("classes", ", ".join(class_name(name, speak) for name in info.classes))
    add("input", _rule(info.preprocess))
    add("answers_from", f"{info.thresholds.confidence:.0%}")
    add("metrics", *_flat(info.metrics))
    for source in info.data:
        licence = [words["licence"].format(licence=source.licence)] if source.licence else []
        add("data", ", ".join([source.name, words["photos"].format(photos=f"{source.photos:,}"), *licence]))
    add("recipe", *_flat(info.recipe))
    add("made_with", *(f"{name} {version}" for name, version in info.made_with.items()))
    grid.add_row("SHA-256", info.sha256)
    add("bank", words["no_bank"] if info.bank_sha256 is None else f"SHA-256 {info.bank_sha256}")
    Console(highlight=False).print(grid)


@app.command(no_args_is_help=True)
def verify(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Folders of models.")],
    lang: LangOption = None,
) -> None:
    """Check files, hashes, description and graph of each model, and run it. Exit code 1 when one is bad."""
    words = texts("models", language(lang))
    console = Console(highlight=False)
    bad = False
    for model in models:
        try:
            Classifier.load(model).bundle.load_bank()
        except BundleError as error:
            bad = True
            console.print(Text.assemble((words["bad"], "red"), f"  {model}: {error}"), soft_wrap=True)
        else:
            console.print(Text.assemble((words["good"], "green"), f"  {model}"), soft_wrap=True)
    if bad:
        raise typer.Exit(1)


def _rule(spec: PreprocessSpec) -> str:
    crop = f" {spec.shorter_side} px" if spec.shorter_side else ""
    grey = ", grey" if spec.grey else ""
    return f"{spec.size} x {spec.size} px, {spec.resize}{crop}, {spec.interpolation}{grey}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield ``a.b: value`` for each plain value; long lists, such as curves, are left to bundle.json."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, float):
            yield f"{name}: {value:.4g}"
        elif value is not None and len(str(value)) <= 100:
            yield f"{name}: {value}"
