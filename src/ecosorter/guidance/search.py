"""Find items by what somebody types: words in any order, beginnings of words, endings, spellings, typos.

The page has the same search in `serving/web/search.js`. Both follow this, in whole numbers, so that both agree:

1. *Words.* A text is decomposed (NFKD), without marks and apostrophes, in small letters; its words are runs of a-z
   and 0-9. A 2 behind letters (`botol2`) is dropped, and so is a word that repeats the one before (`botol-botol`).
2. *How alike two words are*, 0 to 1000: the same 1000; the same stem 960; the same sound 930; one begins with the other
   600 and more; else by the optimal string alignment distance of their sounds, 1000 - 1250 * distance / length.
   `search.toml` has the spellings that sound alike.
3. *A name's score*: six parts how much of the phrase the name explains, four parts how much of the name the phrase
   names. Words count by how few items have them, light words (`bekas`, `old`) for little. A phrase that was typed
   without a space, or with one too many, is compared with the whole name too.
4. *Conditions*: a word that changes the answer (`berminyak`) counts as explained, and changes it.
5. Below `FLOOR` there is nothing. What is left is ordered by score, with a little more for common things, for names in
   the language spoken and for an operator's own items; at the same score the commoner thing, then the id, comes first.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ecosorter.guidance.alike import allowed, is_light, mistyped, sound, stem, words_of
from ecosorter.texts import LANGUAGES, Language

FLOOR = 600
"""The least score at which a name counts as found, before anything is added for commonness."""

_MOST_WORDS, _LONGEST_WORD, _LONGEST_PHRASE = 8, 30, 100
_SURE, _FAIR, _MEANT = 930, 640, 790
_LIGHT, _UNKNOWN = 2, 7
_CHANGED = 30  # a name that says it all comes before a name and a condition
_FAR = 300  # what scores so much less than the best is not shown


@dataclass(frozen=True, slots=True)
class Named:
    """What the search needs to know of an item.

    Attributes:
        names: its names by language, the one that it is called by first.
        first: those of the names that it comes first for.
        conditions: words by which the answer or the item changes: a phrase in any language, then (item, answer).
        common: 1 to 3.
        own: it stands in an operator's own scheme.
    """

    id: str
    answer: str | None
    names: Mapping[Language, Sequence[str]]
    first: Sequence[str] = ()
    conditions: Sequence[tuple[str, str, str | None]] = ()
    common: int = 2
    own: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found, with the answer that its own or the phrase's words give."""

    id: str
    answer: str | None
    score: int


@dataclass(frozen=True, slots=True)
class _Name:
    item: int
    language: Language
    words: tuple[int, ...]
    weights: tuple[int, ...]
    extra: int


