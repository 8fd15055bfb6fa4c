"""Items as they hold under a scheme: the package's, with the scheme's own over them; and what is wrong with them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from ecosorter.guidance.entries import Common, Condition, Entries, Entry, Part, Synonyms
from ecosorter.guidance.fields import Source, Words
from ecosorter.guidance.models import SAFE, Classes, Scheme
from ecosorter.guidance.search import words_of
from ecosorter.texts import LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that people throw away. `Entry` says what each field is; here, sources are whole, and `own` is added.

    Attributes:
        own: it is from the scheme's own file, or was changed there.
    """

    id: str
    label: str
    name: Words
    also: Synonyms = Synonyms()
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

    What cannot be made an item is left out; `misfits` tells about it.
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
    given: dict[str, Any] = {field: getattr(entry, field) for field in entry.model_fields_set - {"sources"}}
    if base is None:
        if entry.name is None or entry.label is None:
            return None
        return Item(**{"id": key, **given, "sources": (source,), "own": True})
    if "label" in given and given["label"] != base.label:
        given = {"answer": None, "conditions": (), **given}
    if "also" in given:
        given["also"] = Synonyms(id=(*base.also.id, *entry.also.id), en=(*base.also.en, *entry.also.en))
    return replace(base, **given, sources=(source,), own=True)


def misfits(
    items: Mapping[str, Item],
    written: Mapping[str, Entry],
    known: Classes,
    scheme: Scheme,
    sources: Iterable[str] = (),
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with entries: the path of the key, and what to do about it.

    Args:
        items: all of them, as `resolve` returns them.
        written: the entries to look at.
        known: classes and answers.
        scheme: whose bins they go to.
        sources: the names that an entry may cite.
    """
    for key, entry in written.items():
        path = f"items.{key}"
        item = items.get(key)
        for name in entry.sources:
            if name not in sources:
                yield f"{path}.sources", f"names the source '{name}', which is not there{_near(name, sources)}"
        if item is None:
            yield path, "is new, so it needs `name` and `label`"
            continue
        yield from _wrong_place(path, item.label, item.answer, known, scheme, item.bin)
        for number, part in enumerate(item.parts):
            if part.item is not None and part.item not in items:
                yield f"{path}.parts.{number}", f"names the item '{part.item}', which is not there{_near(part.item, items)}"
            if part.label is not None:
                yield from _wrong_class(f"{path}.parts.{number}", part.label, part.answer, known)
        for condition in item.conditions:
            if condition.item is not None and condition.item not in items:
                yield f"{path}.conditions", f"names the item '{condition.item}', which is not there{_near(condition.item, items)}"
            if condition.answer is not None:
                yield from _wrong_class(f"{path}.conditions", item.label, condition.answer, known)
        names = [words_of(name) for language in LANGUAGES for name in item.names(language)]
        for name in item.before:
            if words_of(name) not in names:
                yield f"{path}.before", f"has '{name}', which is no name of the item: add it to `also`, or leave it out"
        for language in LANGUAGES:
            for name in item.names(language):
                if not words_of(name):
                    yield f"{path}.also", f"has '{name}', in which there is no letter from a to z and no digit"
    yield from _said_twice(items, written)


def _wrong_place(
    path: str, label: str, answer: str | None, known: Classes, scheme: Scheme, own_bin: str | None
) -> Iterator[tuple[str, str]]:
    wrong = list(_wrong_class(path, label, answer, known))
    yield from wrong
    if wrong:
        return
    item = known.classes[label]
    chosen = answer or item.unless_answered
    hazardous = chosen is not None and item.answers[chosen].hazardous
    if own_bin is None:
        if item.question and chosen is None:
            yield path, f"needs `answer`: the class '{label}' has no bin without one. Take one of: {', '.join(item.answers)}"
        return
    bin_ = scheme.bins.get(own_bin)
    if bin_ is None:
        yield f"{path}.bin", f"names the bin '{own_bin}', which is not there{_near(own_bin, scheme.bins)}"
    elif hazardous and bin_.kind not in SAFE:
        yield f"{path}.bin", f"is hazardous and must not go to a bin of the kind '{bin_.kind}'"


def _wrong_class(path: str, label: str, answer: str | None, known: Classes) -> Iterator[tuple[str, str]]:
    if label not in known.classes:
        yield f"{path}.label", f"names the class '{label}', which is not there{_near(label, known.classes)}"
    elif answer is not None and answer not in known.classes[label].answers:
        answers = known.classes[label].answers
        yield f"{path}.answer", f"'{answer}' is no answer for the class '{label}'{_near(answer, answers)}"


def _said_twice(items: Mapping[str, Item], written: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Yield names that two items have, unless exactly one of them says that it comes first, or is a scheme's own."""
    holders: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for item in items.values():
        for language in LANGUAGES:
            for name in item.names(language):
                holders[language, *words_of(name)].setdefault(item.id, name)
    for (language, *words), named in holders.items():
        if len(named) < 2 or not named.keys() & written.keys():
            continue
        first = [key for key in named if words in [words_of(name) for name in items[key].before]]
        own = [key for key in named if items[key].own]
        if len(first) == 1 or (len(own) == 1 and not first):
            continue
        key = next(key for key in named if key in written)
        others = ", ".join(f"'{other}'" for other in named if other != key)
        yield (
            f"items.{key}.also.{language}",
            f"has '{named[key]}', and so has {others}: say in exactly one of them which comes first, "
            f'with before = ["{named[key]}"]',
        )


def _near(word: str, words: Iterable[str]) -> str:
    near = get_close_matches(word, list(words), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
