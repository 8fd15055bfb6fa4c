"""The class names that people's folders have, mapped to the seven by the data file aliases.toml."""

import re
import tomllib
import unicodedata
from difflib import get_close_matches
from functools import cache
from importlib.resources import files


def normalise(name: str) -> str:
    """Return a class name without what people write differently.

    Small letters; everything that is no letter or digit is one space; an Indonesian plural is one word
    (``botol-botol`` is ``botol``); an English one loses its ending (``batteries`` is ``battery``, ``shoes`` is
    ``shoe``). The result is for comparing, not for showing: it need not be a word.
    """
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", name).casefold())
    once = [word for i, word in enumerate(words) if i == 0 or word != words[i - 1]]
    return " ".join(_singular(word) for word in once)


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def one_of_the_seven(name: str) -> str | None:
    """Return which of the seven classes a name stands for, or None when it is not known."""
    return _aliases().get(normalise(name))


def nearest_known(name: str) -> list[str]:
    """Return up to three known names that are spelled most like an unknown one, as ``"tin can" (logam)``."""
    known = _aliases()
    return [f'"{alias}" ({known[alias]})' for alias in get_close_matches(normalise(name), known, n=3, cutoff=0.6)]


@cache
def _aliases() -> dict[str, str]:
    text = files("ecosorter.training").joinpath("aliases.toml").read_text(encoding="utf-8")
    return {normalise(name): label for label, names in tomllib.loads(text).items() for name in names}
