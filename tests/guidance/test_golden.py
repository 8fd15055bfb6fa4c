"""The golden list: language, phrase, first item, its answer. The page is held to it in `page/test_search.py`."""

import json
from pathlib import Path

import pytest

from ecosorter.guidance import dictionary
from ecosorter.texts import LANGUAGES

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/items.json").read_text(encoding="utf-8"))


def test_it_is_long_and_has_both_languages_and_nonsense() -> None:
    assert len(GOLDEN) >= 300
    assert len({(language, phrase) for language, phrase, *_ in GOLDEN}) == len(GOLDEN)
    for language in LANGUAGES:
        found = [item for spoken, _, item, _ in GOLDEN if spoken == language]
        assert len(found) >= 100
        assert None in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_finds_its_item_first(language: str) -> None:
    wrong = []
    for spoken, phrase, item, answer in GOLDEN:
        if spoken == language:
            first = next(iter(dictionary().find(phrase, spoken, 1)), None)
            if (first and first.id, first and first.answer) != (item, answer):
                wrong.append((phrase, item, first and first.id))
    assert wrong == []
