"""From a class, a scheme and an answer to what a person should do. Pure, apart from reading the data once."""

import datetime
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from ecosorter.errors import GuidanceError
from ecosorter.guidance.fields import Source, Words
from ecosorter.guidance.files import classes
from ecosorter.guidance.files import scheme as shipped_scheme
from ecosorter.guidance.models import Answer, Bin, ItemClass, Kind, Scheme
from ecosorter.nearest import nearest
from ecosorter.texts import Language, texts


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BinWords(_Said):
    """A bin in one language: `ecosorter.guidance.Bin` says what each field is."""

    id: str
    kind: Kind
    name: str
    colour: str
    hex: str
    symbol: str
    how: str | None


class AnswerWords(_Said):
    """An answer that may be given: pass `id` to `guide`."""

    id: str
    name: str


class QuestionWords(_Said):
    """What to ask the person; there are always answers."""

    text: str
    answers: tuple[AnswerWords, ...]


class PartWords(_Said):
    """Something that goes apart; `item` is the id of the item that it is, where it is one."""

    name: str
    item: str | None
    label: str
    bin: BinWords | None


class ItemWords(_Said):
    """One item in one language.

    Attributes:
        also: other words for it.
        tip: one sentence more.
        parts: what goes apart.
        sources: where it was read what this is and where it goes.
        own_reading: nobody says so, or sources differ: it is EcoSorter's own reading.
        differs: sources differ.
    """

    id: str
    name: str
    also: tuple[str, ...]
    tip: str | None
    parts: tuple[PartWords, ...]
    sources: tuple[Source, ...]
    own_reading: bool
    differs: bool


class Guidance(_Said):
    """What to do with one item, in one language.

    Attributes:
        label: the class that this is about.
        candidates: the classes that were asked about, as given.
        scheme: id of the scheme; its words are in `scheme_name` and `place`.
        bin: where it goes. None where an answer is needed first, or where nobody knows; `reason` says so then.
        accepted: it may be put into `bin`. False too where `bin` is the pile of what a waste bank does not take.
        reason: why there is no bin or it is not accepted; empty otherwise.
        do: what to do, in order.
        do_not: what not to do.
        question: the follow-up question, answered or not; None for a class without.
        answer: the answer that `bin`, `do` and `do_not` hold for: the one given, or the one taken without.
        cautious: the model was not sure, so the hazardous possibility is said; `caution` says it in words.
        sources: the scheme's, the one that it rests on first.
        date: of that source: a year, a month or a day; None where unknown.
        checked: when the scheme was last compared with its sources.
        note: what could not be checked, and where sources differ; empty where there is nothing to add.
        advice_sources: where `do` and `do_not` are from, as far as they are from somewhere.
        item: the item, where this is about one and not about a whole class.
    """

    label: str
    candidates: tuple[str, ...]
    scheme: str
    scheme_name: str
    place: str
    language: Language
    bin: BinWords | None
    accepted: bool
    reason: str
    do: tuple[str, ...]
    do_not: tuple[str, ...]
    question: QuestionWords | None
    answer: str | None
    cautious: bool
    caution: str
    sources: tuple[Source, ...]
    date: str | None
    checked: datetime.date
    note: str
    advice_sources: tuple[Source, ...]
    item: ItemWords | None = None


def class_to_say(candidates: Sequence[str], known: Mapping[str, ItemClass]) -> tuple[str, bool]:
    """Choose the class to speak about, and tell whether that is for caution's sake.

    Args:
        candidates: classes that it may be, the likeliest first; one where the model is sure.
        known: what is known about classes.

    Returns:
        The first candidate; but of several, the first that may be hazardous (`if_unsure`), and True.
    """
    if len(set(candidates)) > 1:
        for label in candidates:
            if label in known and known[label].if_unsure is not None:
                return label, True
    return candidates[0], False


