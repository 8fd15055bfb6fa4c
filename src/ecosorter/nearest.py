"""What somebody may have meant who wrote a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a "did you mean" to stand behind a word in a sentence, or nothing where nothing is near."""
    near = get_close_matches(word, list(words), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
