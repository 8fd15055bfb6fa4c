"""`ecosorter sort`: photos into folders by class, and back."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ecosorter.bulk import undo as take_back
from ecosorter.cli.many import classify_many
from ecosorter.cli.options import (
    MEGABYTES,
    MEGAPIXELS,
    DeviceOption,
    EngineOption,
    HowOption,
    LangOption,
    MegabytesOption,
    MegapixelsOption,
    ModelOption,
    OutOption,
    ProbabilitiesOption,
    RayAddressOption,
    ReportOption,
    RestartOption,
    TopOption,
    language,
    limits,
)
from ecosorter.texts import Language, texts


def sort(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Photos, folders, patterns, lists as for classify.", show_default=False),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the folders of the classes are made.", show_default=False),
    ] = None,
    how: HowOption = "copy",
    undo: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take back an earlier sorting, by its undo file.", show_default=False),
    ] = None,
    model: ModelOption = None,
    out: OutOption = None,
    top: TopOption = None,
    probabilities: ProbabilitiesOption = False,
    restart: RestartOption = False,
    report: ReportOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    lang: LangOption = None,
    max_megapixels: MegapixelsOption = MEGAPIXELS,
    max_megabytes: MegabytesOption = MEGABYTES,
) -> None:
    """Put photos into folders by class; --undo puts them back.

    Exit code: 0 when all is done, 1 when a photo could not be read or put back, 2 when the command or model is no good.
    """
    speak = language(lang)
    if bool(undo) == bool(paths or into):
        raise typer.BadParameter("give photos and --into, or --undo alone", param_hint="PATH")
    if undo:
        print_undone(undo, speak)
        return
    if not paths:
        raise typer.BadParameter("give photos", param_hint="PATH")
    if not into:
        raise typer.BadParameter("say where the folders of the classes are to be made", param_hint="--into")
    classify_many(
        paths,
        into=into,
        how=how,
        model=model,
        limits=limits(max_megapixels, max_megabytes),
        top=top,
        out=out,
        probabilities=probabilities,
        restart=restart,
        report=report,
        device=device,
        engine=engine,
        ray_address=ray_address,
        speak=speak,
        console=Console(highlight=False, markup=False, soft_wrap=True),
    )


def print_undone(file: Path, speak: Language) -> None:
    """Undo a sorting, and say what came of it; exit code 1 when something was left."""
    undone, words = take_back(file), texts("bulk", speak)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(words["undone"].format(photos=f"{undone.restored:,}"))
    if undone.left:
        console.print(words["undo_left"].format(files=f"{len(undone.left):,}"))
        for path in undone.left:
            console.print(f"  {os.fspath(path)!a}")
        raise typer.Exit(1)
