"""The page's search beside Python's: the same hits, in the same order, with the same scores."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ecosorter.guidance import Dictionary, dictionary
from ecosorter.guidance.packed import packed
from ecosorter.texts import LANGUAGES, Language
from tests.guidance.test_golden import GOLDEN

TYPED = [
    "k",
    "ko",
    "kot",
    "kotak s",
    "bat",
    "bot pla",
    "KOTAK-SUSU",
    "Crème brûlée",
    "botol2",
    "«»",
    "ℌ₂O",
    "İzmit",
    "x" * 300,
]


def found_by_the_page(known: Dictionary, language: Language, phrases: list[str]) -> list[list[dict[str, Any]]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    given = json.dumps({"packed": packed(known, language), "phrases": phrases})
    script = Path(__file__).with_name("find.mjs")
    done = subprocess.run([node, script], input=given.encode(), capture_output=True, check=True)
    hits: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return hits


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_golden_phrase_finds_its_item_first(language: Language) -> None:
    cases = [(phrase, item, answer) for spoken, phrase, item, answer in GOLDEN if spoken == language]
    hits = found_by_the_page(dictionary(), language, [phrase for phrase, *_ in cases])
    for (phrase, item, answer), found in zip(cases, hits, strict=True):
        first = found[0] if found else {"id": None, "answer": None}
        assert (first["id"], first["answer"]) == (item, answer), phrase


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_sides_agree_on_every_hit_and_score(language: Language) -> None:
    known = dictionary()
    whole = [phrase for spoken, phrase, *_ in GOLDEN if spoken == language]
    foreign = [phrase for spoken, phrase, *_ in GOLDEN if spoken != language]
    phrases = [*TYPED, *whole, *(phrase[: len(phrase) * 2 // 3] for phrase in whole), *foreign[::4]]
    for phrase, theirs in zip(phrases, found_by_the_page(known, language, phrases), strict=True):
        ours = [{"id": hit.id, "answer": hit.answer, "score": hit.score} for hit in known.hits(phrase, language)]
        assert ours == theirs, phrase
