"""The form of an item in a data file: a thing that people throw away, and the words by which they look for it."""

import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from ecosorter.guidance.fields import Data, Id, Source, Text, Words
from ecosorter.texts import Language

Common = Literal[1, 2, 3]
"""How common a thing is in a household: 1 for the sixty that everybody throws away, 3 for rare ones."""


class Synonyms(Data):
    """Other words for one thing, by language."""

    id: tuple[Text, ...] = ()
    en: tuple[Text, ...] = ()

    def said(self, language: Language) -> tuple[str, ...]:
        """Return those of one language."""
        return self.id if language == "id" else self.en


class Part(Data):
    """Something that goes apart: another item, or a name with its class.

    Attributes:
        item: id of the other item.
        name: what it is called; needed without `item`.
        label: its class; needed without `item`.
        answer: to the question of that class.
    """

    item: Id | None = None
    name: Words | None = None
    label: str | None = None
    answer: str | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.item is None and (self.name is None or self.label is None):
            raise ValueError("a part needs `item`, or `name` and `label`")
        if self.item is not None and (self.label is not None or self.answer is not None):
            raise ValueError("a part with `item` takes its class from there: leave out `label` and `answer`")
        return self


class Condition(Data):
    """Words that change where a thing goes: to another answer of its class, or because it is another item then."""

    words: Synonyms
    answer: str | None = None
    item: Id | None = None

    @model_validator(mode="after")
    def _changes_one_thing(self) -> Self:
        if (self.answer is None) == (self.item is None):
            raise ValueError("a condition needs either `answer` or `item`")
        if not (self.words.id or self.words.en):
            raise ValueError("a condition needs `words`")
        return self


class Entry(Data):
    """An item as it is written down. In a scheme's own file, what is left out stays as in the package.

    Attributes:
        name: what it is called.
        also: other words for it: brand words, regional and older ones, frequent misspellings.
        label: its class. In the package's files it follows from the file's name.
        answer: to the question of its class, where the item decides it.
        bin: a bin of the scheme, in place of the one that class and answer lead to; only in a scheme's own file.
        parts: what goes apart.
        tip: one sentence more.
        conditions: words that change the answer.
        before: names that other items have too, and this one comes first for.
        sources: names of sources at the head of the file; without any it is our own reading, and is said to be.
        differs: sources differ.
        common: how common it is.
    """

    name: Words | None = None
    also: Synonyms = Synonyms()
    label: str | None = None
    answer: str | None = None
    bin: Id | None = None
    parts: tuple[Part, ...] = ()
    tip: Words | None = None
    conditions: tuple[Condition, ...] = ()
    before: tuple[Text, ...] = ()
    sources: tuple[str, ...] = ()
    differs: bool = False
    common: Common = 2


class Entries(Data):
    """A file of the package: the items of one class.

    Attributes:
        checked: the day on which somebody last compared the file with its sources.
        conditions: of all items of the class that do not decide the answer.
    """

    checked: datetime.date
    sources: dict[Id, Source] = Field(default={})
    conditions: tuple[Condition, ...] = ()
    items: dict[Id, Entry]