def guide(
    candidates: str | Sequence[str],
    scheme: str | Scheme,
    answer: str | None = None,
    language: Language = "id",
) -> Guidance:
    """Say what to do with an item.

    Args:
        candidates: a class; or, of a prediction that is not sure, its candidates, the likeliest first.
        scheme: id of a scheme that comes along, or one from `load_scheme`.
        answer: id of an answer to the question of the class that is spoken about.
        language: ``"id"`` or ``"en"``.

    Returns:
        Guidance always, also for a class that nobody here knows (of somebody's own model): then it says so.

    Raises:
        GuidanceError: no such scheme or answer, or no candidates at all.
    """
    labels = (candidates,) if isinstance(candidates, str) else tuple(candidates)
    if not labels:
        raise GuidanceError("No class was given: give at least one.")
    rules = scheme if isinstance(scheme, Scheme) else shipped_scheme(scheme)
    known = classes()
    label, hazard_likely = class_to_say(labels, known.classes)
    item = known.classes.get(label)
    cautious = hazard_likely and answer is None
    chosen = _chosen(label, item, answer, cautious)
    meaning = item.answers[chosen] if item and chosen else None
    bin_id = rules.bin_id(label, chosen)
    bin_ = rules.bins[bin_id] if bin_id and (meaning or not (item and item.question)) else None

    def said(words: Words) -> str:
        return words.said(language)

    around = texts("guide", language)
    if item is None:
        reason = around["unknown_class"].format(label=label)
    elif item.question and not chosen:
        reason = around["answer_first"]
    elif bin_ is None:
        reason = around["scheme_is_silent"].format(scheme=said(rules.name))
    elif bin_.kind == "not_accepted":
        reason = around["not_accepted"]
    else:
        reason = ""
    notes = [note for note in (meaning.note if meaning else None, rules.note) if note]
    return Guidance(
        label=label,
        candidates=labels,
        scheme=rules.id,
        scheme_name=said(rules.name),
        place=said(rules.place),
        language=language,
        bin=bin_words(bin_id, bin_, language) if bin_id and bin_ else None,
        accepted=bin_ is not None and bin_.kind != "not_accepted",
        reason=reason,
        do=tuple(map(said, _do(item, meaning))),
        do_not=tuple(map(said, _do_not(item, meaning))),
        question=QuestionWords(
            text=said(item.question),
            answers=tuple(AnswerWords(id=key, name=said(each.name)) for key, each in item.answers.items()),
        )
        if item and item.question
        else None,
        answer=chosen,
        cautious=cautious,
        caution=around["cautious"] if cautious else "",
        sources=rules.sources,
        date=rules.sources[0].date,
        checked=rules.checked,
        note=" ".join(map(said, notes)),
        advice_sources=tuple(known.sources[name] for name in _source_names(item, meaning)),
    )


def bin_words(bin_id: str, bin_: Bin, language: Language) -> BinWords:
    """Return a bin in one language."""
    return BinWords(
        id=bin_id,
        kind=bin_.kind,
        name=bin_.name.said(language),
        colour=bin_.colour.said(language),
        hex=bin_.hex,
        symbol=bin_.symbol,
        how=bin_.how.said(language) if bin_.how else None,
    )


def _chosen(label: str, item: ItemClass | None, answer: str | None, cautious: bool) -> str | None:
    """Return the answer to go by.

    Raises:
        GuidanceError: it is no answer to the class's question.
    """
    if answer is None:
        if item is None:
            return None
        return item.if_unsure if cautious else item.unless_answered
    if item is None or not item.answers:
        raise GuidanceError(
            f"The class '{label}' has no question, so '{answer}' answers nothing. Leave the answer out."
        )
    if answer not in item.answers:
        raise GuidanceError(
            f"'{answer}' is no answer for the class '{label}'{nearest(answer, item.answers)}. "
            f"Take one of: {', '.join(item.answers)}."
        )
    return answer


def _do(item: ItemClass | None, meaning: Answer | None) -> tuple[Words, ...]:
    if item is None:
        return ()
    return meaning.do if meaning and meaning.do else item.do


def _do_not(item: ItemClass | None, meaning: Answer | None) -> tuple[Words, ...]:
    if item is None:
        return ()
    return (*meaning.do_not, *item.do_not) if meaning else item.do_not


def _source_names(item: ItemClass | None, meaning: Answer | None) -> list[str]:
    named = [*(meaning.sources if meaning else ()), *(item.sources if item else ())]
    return list(dict.fromkeys(named))
