"""The form of the data files: every key that they may have, and nothing else."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ecosorter.guidance.entries import Entry
from ecosorter.guidance.fields import Data, Id, Source, Words

Kind = Literal["organic", "reusable", "recyclable", "hazardous", "residue", "not_accepted"]
"""What a bin is for, whatever its colour and name. `not_accepted` is the pile that a waste bank does not take."""

SAFE: tuple[Kind, ...] = ("hazardous", "not_accepted")
"""Where hazardous things may go."""


class Bin(Data):
    """A bin or pile. Its name and symbol stand beside the colour, which never stands alone.

    Attributes:
        kind: what it is for.
        name: what is written on it.
        colour: the colour in words.
        hex: the colour for screens, ``#rrggbb``.
        symbol: at most three characters, another for each bin of a scheme.
        how: how to hand things in; of a bin that takes nothing, where to go instead.
    """

    kind: Kind
    name: Words
    colour: Words
    hex: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    symbol: Annotated[str, Field(min_length=1, max_length=3)]
    how: Words | None = None

    @model_validator(mode="after")
    def _refusal_has_a_reason(self) -> Self:
        if self.kind == "not_accepted" and self.how is None:
            raise ValueError("what is not accepted needs `how`: say where to go instead")
        return self


class Scheme(Data):
    """Who sorts how: the bins of one rule, and which class goes into which.

    Attributes:
        map: bin by class; for a class with a question, a bin for all answers or a bin by answer. What is left out, the
            scheme does not say.
        sources: the first is the one that the scheme rests on.
        checked: the day on which somebody last compared the file with its sources.
        note: what could not be checked, and where sources differ.
        items: things that are added to the package's or change them, by id.
    """

    id: Id
    name: Words
    place: Words
    checked: datetime.date
    note: Words | None = None
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    bins: Annotated[dict[Id, Bin], Field(min_length=1)]
    map: dict[str, str | dict[str, str]]
    items: dict[Id, Entry] = Field(default={})

    @model_validator(mode="after")
    def _bins_differ(self) -> Self:
        for what, seen in (
            ("symbol", [bin_.symbol for bin_ in self.bins.values()]),
            ("Indonesian name", [bin_.name.id for bin_ in self.bins.values()]),
            ("English name", [bin_.name.en for bin_ in self.bins.values()]),
        ):
            if len(set(seen)) < len(seen):
                raise ValueError(f"two bins have the same {what}: colour alone would tell them apart")
        return self

    def bin_id(self, label: str, answer: str | None) -> str | None:
        """Return where a class goes with an answer, or None where the scheme does not say."""
        place = self.map.get(label)
        if isinstance(place, dict):
            return place.get(answer) if answer is not None else None
        return place


class Answer(Data):
    """One answer to a class's question, and what it changes.

    Attributes:
        hazardous: the answer makes the item hazardous (B3).
        do: replaces the class's own list where given.
        do_not: is said before the class's own list.
    """

    name: Words
    hazardous: bool = False
    do: tuple[Words, ...] = ()
    do_not: tuple[Words, ...] = ()
    note: Words | None = None
    sources: tuple[str, ...] = ()


class ItemClass(Data):
    """What to do with the things of one class.

    Attributes:
        unless_answered: the answer that is taken while there is none; without it there is no bin until there is one.
        if_unsure: the answer that is taken when the model is not sure and this class is among the likely ones. A class
            that has it is said before likelier ones.
    """

    do: Annotated[tuple[Words, ...], Field(min_length=1)]
    do_not: tuple[Words, ...] = ()
    question: Words | None = None
    answers: dict[Id, Answer] = Field(default={})
    unless_answered: str | None = None
    if_unsure: str | None = None
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _answers_fit(self) -> Self:
        if bool(self.answers) != (self.question is not None):
            raise ValueError("a question and its answers go together")
        for key in ("unless_answered", "if_unsure"):
            named = getattr(self, key)
            if named is not None and named not in self.answers:
                raise ValueError(f"`{key}` names '{named}', which is no answer")
        if self.if_unsure is not None and not self.answers[self.if_unsure].hazardous:
            raise ValueError(f"`if_unsure` names '{self.if_unsure}', which is not hazardous")
        if self.unless_answered is not None and self.answers[self.unless_answered].hazardous:
            raise ValueError(f"`unless_answered` names '{self.unless_answered}', which is hazardous")
        return self


class Classes(Data):
    """Everything about classes that no scheme changes."""

    checked: datetime.date
    sources: dict[Id, Source]
    classes: dict[Id, ItemClass]

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        for label, item in self.classes.items():
            named = [*item.sources, *(name for answer in item.answers.values() for name in answer.sources)]
            if unknown := set(named) - set(self.sources):
                raise ValueError(f"the class '{label}' names sources that are not there: {', '.join(sorted(unknown))}")
        return self
