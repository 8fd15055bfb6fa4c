"""Options that several commands share: each is declared here once."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

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
ClassesOption = Annotated[
    Literal["seven", "own"],
    typer.Option(help="Map class names to EcoSorter's seven, or keep the photos' own."),
]


def language(chosen: Language | None) -> Language:
    """Return the language to speak: the one chosen, else the system's, else English."""
    if chosen:
        return chosen
    variables = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    system = next(filter(None, variables), "")[:2]
    return "id" if system in ("id", "in") else "en"
