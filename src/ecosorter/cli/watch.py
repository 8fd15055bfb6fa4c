"""`ecosorter watch`: photos as they arrive in a folder."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ecosorter.cli.many import classify_many
from ecosorter.cli.options import (
    MEGABYTES,
    MEGAPIXELS,
    DeviceOption,
    HowOption,
    LangOption,
    MegabytesOption,
    MegapixelsOption,
    ModelOption,
    OutOption,
    ProbabilitiesOption,
    ReportOption,
    RestartOption,
    TopOption,
    language,
    limits,
)
from ecosorter.cli.outputs import print_table


def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The drop folder.", show_default=False)],
    out: OutOption = None,
    into: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Put the photos into folders by class, as sort does.", show_default=False),
    ] = None,
    how: HowOption = "copy",
    model: ModelOption = None,
    top: TopOption = None,
    probabilities: ProbabilitiesOption = False,
    restart: RestartOption = False,
    report: ReportOption = None,
    device: DeviceOption = "auto",
    lang: LangOption = None,
    max_megapixels: MegapixelsOption = MEGAPIXELS,
    max_megabytes: MegabytesOption = MEGABYTES,
) -> None:
    """Wait for photos in a folder and classify each as it arrives, until Ctrl+C or SIGTERM.

    Exit code: 0 when all photos could be read, 1 when some could not, 2 when the command or model is no good.
    """
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="DIR")
    speak = language(lang)
    classify_many(
        [],
        None if out else partial(print_table, speak=speak),
        watched=folder,
        model=model,
        limits=limits(max_megapixels, max_megabytes),
        top=top,
        out=out,
        probabilities=probabilities,
        restart=restart,
        into=into,
        how=how,
        report=report,
        device=device,
        speak=speak,
        on_screen=not out,
        console=Console(highlight=False, markup=False, soft_wrap=True),
    )
