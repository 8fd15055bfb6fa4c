"""`ecosorter train`: from folders of photos to a measured model."""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ecosorter.cli.bars import Bars
from ecosorter.cli.options import ClassesOption, EngineOption, LangOption, RayAddressOption, language
from ecosorter.pool import joined
from ecosorter.texts import Language, texts

if TYPE_CHECKING:
    from ecosorter.evaluation.scores import Scores
    from ecosorter.training.results import RunResult


class Track(StrEnum):
    """Where a run is tracked beside its own folder."""

    NONE = "none"
    WANDB = "wandb"


def train(
    photos: Annotated[list[Path], typer.Argument(help="Folders of class folders, folders of those, or CSV manifests.")],
    recipe: Annotated[str, typer.Option(help="A recipe's name or TOML file.")] = "resnet18-smote",
    out: Annotated[Path | None, typer.Option(help="Folder of the run; the same one again goes on.")] = None,
    backbone: Annotated[
        str | None,
        typer.Option(help="Short name, Hugging Face id, local folder or ONNX file.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides split, weights and order.", show_default=False)] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many.", show_default=False)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe, e.g. fit.batch_size=32."),
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="A source to keep from training and measure on; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(min=0, help="Cross-validation folds, grouped and stratified; 0 for none.")] = 0,
    classes: ClassesOption = "seven",
    track: Annotated[Track, typer.Option(help="Also send the run to Weights & Biases.")] = Track.NONE,
    project: Annotated[str, typer.Option(help="Project in Weights & Biases.")] = "ecosorter",
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    lang: LangOption = None,
) -> None:
    """Train a model on photos, measure it honestly, and export it."""
    from ecosorter.training.network_recipe import network_recipe_names  # noqa: PLC0415
    from ecosorter.training.recipe import load_recipe  # noqa: PLC0415  # kept off the start-up of other commands

    if recipe in network_recipe_names():
        if backbone or hold_out or classes == "own" or track is not Track.NONE or engine == "ray":
            raise typer.BadParameter(
                "it trains a whole network and leaves out sources by itself; of the options it takes --out, --seed, "
                "--epochs, --set, --folds and --lang",
                param_hint=f"--recipe {recipe}",
            )
        flags = {"seed": seed, "finetune.epochs": epochs, **_pairs(settings or [])}
        _train_network(photos, out or Path("runs") / recipe, recipe, flags, folds, language(lang))
        return
    flags = {"features.backbone": backbone, "seed": seed, "fit.epochs": epochs, **_pairs(settings or [])}
    chosen = load_recipe(recipe, overrides=flags, environ=os.environ)
    # torch comes in here, which takes seconds: after the recipe was found to be right
    with _all_to_stay():
        from ecosorter.datasets.cache import Cache  # noqa: PLC0415
        from ecosorter.training.run import Request  # noqa: PLC0415
        from ecosorter.training.run import train as run  # noqa: PLC0415
        from ecosorter.training.tracking.tracker import open_tracker  # noqa: PLC0415

    folder = out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{chosen.name}"
    words = language(lang)
    request = Request(
        photos=tuple(photos),
        out=folder,
        own_classes=classes == "own",
        hold_out=tuple(hold_out or ()),
        folds=folds,
        language=words,
        pool=joined(ray_address) if engine == "ray" else None,
    )
    with Bars() as bars:
        result = run(request, chosen, Cache(), open_tracker(track.value, folder, project), bars)
    _print(result, folder, words)


def _train_network(
    photos: list[Path], out: Path, recipe: str, flags: Mapping[str, object], folds: int, words: Language
) -> None:
    """Train a network end to end, and say how it does on sources that it never saw; or measure it by folds only."""
    from ecosorter.training.network_recipe import load_network_recipe  # noqa: PLC0415

    chosen = load_network_recipe(recipe, overrides=flags, environ=os.environ)
    from ecosorter.datasets.cache import Cache  # noqa: PLC0415  # torch comes in here
    from ecosorter.training.crossvalidate import cross_validate  # noqa: PLC0415
    from ecosorter.training.fit.processes import is_first  # noqa: PLC0415
    from ecosorter.training.shipping import ship  # noqa: PLC0415

    if folds:
        with Bars() as bars:
            result = cross_validate(photos, out, chosen, folds, Cache(), bars, words)
        if is_first(chosen.trainer):
            _print(result, out, words)
        return
    with Bars() as bars:
        bundle = ship(photos, out, chosen, Cache(), bars)
    if not is_first(chosen.trainer):
        return
    text, held_out = texts("train", words), bundle.info.metrics["held_out"]
    table = Table(title=chosen.name)
    for name in ("measured_on", "photos", "macro_recall", "frozen"):
        table.add_column(text[name], justify="left" if name == "measured_on" else "right", overflow="fold")
    for source, figures in held_out["sources"].items():
        rates = (f"{figures[key]:.3f}" for key in ("macro_recall", "frozen"))
        table.add_row(text["held_out"].format(source=source), str(figures["photos"]), *rates)
    for key in ("mean", "worst"):
        table.add_row(text[key], "", f"{held_out[key]:.3f}", f"{held_out[f'frozen_{key}']:.3f}")
    console = Console()
    console.print(table)
    console.print(f"{text['bundle']}: {bundle.folder}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _all_to_stay() -> Iterator[None]:
    """Import without garbage collection: a million objects come in that all stay, and looking at them takes seconds."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _pairs(settings: list[str]) -> dict[str, str]:
    pairs = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
        pairs[key.strip()] = value.strip()
    return pairs


def _print(result: "RunResult", folder: Path, words: Language) -> None:
    text = texts("train", words)
    backbone = result.recipe.get("features", result.recipe)["backbone"]
    table = Table(title=f"{result.recipe['name']} · {backbone}")
    for name in ("measured_on", "photos", "accuracy", "interval", "macro_f1", "calibration_error"):
        table.add_column(text[name], justify="left" if name == "measured_on" else "right", overflow="fold")

    def add(name: str, scores: "Scores") -> None:
        low, high = scores.accuracy_interval
        interval = f"{low:.3f} - {high:.3f}"
        figures = (
            f"{scores.accuracy:.3f}",
            interval,
            f"{scores.macro_f1:.3f}",
            f"{scores.calibration_error:.3f}",
        )
        table.add_row(name, str(scores.photos), *figures)

    for fit in filter(None, (result.fit, result.compared)):
        kind = "all_folds" if fit.name == "cross-validation" else "honest"
        add(text["leaky" if fit.leaky else kind], fit.scores)
    for name, scores in result.held_out.items():
        add(text["held_out"].format(source=name), scores)
    for number, scores in enumerate(result.folds, start=1):
        add(text["fold"].format(number=number), scores)
    console = Console()
    console.print(table)
    for note in result.notes:
        console.print(f"- {note.say(words)}", markup=False, highlight=False, soft_wrap=True)
    for key in ("bundle", "report.html"):
        if (folder / key).exists():  # a cross-validation has no model
            name = text[key.partition(".")[0]]
            console.print(f"{name}: {folder / key}", markup=False, highlight=False, soft_wrap=True)
