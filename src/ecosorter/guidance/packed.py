"""Everything that the page needs to answer without the service: items, their names, and what to do with each class."""

from typing import Any

from ecosorter.guidance.alike import lore
from ecosorter.guidance.dictionary import Dictionary, named
from ecosorter.guidance.files import classes
from ecosorter.guidance.lookup import bin_words, guide
from ecosorter.texts import LANGUAGES, Language


def packed(known: Dictionary, language: Language) -> dict[str, Any]:
    """Return the items under a scheme in one language, as JSON takes them; what is empty is left out.

    Returns:
        ``items``: in the order of `Named` with its fields, ``names`` in the language spoken, ``others`` in the other
        one; and of `ItemWords` with ``sources`` by place in ``sources``.
        ``guidance``: what `guide` says, by class and by answer, ``""`` for none.
        ``bins``: of the scheme.
        ``light``, ``folds``: see `search.toml`.
    """
    (other,) = (each for each in LANGUAGES if each != language)
    sources: list[dict[str, Any]] = []

    def cite(source: dict[str, Any]) -> int:
        if source not in sources:
            sources.append(source)
        return sources.index(source)

    def entry(key: str) -> dict[str, Any]:
        item = known.items[key]
        sought = named(item)
        words = known.guide(key, language=language).item
        assert words is not None  # noqa: S101  # an item's guidance has its words
        fields: dict[str, Any] = {
            "id": key,
            "label": item.label,
            "answer": item.answer,
            "names": sought.names[language],
            "others": sought.names[other],
            "first": sought.first,
            "conditions": sought.conditions,
            "common": item.common,
            "own": item.own,
            "bin": item.bin,
            "tip": words.tip,
            "parts": [
                {"name": part.name, "item": part.item, "bin": part.bin.id if part.bin else None} for part in words.parts
            ],
            "sources": [cite(source.model_dump(exclude_none=True)) for source in item.sources],
            "differs": item.differs,
        }
        return {name: value for name, value in fields.items() if value not in (None, (), [], False)}

    return {
        "scheme": known.scheme.id,
        "language": language,
        **lore(),
        "items": [entry(key) for key in known.items],
        "sources": sources,
        "guidance": {
            label: {
                answer or "": guide(label, known.scheme, answer, language).model_dump(mode="json", exclude={"item"})
                for answer in (None, *found.answers)
            }
            for label, found in classes().classes.items()
        },
        "bins": {key: bin_words(key, each, language).model_dump() for key, each in known.scheme.bins.items()},
    }
