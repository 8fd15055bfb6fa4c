"""The items under one scheme: found by what somebody types, and what to do with each."""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property

from pydantic import BaseModel, ConfigDict

from ecosorter.errors import GuidanceError
from ecosorter.guidance import files
from ecosorter.guidance.alike import words_of
from ecosorter.guidance.lookup import BinWords, Guidance, ItemWords, PartWords, bin_words, guide
from ecosorter.guidance.models import Scheme
from ecosorter.guidance.resolve import Item
from ecosorter.guidance.search import Hit, Index, Named
from ecosorter.nearest import nearest
from ecosorter.texts import LANGUAGES, Language, texts


class Found(BaseModel):
    """An item that fits a phrase.

    Attributes:
        id: of the item.
        name: what it is called, in the language spoken.
        label: its class.
        answer: to the question of the class, where the item or the phrase decides it.
        bin: where it goes; None where the scheme does not say.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    label: str
    answer: str | None
    bin: BinWords | None


class Dictionary:
    """The items that hold under a scheme: the package's, and over them the scheme's own.

    Attributes:
        scheme: whose bins they go to.
        items: by id.
    """

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.items: Mapping[str, Item] = files.items_of(scheme)

    def find(self, phrase: str, language: Language = "id", limit: int = 10) -> list[Found]:
        """Return the items that fit a phrase, best first; none where nothing fits.

        Args:
            phrase: what somebody typed, in Indonesian or English, whole or not, with typos.
            language: of the names in the answer; names in it come before those in the other one.
            limit: at most so many.
        """
        return [self._found(hit.id, hit.answer, language) for hit in self.hits(phrase, language, limit)]

    def hits(self, phrase: str, language: Language = "id", limit: int = 10) -> list[Hit]:
        """Return the same as ids with their scores."""
        return self._index.find(phrase, language, limit)

    def listed(self, language: Language = "id") -> list[Found]:
        """Return all items from A to Z."""
        found = [self._found(key, item.answer, language) for key, item in self.items.items()]
        return sorted(found, key=lambda each: (words_of(each.name), each.id))

    def most_common(self, count: int) -> list[Item]:
        """Return what everybody throws away: a scheme's own items first, then the commonest."""
        return sorted(self.items.values(), key=lambda item: (not item.own, item.common))[:count]

    def guide(self, item_id: str, answer: str | None = None, language: Language = "id") -> Guidance:
        """Say what to do with an item.

        Args:
            item_id: its id.
            answer: to the question of its class; None for the item's own.
            language: ``"id"`` or ``"en"``.

        Raises:
            GuidanceError: no such item or answer.
        """
        item = self.items.get(item_id)
        if item is None:
            raise GuidanceError(f"There is no item '{item_id}'{nearest(item_id, self.items)}. Look for it by its name.")
        found = guide(item.label, self.scheme, answer or item.answer, language)
        changes: dict[str, object] = {"item": self._in_words(item, language)}
        if item.answer is not None and answer in (None, item.answer):
            changes["question"] = None  # the item has answered it
        if item.bin is not None and answer in (None, item.answer):
            bin_ = self.scheme.bins[item.bin]
            accepted = bin_.kind != "not_accepted"
            changes |= {"bin": bin_words(item.bin, bin_, language), "accepted": accepted}
            changes["reason"] = "" if accepted else texts("guide", language)["not_accepted"]
        return found.model_copy(update=changes)

    def bin_of(self, item: Item, answer: str | None, language: Language) -> BinWords | None:
        """Return where an item goes with an answer; None where the scheme does not say."""
        own = item.bin if answer == item.answer else None
        return self._bin(item.label, answer, language, own)

    @cached_property
    def _index(self) -> Index:
        return Index(map(named, self.items.values())) if self.scheme.items else _packaged_index()

    def _bin(self, label: str, answer: str | None, language: Language, own: str | None = None) -> BinWords | None:
        known = files.classes().classes[label]
        bin_id = own or self.scheme.bin_id(label, answer or known.unless_answered)
        if bin_id is None or (own is None and known.question and not (answer or known.unless_answered)):
            return None
        return bin_words(bin_id, self.scheme.bins[bin_id], language)

    def _found(self, item_id: str, answer: str | None, language: Language) -> Found:
        item = self.items[item_id]
        bin_ = self.bin_of(item, answer or item.answer, language)
        name = item.name.said(language)
        return Found(id=item_id, name=name, label=item.label, answer=answer or item.answer, bin=bin_)

    def _in_words(self, item: Item, language: Language) -> ItemWords:
        return ItemWords(
            id=item.id,
            name=item.name.said(language),
            also=item.also.said(language),
            tip=item.tip.said(language) if item.tip else None,
            parts=self._parts(item, language),
            sources=item.sources,
            own_reading=not item.sources or item.differs,
            differs=item.differs,
        )

    def _parts(self, item: Item, language: Language) -> tuple[PartWords, ...]:
        parts: Sequence[PartWords] = [
            PartWords(
                name=part.name.said(language) if part.name else self.items[part.item or ""].name.said(language),
                item=part.item,
                label=part.label or self.items[part.item or ""].label,
                bin=self.bin_of(self.items[part.item], self.items[part.item].answer, language)
                if part.item
                else self._bin(part.label or "", part.answer, language),
            )
            for part in item.parts
        ]
        return tuple(parts)


@cache
def dictionary(scheme: str = "permen-pu-2013") -> Dictionary:
    """Return the items under a scheme that comes along; for one from `load_scheme`, make a `Dictionary` of it.

    Raises:
        GuidanceError: there is none of that id.
    """
    return Dictionary(files.scheme(scheme))


def named(item: Item) -> Named:
    """Return what the search needs to know of an item."""
    return Named(
        id=item.id,
        answer=item.answer,
        names={language: item.names(language) for language in LANGUAGES},
        first=item.before,
        conditions=[
            (phrase, each.item or item.id, None if each.item else each.answer)
            for each in item.conditions
            for phrase in (*each.words.id, *each.words.en)
        ],
        common=item.common,
        own=item.own,
    )


@cache
def _packaged_index() -> Index:
    return Index(map(named, files.items().values()))
