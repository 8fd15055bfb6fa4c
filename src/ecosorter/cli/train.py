"""`ecosorter train`: from folders of photos to a measured model."""

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecosorter.cli.bars import Bars
from ecosorter.cli.options import ClassesOption, EngineOption, LangOption, RayAddressOption, language
from ecosorter.cli.stopped import told_when_stopped
from ecosorter.pool import joined
from ecosorter.texts import Language, texts

if TYPE_CHECKING:
    from ecosorter.evaluation.scores import Scores
    from ecosorter.evaluation.unseen import Unseen
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
    folds: Annotated[int, typer.Option(min=0, help="Measure by so many folds too; 0 as the recipe says.")] = 0,
    classes: ClassesOption = "seven",
    track: Annotated[Track, typer.Option(help="Also send the run to Weights & Biases.")] = Track.NONE,
    project: Annotated[str, typer.Option(help="Project in Weights & Biases.")] = "ecosorter",
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    lang: LangOption = None,
) -> None:
    """Train a model on photos, measure it honestly, and export it."""
    from ecosorter.training.recipe import load_recipe  # noqa: PLC0415  # kept off the start-up of other commands

    flags = {"features.backbone": backbone, "seed": seed, **_pairs(settings or [])}
    chosen = load_recipe(recipe, overrides=flags, environ=os.environ)
    if epochs is not None:
        flags["finetune.epochs" if chosen.finetune else "fit.epochs"] = epochs
        chosen = load_recipe(recipe, overrides=flags, environ=os.environ)
    # torch comes in here, which takes seconds: after the recipe was found to be right
    with _all_to_stay():
        from ecosorter.datasets.cache import Cache  # noqa: PLC0415
        from ecosorter.training.run import rank_of  # noqa: PLC0415
        from ecosorter.training.run import train as run  # noqa: PLC0415
        from ecosorter.training.tracking.tracker import open_tracker  # noqa: PLC0415

    # Processes that train a network together must name the same folder, so that has no time in its name.
    name = chosen.name if chosen.finetune else f"{datetime.now():%Y%m%d-%H%M%S}-{chosen.name}"
    folder = out or Path("runs") / name
    words = language(lang)
    with told_when_stopped(texts("train", words)["stopped"].format(folder=folder)), Bars() as bars:
        result = run(
            photos,
            folder,
            chosen,
            Cache(),
            open_tracker(track.value, folder, project),
            own_classes=classes == "own",
            hold_out=hold_out or (),
            fold_number=folds,
            language=words,
            pool=joined(ray_address) if engine == "ray" else None,
            progress=bars,
        )
    if not rank_of(chosen):  # of several processes, the first tells
        _print(result, folder, words)


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
    console = Console()
    title = f"{result.recipe['name']} · {result.recipe['features']['backbone']}"
    columns = ("photos", "accuracy", "interval", "macro_f1", "calibration_error")
    table = _table(title, text, "measured_on", columns)
    compared = [fit for fit in (result.fit, result.compared) if fit]
    for fit in compared:
        kind = "leaky" if fit.leaky else "out_of_fold" if fit.name == "out-of-fold" else "honest"
        table.add_row(text[kind], *_cells(fit.scores))
    if result.linear_probe:
        table.add_row(text["linear_probe"], *_cells(result.linear_probe.scores))
    for number, scores in enumerate(result.folds, start=1):
        table.add_row(text["fold"].format(number=number), *_cells(scores))
    console.print(table)
    if result.held_out:
        console.print(_unseen(result.unseen(), text))
    for note in result.notes:
        console.print(f"- {note.say(words)}", markup=False, highlight=False, soft_wrap=True)
    for key in ("bundle", "report.html"):
        name = text[key.partition(".")[0]]
        console.print(f"{name}: {folder / key}", markup=False, highlight=False, soft_wrap=True)


def _unseen(found: "Unseen", text: Mapping[str, str]) -> Table:
    """Return the table of sources that the model never saw, those that count first."""
    table = _table(text["unseen"], text, "source", ("photos", "macro_recall", "top2", "coverage", "answered_accuracy"))
    for key in ("aside", "yardstick"):
        if mean := getattr(found, key):
            name = text[f"{key}_mean"].format(number=mean.sources)
            recall = f"{mean.macro_recall:.3f}"
            if mean.interval:
                recall += f" ({mean.interval[0]:.3f} - {mean.interval[1]:.3f})"
            table.add_row(name, "", recall, *_rates(mean.top2_accuracy, mean.coverage, mean.answered_accuracy))
            table.add_row(f"  {text['worst']}: {mean.worst_source}", "", f"{mean.worst:.3f}", "", "", "")
    for name, source in sorted(found.sources.items(), key=lambda pair: not pair[1].counts):
        label = name if source.counts else f"{name} *"
        rates = _rates(source.macro_recall, source.top2_accuracy, source.coverage, source.answered_accuracy)
        table.add_row(label, str(source.photos), *rates)
    if any(not source.counts for source in found.sources.values()):
        table.caption = text["counts_not"]
    return table


def _table(title: str, text: Mapping[str, str], first: str, columns: Sequence[str]) -> Table:
    table = Table(title=Text(title))
    table.add_column(text[first], overflow="fold")
    for name in columns:
        table.add_column(text[name], justify="right", overflow="fold")
    return table


def _cells(scores: "Scores") -> tuple[str, ...]:
    low, high = scores.accuracy_interval
    rates = _rates(scores.macro_f1, scores.calibration_error)
    return (str(scores.photos), f"{scores.accuracy:.3f}", f"{low:.3f} - {high:.3f}", *rates)


def _rates(*values: float | None) -> tuple[str, ...]:
    return tuple("-" if value is None else f"{value:.3f}" for value in values)
