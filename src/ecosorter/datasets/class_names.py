"""Map the class names of people's folders to the seven, by the data file aliases.toml."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Literal


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


def is_a_kind(name: str) -> bool:
    """Return whether a name stands for one kind of a class that gathers many, as batteries are of `khusus`."""
    return normalise(name) in _kinds()


def nearest_known(name: str) -> list[str]:
    """Return up to three known names that are spelled most like an unknown one, as ``"tin can" (logam)``."""
    known = _aliases()
    return [f'"{alias}" ({known[alias]})' for alias in get_close_matches(normalise(name), known, n=3, cutoff=0.6)]


@dataclass(frozen=True, slots=True)
class Understood:
    """How the name of a class folder was understood.

    Attributes:
        label: the class.
        how: ``"known"``, a class of the model by its own name; ``"alias"``, another name of one; ``"new"``.
    """

    label: str
    how: Literal["known", "alias", "new"]


def understand(names: Iterable[str], classes: Sequence[str], *, own: bool = False) -> dict[str, Understood]:
    """Tell classes that a model knows from new ones, by the names of their folders.

    A name is a class of the model where it is spelled like it, or where it stands for it among the seven. Kinds of a
    class that gathers many (`is_a_kind`) are new, and so is what is not known. Two spellings of a new name are one.

    Args:
        names: of class folders.
        classes: the model's.
        own: take only the model's own names for known, and every other one for new.
    """
    spelled = {normalise(label): label for label in classes}
    found = {}
    for name in sorted(set(names)):
        label, alias = spelled.get(normalise(name)), one_of_the_seven(name)
        if label and label in classes:
            found[name] = Understood(label, "known")
        elif alias and alias in classes and not own and not is_a_kind(name):
            found[name] = Understood(alias, "alias")
        else:
            found[name] = Understood(spelled.setdefault(normalise(name), name.strip()), "new")
    return found


@cache
def _aliases() -> dict[str, str]:
    names, kinds = _tables()
    return names | kinds


def _kinds() -> dict[str, str]:
    return _tables()[1]


@cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Return the class by what stands for it, and by what stands for one kind of it."""
    whole = tomllib.loads(files("ecosorter.datasets").joinpath("aliases.toml").read_text(encoding="utf-8"))
    kinds = whole.pop("kinds")
    by_name = [{normalise(name): label for label in part for name in part[label]} for part in (whole, kinds)]
    return by_name[0], by_name[1]
