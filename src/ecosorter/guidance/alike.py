"""Single words: how a text falls into them, their stems and sounds, how far two are apart. `search` says what for."""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files

_APOSTROPHES, _WORDS, _TWICE, _DOUBLE = map(re.compile, ("['’`]", "[a-z0-9]+", "[a-z]{3,}2", r"(.)\1+"))


@cache
def _lore() -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    table = tomllib.loads(files(__package__).joinpath("search.toml").read_text(encoding="utf-8"))
    return frozenset(table["light"]), tuple((left, right) for left, right in table["folds"])


def lore() -> dict[str, list[str] | list[list[str]]]:
    """Return the light words and the spellings that sound alike, as the page gets them."""
    light, folds = _lore()
    return {"light": sorted(light), "folds": [list(pair) for pair in folds]}


def is_light(word: str) -> bool:
    """Tell whether a word says little about what a thing is."""
    return word in _lore()[0]


def words_of(text: str) -> list[str]:
    """Return the words of a text, as they are compared."""
    plain = text.lower()
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text).lower()
        plain = "".join(each for each in plain if unicodedata.category(each)[0] != "M")
    plain = _APOSTROPHES.sub("", plain)
    found: list[str] = []
    for each in _WORDS.findall(plain):
        word = each[:-1] if each.endswith("2") and _TWICE.fullmatch(each) else each
        if not found or found[-1] != word:
            found.append(word)
    return found


def stem(word: str) -> str:
    """Take off the endings of Indonesian (-nya, -an) and of English plurals."""
    if len(word) > 5 and word.endswith("nya"):
        return word[:-3]
    if len(word) > 5 and word.endswith("an"):
        return word[:-2]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ses", "xes", "shes", "ches")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


def sound(word: str) -> str:
    """Return how a word sounds, roughly."""
    for left, right in _lore()[1]:
        word = word.replace(left, right)
    return _DOUBLE.sub(r"\1", word)


def allowed(length: int) -> int:
    """Return how many typos a word of so many letters may have."""
    return 0 if length < 4 else 1 if length < 7 else 2 if length < 12 else 3


def mistyped(asked: str, word: str, distance: int) -> int:
    """Return how alike two words are that differ by so many typos; 0 where that is too many."""
    length = max(len(asked), len(word))
    if distance > allowed(length):
        return 0
    first = asked[0] != word[0]
    if first and length < 8:
        return 0  # hardly anybody mistypes the first letter, and another one makes another word
    if length < 5 and distance and len(asked) == len(word) and sorted(asked) != sorted(word):
        return 0  # of four letters, one may be missing, or two may be swapped
    return 1000 - 1250 * distance // length - 100 * first