class Index:
    """Items, ready to be searched. Making one takes some hundredths of a second, a search a few thousandths."""

    def __init__(self, items: Iterable[Named]) -> None:
        self._items = list(items)
        self._by_id = {each.id: each for each in self._items}
        self._vocabulary: dict[str, int] = {}
        self._names: list[_Name] = []
        self._conditions = [
            [(tuple(map(self._number, words_of(phrase))), item, answer) for phrase, item, answer in each.conditions]
            for each in self._items
        ]
        said = [
            (place, language, tuple(map(self._number, words_of(name))), first, words_of(name))
            for place, each in enumerate(self._items)
            for language in LANGUAGES
            for first, name in enumerate(each.names.get(language, ()))
        ]
        self._words = list(self._vocabulary)
        self._sounds = [sound(word) for word in self._words]
        self._by_word = sorted((word, number) for number, word in enumerate(self._words))
        self._by_sound = sorted((word, number) for number, word in enumerate(self._sounds))
        self._same_sound = _grouped(self._sounds)
        self._same_stem = _grouped(stem(word) for word in self._words)
        self._same_root = _grouped(sound(stem(word)) for word in self._words)
        self._weights = self._weighed(said)
        self._with_word: dict[int, list[int]] = defaultdict(list)
        self._joined: list[str] = []
        for place, language, numbers, first, words in said:
            item = self._items[place]
            comes_first = words in [words_of(name) for name in item.first]
            extra = {1: 30, 2: 10, 3: 0}[item.common] + 4 * (first == 0) + 8 * comes_first + 40 * item.own
            name = _Name(place, language, numbers, tuple(self._weights[number] for number in numbers), extra)
            for number in dict.fromkeys(numbers):
                self._with_word[number].append(len(self._names))
            self._names.append(name)
            self._joined.append(sound("".join(words)))

    def find(self, phrase: str, language: Language, limit: int = 10) -> list[Hit]:
        """Return what fits a phrase, best first; nothing where nothing does.

        Args:
            phrase: what somebody typed, in either language.
            language: the one spoken: of two equal hits, the one named in it comes first.
            limit: at most so many.
        """
        asked = [word[:_LONGEST_WORD] for word in words_of(phrase[:_LONGEST_PHRASE])[:_MOST_WORDS]]
        if not asked:
            return []
        last = len(asked) - 1
        # The last word may still be being typed: of it, one letter is enough behind others, two where it is alone.
        alike = [self._alike(word, 3 if place < last else 1 if last else 2) for place, word in enumerate(asked)]
        weights = [self._weight(word, near) for word, near in zip(asked, alike, strict=True)]
        best: dict[str, Hit] = {}
        whole = self._whole(asked)
        telling = [near for word, near in zip(asked, alike, strict=True) if len(word) > 1]
        named = {place for near in telling for number in near for place in self._with_word.get(number, ())}
        for place in sorted(named | whole.keys()):
            name = self._names[place]
            for hit in self._hits(name, asked, alike, weights, whole.get(place, 0)):
                score = hit.score + name.extra - 40 * (name.language != language)
                answer = hit.answer or self._by_id[hit.id].answer
                held = best.get(hit.id)
                if held is None or (score, answer or "") > (held.score, held.answer or ""):
                    best[hit.id] = Hit(hit.id, answer, score)
        least = max((hit.score for hit in best.values()), default=0) - _FAR
        near = [hit for hit in best.values() if hit.score >= least]
        return sorted(near, key=lambda hit: (-hit.score, self._by_id[hit.id].common, hit.id))[:limit]

    def _number(self, word: str) -> int:
        return self._vocabulary.setdefault(word, len(self._vocabulary))

    def _weighed(self, said: list[tuple[int, Language, tuple[int, ...], int, list[str]]]) -> list[int]:
        """Weigh every word by how few items have it."""
        having: dict[int, set[int]] = defaultdict(set)
        for place, _, numbers, _, _ in said:
            for number in numbers:
                having[number].add(place)
        return [
            _LIGHT if is_light(word) else 10 - sum(len(having[number]) > many for many in (4, 12, 30))
            for number, word in enumerate(self._words)
        ]

    def _alike(self, asked: str, least: int) -> dict[int, int]:
        """Return which words of the items are like one that was asked for, and how much.

        Args:
            asked: the word.
            least: from so many letters on, it may be the beginning of another.
        """
        from rapidfuzz import process  # noqa: PLC0415  # whoever does not search does not wait for it
        from rapidfuzz.distance import OSA  # noqa: PLC0415

        found: dict[int, int] = {}
        heard, root = sound(asked), stem(asked)
        if typos := allowed(len(heard) + 1):
            near = process.extract(heard, self._sounds, scorer=OSA.distance, score_cutoff=typos, limit=None)
            for other, distance, number in near:
                if score := mistyped(heard, other, int(distance)):
                    found[number] = score
        if len(asked) >= least:
            alike_sound = self._beginning(self._by_sound, heard) if len(heard) > 3 else ()
            for number in {*self._beginning(self._by_word, asked), *alike_sound}:
                whole = 600 + min(299, 300 * len(asked) // len(self._words[number]))
                found[number] = max(found.get(number, 0), whole)
        for score, alike in (
            (_SURE, self._same_sound.get(heard, ()) if len(heard) > 2 else ()),
            (_SURE, self._same_root.get(sound(root), ()) if len(heard) > 2 else ()),
            (960, self._same_stem.get(root, ())),
            (1000, [self._vocabulary[asked]] if asked in self._vocabulary else ()),
        ):
            found |= dict.fromkeys(alike, score)
        return found

    @staticmethod
    def _beginning(ordered: list[tuple[str, int]], start: str) -> list[int]:
        """Return the numbers of words that begin so."""
        first = bisect_left(ordered, (start, -1))
        last = bisect_left(ordered, (start + "~", -1))
        return [number for _, number in ordered[first:last]]

    def _weight(self, word: str, near: Mapping[int, int]) -> int:
        if is_light(word):
            return _LIGHT
        if not near:
            return _UNKNOWN
        most = max(near.values())
        return max(self._weights[number] for number, score in near.items() if score == most)

    def _whole(self, asked: Sequence[str]) -> dict[int, int]:
        """Return names that differ from the phrase by spaces, and how well they fit."""
        from rapidfuzz import process  # noqa: PLC0415
        from rapidfuzz.distance import OSA  # noqa: PLC0415

        joined = sound("".join(asked))
        if len(joined) < 5:
            return {}
        typos = 1 if len(joined) < 9 else 2
        near = process.extract(joined, self._joined, scorer=OSA.distance, score_cutoff=typos, limit=None)
        return {
            place: 970 - 1250 * int(distance) // max(len(joined), len(other))
            for other, distance, place in near
            if len(self._names[place].words) != len(asked)
        }

    def _hits(
        self,
        name: _Name,
        asked: Sequence[str],
        alike: Sequence[Mapping[int, int]],
        weights: Sequence[int],
        whole: int,
    ) -> Iterable[Hit]:
        """Yield what a name amounts to: the item, and what conditions in the phrase make of it."""
        item = self._items[name.item]
        explained = [max((near.get(number, 0) for number in name.words), default=0) for near in alike]
        told = max((m for m, weight in zip(explained, weights, strict=True) if weight > _LIGHT), default=0)
        covered = sum(
            weight * max((near.get(number, 0) for near in alike), default=0)
            for number, weight in zip(name.words, name.weights, strict=True)
        ) // sum(name.weights)

        if max(weights) == _LIGHT:
            told = min(*explained, covered)  # of light words alone, all must be the name's and the other way round
        if max(told, whole) < _FAIR:
            return

        def score(marks: Sequence[int]) -> int:
            of_phrase = sum(w * m for w, m in zip(weights, marks, strict=True)) // sum(weights)
            return (6 * of_phrase + 4 * covered) // 10

        plain = max(score(explained), whole)
        if plain >= FLOOR:
            yield Hit(item.id, item.answer, plain)
        for numbers, other, answer in self._conditions[name.item]:
            marks, left = list(explained), 0
            for number in numbers:
                meant = max(range(len(asked)), key=lambda place: alike[place].get(number, 0))
                if alike[meant].get(number, 0) < _MEANT:
                    break
                marks[meant] = 1000
            else:
                left = max((explained[i] for i in range(len(asked)) if marks[i] == explained[i]), default=0)
            if left >= _FAIR and marks != explained and score(marks) >= FLOOR:
                yield Hit(other, answer, score(marks) - _CHANGED)


def _grouped(keys: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        found[key].append(number)
    return dict(found)
