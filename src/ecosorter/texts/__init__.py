"""Words that people read, in Indonesian and English, from the TOML files beside this one.

A file is an area of the program (`classes.toml`, `photos.toml` …); a table in it is one text::

    [kaca]
    id = "Kaca"
    en = "Glass"

Both languages stand side by side so that a translator sees at once what is missing.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def texts(area: str, language: Language) -> dict[str, str]:
    """Return every text of one area in one language.

    Args:
        area: name of a data file without its ending, for example ``"classes"``.
        language: ``"id"`` or ``"en"``.

    Returns:
        Text by key. Texts may hold ``{name}`` fields for `str.format`.
    """
    table = tomllib.loads(files(__name__).joinpath(f"{area}.toml").read_text(encoding="utf-8"))
    return {key: entry[language] for key, entry in table.items()}


def class_name(label: str, language: Language) -> str:
    """Return the display name of a class; a class of somebody's own model is its own name."""
    return texts("classes", language).get(label, label)
