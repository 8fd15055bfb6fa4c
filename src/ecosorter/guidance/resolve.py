"""Items as they hold under a scheme: the package's, with the scheme's own over them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ecosorter.guidance.entries import Common, Condition, Entries, Entry, Part, Synonyms
from ecosorter.guidance.fields import Source, Words
from ecosorter.guidance.models import Scheme
from ecosorter.texts import Language


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that people throw away. `Entry` says what each field is; here, sources are whole, and `own` is added.

    Attributes:
        own: it is from the scheme's own file, or was changed there.
    """

    id: str
    label: str
    name: Words
    also: Synonyms = field(default_factory=Synonyms)
    answer: str | None = None
    bin: str | None = None
    parts: tuple[Part, ...] = ()
    tip: Words | None = None
    conditions: tuple[Condition, ...] = ()
    before: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    differs: bool = False
    common: Common = 2
    own: bool = False

    def names(self, language: Language) -> tuple[str, ...]:
        """Return all its names in a language, the one that it is called by first."""
        return (self.name.said(language), *self.also.said(language))


def resolve(written: Mapping[str, Entries], scheme: Scheme | None = None) -> dict[str, Item]:
    """Return every item by id: the package's files by class, and over them what a scheme adds or changes.

    What cannot be made an item is left out; `checks` tells about it.
    """
    items: dict[str, Item] = {}
    for label, file in written.items():
        for key, entry in file.items.items():
            if entry.name is not None:
                items[key] = _item(key, label, entry, file)
    for key, entry in (scheme.items if scheme else {}).items():
        assert scheme is not None  # noqa: S101  # for mypy
        changed = _changed(items.get(key), key, entry, scheme.sources[0])
        if changed is not None:
            items[key] = changed
    return items


def _item(key: str, label: str, entry: Entry, file: Entries) -> Item:
    assert entry.name is not None  # noqa: S101  # the caller looked
    return Item(
        id=key,
        label=label,
        name=entry.name,
        also=entry.also,
        answer=entry.answer,
        parts=entry.parts,
        tip=entry.tip,
        conditions=entry.conditions if entry.answer else (*entry.conditions, *file.conditions),
        before=entry.before,
        sources=tuple(file.sources[name] for name in entry.sources if name in file.sources),
        differs=entry.differs,
        common=entry.common,
    )


def _changed(base: Item | None, key: str, entry: Entry, source: Source) -> Item | None:
    """Lay an entry of a scheme over an item; None where it is new and has no name or no class."""
    given: dict[str, Any] = {each: getattr(entry, each) for each in entry.model_fields_set - {"sources"}}
    if base is None:
        if entry.name is None or entry.label is None:
            return None
        return Item(**{"id": key, **given, "sources": (source,), "own": True})
    if "label" in given and given["label"] != base.label:
        given = {"answer": None, "conditions": (), **given}
    if "also" in given:
        given["also"] = Synonyms(id=(*base.also.id, *entry.also.id), en=(*base.also.en, *entry.also.en))
    return replace(base, **given, sources=(source,), own=True)
