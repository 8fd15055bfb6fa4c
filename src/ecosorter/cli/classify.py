"""`ecosorter classify`: which class each photo shows, or "not sure"."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ecosorter.bulk.notes import How
from ecosorter.cli.many import classify_many
from ecosorter.cli.options import (
    MEGABYTES,
    MEGAPIXELS,
    DeviceOption,
    EngineOption,
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
from ecosorter.cli.outputs import print_table, write_csv, write_json
from ecosorter.cli.places import check_writable
from ecosorter.cli.sort import print_undone
from ecosorter.texts import Language, texts


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Photos, folders, patterns, ZIP and TAR archives, addresses (s3://, https://), @FILE for a list, or - "
            "for one on standard input.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    top: TopOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write CSV to a file at the end, or - to print it.", show_default=False
        ),
    ] = None,
    out: OutOption = None,
    probabilities: ProbabilitiesOption = False,
    restart: RestartOption = False,
    report: ReportOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "local",
    ray_address: RayAddressOption = None,
    lang: LangOption = None,
    max_megapixels: MegapixelsOption = MEGAPIXELS,
    max_megabytes: MegabytesOption = MEGABYTES,
    watched: Annotated[Path | None, typer.Option("--watch", hidden=True)] = None,
    sort_into: Annotated[Path | None, typer.Option(hidden=True)] = None,
    sort: Annotated[How, typer.Option(hidden=True)] = "copy",
    undo: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Tell which class each photo shows, how sure that is, or that the model is not sure.

    Every photo appears in the output once, in order, with its status.

    Exit code: 0 when all photos could be read, 1 when some could not, 2 when the command or model is no good.
    """
    speak = language(lang)
    _name_the_new_command(watched, sort_into, undo, speak)
    if undo:
        print_undone(undo, speak)
        return
    if sum(map(bool, (as_json, csv_file, out))) > 1:
        raise typer.BadParameter("give one of --json, --csv and --out, not both")
    if bool(paths) == bool(watched):
        raise typer.BadParameter("give photos, or --watch, and not both", param_hint="PATH")
    if watched and not watched.is_dir():
        raise typer.BadParameter(f"{watched} is no folder", param_hint="--watch")
    if csv_file and str(csv_file) != "-":
        check_writable(csv_file, "--csv")
    printed = (
        write_json if as_json else partial(write_csv, path=csv_file) if csv_file else partial(print_table, speak=speak)
    )
    classify_many(
        paths or [],
        None if out else printed,
        watched=watched,
        model=model,
        limits=limits(max_megapixels, max_megabytes),
        top=top,
        out=out,
        probabilities=probabilities,
        restart=restart,
        into=sort_into,
        how=sort,
        report=report,
        device=device,
        engine=engine,
        ray_address=ray_address,
        speak=speak,
        on_screen=not out and str(csv_file or "-") == "-",
        console=Console(stderr=bool(as_json or csv_file), highlight=False, markup=False, soft_wrap=True),
    )


def _name_the_new_command(watched: Path | None, sort_into: Path | None, undo: Path | None, speak: Language) -> None:
    """Say what the old options are called now; they go with the next version."""
    new = {
        "--undo": (undo, "ecosorter sort --undo FILE"),
        "--watch": (watched, "ecosorter watch DIR"),
        "--sort-into": (sort_into, f"ecosorter {'watch DIR' if watched else 'sort PATH...'} --into DIR --how copy"),
    }
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for old, (given, command) in new.items():
        if given:
            console.print(texts("classify", speak)["moved"].format(old=old, new=command))
