"""Options that several commands share: each is declared here once."""

import math
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from ecosorter import guidance
from ecosorter.bulk.notes import How
from ecosorter.photos import Limits
from ecosorter.session import Device
from ecosorter.texts import Language

_CAPS = Limits()


def finite(value: float) -> float:
    """Take a number of an option; the ranges of Typer let "nan" through.

    Raises:
        typer.BadParameter: it is no number, or infinite.
    """
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number that can be counted to")
    return value


LangOption = Annotated[
    Language | None,
    typer.Option(
        envvar="ECOSORTER_LANG",
        help="Language of the output; the system's where not given.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        envvar="ECOSORTER_MODEL",
        help="Folder of a model; the one that comes along where not given.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option(help="What the model computes on; auto: the best installed that gives the CPU's answers."),
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Work in this process, or in those of Ray: a process a core, here or on a cluster."),
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        metavar="ADDRESS",
        help="With --engine ray: a cluster, such as auto or 10.0.0.1:6379; this machine where not given.",
        show_default=False,
    ),
]
TopOption = Annotated[
    int | None, typer.Option(min=1, help="Also tell the N most probable classes.", metavar="N", show_default=False)
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write rows as they come, to .csv, .jsonl or .parquet. The same command again does what is missing "
        "and tries again what failed.",
        show_default=False,
    ),
]
ProbabilitiesOption = Annotated[bool, typer.Option("--probabilities", help="With --out: a column for each class.")]
RestartOption = Annotated[bool, typer.Option("--restart", help="With --out: drop what is there, and begin anew.")]
HowOption = Annotated[How, typer.Option(help="How --into puts them there.")]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.html", help="Write a page with the least certain photos of each class.", show_default=False
    ),
]
MegapixelsOption = Annotated[
    float,
    typer.Option("--max-megapixels", min=0.001, max=1e6, callback=finite, help="Photos with more are not decoded."),
]
MegabytesOption = Annotated[
    float, typer.Option("--max-megabytes", min=0.001, max=4000, callback=finite, help="Larger files are not read.")
]
MEGAPIXELS, MEGABYTES = _CAPS.max_pixels / 1e6, _CAPS.max_bytes / 1e6
"""Defaults of the two caps."""

ClassesOption = Annotated[
    Literal["seven", "own"],
    typer.Option(help="Map class names to EcoSorter's seven, or keep the photos' own."),
]

SchemeOption = Annotated[
    str,
    typer.Option(
        envvar="ECOSORTER_SCHEME",
        metavar="ID|FILE",
        help="Whose rules: the id of a scheme, or the TOML file of a waste bank.",
    ),
]


def read_scheme(name: str) -> guidance.Scheme:
    """Take for a file what looks like one, so that a folder's content never changes what an id means."""
    looks_like_a_file = name.lower().endswith(".toml") or len(Path(name).parts) > 1
    return guidance.load_scheme(name) if looks_like_a_file else guidance.scheme(name)


def limits(max_megapixels: float, max_megabytes: float) -> Limits:
    """Return the caps that two options give."""
    return Limits(max_bytes=round(max_megabytes * 1e6), max_pixels=round(max_megapixels * 1e6))


def language(chosen: Language | None) -> Language:
    """Return the language to speak: the one chosen, else the system's, else English."""
    if chosen:
        return chosen
    variables = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    system = next(filter(None, variables), "")[:2]
    return "id" if system in ("id", "in") else "en"
