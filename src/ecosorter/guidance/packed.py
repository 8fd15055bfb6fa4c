"""Everything that the page needs to answer without the service: items, their names, and what to do with each class."""

from collections.abc import Iterable
from typing import Any

from ecosorter.guidance.alike import lore
from ecosorter.guidance.dictionary import Dictionary, named
from ecosorter.guidance.files import classes
from ecosorter.guidance.lookup import bin_words, guide
from ecosorter.texts import LANGUAGES, Language, texts

UNKNOWN = "{label}"
"""Stands for a class that nobody here knows."""


def packed(known: Dictionary, language: Language) -> dict[str, Any]:
    """Return the items under a scheme in one language, as JSON takes them, and so that they compress well.

    Returns:
        ``items``: by field, a list of the items' values: ``names`` in the language spoken and ``others`` in the other
        one as ``a|b|c``; ``conditions`` and ``sources`` as places in the lists of that name; else as in `Item`.
        ``guidance``: what `guide` says, by class and by answer, ``""`` for none.
        ``unknown``: the same of a class that nobody here knows, which has the name `UNKNOWN` in it. ``careful``: the
        answer that is taken when the model is not sure, by class, and ``caution``, what is said then.
        ``bins``: of the scheme.
        ``light``, ``folds``: see `search.toml`.
    """
    (other,) = (each for each in LANGUAGES if each != language)
    conditions, sources = _Places(), _Places()
    items = []
    for key, item in known.items.items():
        sought = named(item)
        words = known.guide(key, language=language).item
        assert words is not None  # noqa: S101  # an item's guidance has its words
        items.append(
            {
                "id": key,
                "label": item.label,
                "answer": item.answer,
                "common": item.common,
                "own": item.own,
                "bin": item.bin,
                "names": "|".join(sought.names[language]),
                "others": "|".join(sought.names[other]),
                "first": "|".join(sought.first),
                "conditions": [
                    conditions.of([phrase, None if to == key else to, answer])
                    for phrase, to, answer in sought.conditions
                ],
                "tip": words.tip,
                "parts": [[part.name, part.item, part.bin.id if part.bin else None] for part in words.parts],
                "sources": [sources.of(source.model_dump(exclude_none=True)) for source in item.sources],
                "differs": item.differs,
            }
        )
    rules = known.scheme
    labels = dict.fromkeys((*classes().classes, *rules.map))  # a scheme may know classes of somebody's own model
    cautious = {label: found.if_unsure for label, found in classes().classes.items() if found.if_unsure is not None}

    def said(label: str, answer: str | None = None) -> dict[str, Any]:
        return guide(label, rules, answer, language).model_dump(mode="json", exclude={"item"})

    return {
        "scheme": known.scheme.id,
        "language": language,
        **lore(),
        "items": {field: [item[field] or 0 for item in items] for field in items[0]},
        "conditions": conditions.values,
        "sources": sources.values,
        "guidance": {
            label: {answer or "": said(label, answer) for answer in (None, *_answers(label))} for label in labels
        },
        "unknown": said(UNKNOWN),
        "careful": cautious,
        "caution": texts("guide", language)["cautious"],
        "bins": {key: bin_words(key, each, language).model_dump() for key, each in known.scheme.bins.items()},
    }


def _answers(label: str) -> Iterable[str]:
    found = classes().classes.get(label)
    return found.answers if found else ()


class _Places:
    """A list in which each value stands once."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def of(self, value: Any) -> int:
        if value not in self.values:
            self.values.append(value)
        return self.values.index(value)
