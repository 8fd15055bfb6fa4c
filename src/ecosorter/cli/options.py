"""Options that several commands share: each is declared here once."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from ecosorter import guidance
from ecosorter.session import Device
from ecosorter.texts import Language

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


def language(chosen: Language | None) -> Language:
    """Return the language to speak: the one chosen, else the system's, else English."""
    if chosen:
        return chosen
    variables = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    system = next(filter(None, variables), "")[:2]
    return "id" if system in ("id", "in") else "en"
