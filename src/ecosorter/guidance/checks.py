"""What is wrong with items as somebody wrote them down: the path of the key, and what to do about it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from ecosorter.guidance.alike import words_of
from ecosorter.guidance.entries import Entry
from ecosorter.guidance.models import SAFE, Classes, Scheme
from ecosorter.guidance.resolve import Item
from ecosorter.nearest import nearest
from ecosorter.texts import LANGUAGES


def wrong_entries(
    items: Mapping[str, Item],
    written: Mapping[str, Entry],
    known: Classes,
    scheme: Scheme,
    sources: Collection[str] = (),
) -> Iterator[str]:
    """Yield what is wrong with entries, each with the path of its key.

    Args:
        items: all of them, as `resolve` returns them.
        written: the entries to look at.
        known: classes and answers.
        scheme: whose bins they go to.
        sources: the names that an entry may cite.
    """
    for key, entry in written.items():
        path = f"items.{key}"
        for name in entry.sources:
            if name not in sources:
                yield f"'{path}.sources' names the source '{name}', which is not there{nearest(name, sources)}"
        item = items.get(key)
        if item is None:
            yield f"'{path}' is new, so it needs `name` and `label`"
            continue
        wrong = list(_wrong_class(path, item.label, item.answer, known))
        yield from wrong or _wrong_place(path, item, known, scheme)
        yield from _wrong_links(path, item, items, known)
        yield from _wrong_words(path, item)


def _wrong_class(path: str, label: str, answer: str | None, known: Classes) -> Iterator[str]:
    if label not in known.classes:
        yield f"'{path}.label' names the class '{label}', which is not there{nearest(label, known.classes)}"
    elif answer is not None and answer not in known.classes[label].answers:
        answers = known.classes[label].answers
        yield f"'{path}.answer': '{answer}' is no answer for the class '{label}'{nearest(answer, answers)}"


def _wrong_place(path: str, item: Item, known: Classes, scheme: Scheme) -> Iterator[str]:
    """Yield why an item has no bin, or an unsafe one. Bins of classes and answers are checked with the scheme."""
    class_ = known.classes[item.label]
    answer = item.answer or class_.unless_answered
    if item.bin is None:
        if class_.question and answer is None:
            options = ", ".join(class_.answers)
            yield f"'{path}' needs `answer`: the class '{item.label}' has no bin without one. Take one of: {options}"
        return
    bin_ = scheme.bins.get(item.bin)
    if bin_ is None:
        yield f"'{path}.bin' names the bin '{item.bin}', which is not there{nearest(item.bin, scheme.bins)}"
    elif answer is not None and class_.answers[answer].hazardous and bin_.kind not in SAFE:
        yield f"'{path}.bin' is hazardous and must not go to a bin of the kind '{bin_.kind}'"


def _wrong_links(path: str, item: Item, items: Mapping[str, Item], known: Classes) -> Iterator[str]:
    """Yield parts and conditions that name what is not there."""
    links = [(f"parts.{number}", part.item) for number, part in enumerate(item.parts)]
    links += [(f"conditions.{number}", each.item) for number, each in enumerate(item.conditions)]
    for place, other in links:
        if other is not None and other not in items:
            yield f"'{path}.{place}' names the item '{other}', which is not there{nearest(other, items)}"
    for number, part in enumerate(item.parts):
        if part.label is not None:
            yield from _wrong_class(f"{path}.parts.{number}", part.label, part.answer, known)
    for number, condition in enumerate(item.conditions):
        if condition.answer is not None and item.label in known.classes:
            yield from _wrong_class(f"{path}.conditions.{number}", item.label, condition.answer, known)


def _wrong_words(path: str, item: Item) -> Iterator[str]:
    names = [name for language in LANGUAGES for name in item.names(language)]
    words = [words_of(name) for name in names]
    for name in item.before:
        if words_of(name) not in words:
            yield f"'{path}.before' has '{name}', which is no name of the item: add it to `also`, or leave it out"
    for name, each in zip(names, words, strict=True):
        if not each:
            yield f"'{path}.also' has '{name}', in which there is no letter from a to z and no digit"


def said_twice(items: Mapping[str, Item], written: Mapping[str, Entry]) -> Iterator[str]:
    """Yield names that two items have, unless exactly one of them says that it comes first, or is a scheme's own.

    Args:
        items: all of them.
        written: the entries to look at.
    """
    holders: dict[tuple[str, tuple[str, ...]], dict[str, str]] = defaultdict(dict)
    for item in items.values():
        for language in LANGUAGES:
            for name in item.names(language):
                holders[language, tuple(words_of(name))].setdefault(item.id, name)
    for (spoken, words), named in holders.items():
        if len(named) < 2 or not named.keys() & written.keys():
            continue
        first = [key for key in named if list(words) in [words_of(name) for name in items[key].before]]
        own = [key for key in named if items[key].own]
        if len(first) == 1 or (len(own) == 1 and not first):
            continue
        key = next(key for key in named if key in written)
        others = ", ".join(f"'{other}'" for other in named if other != key)
        yield (
            f"'items.{key}.also.{spoken}' has '{named[key]}', and so has {others}: say in exactly one of them "
            f'that it comes first, with before = ["{named[key]}"]'
        )
