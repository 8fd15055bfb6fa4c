"""What comes along is complete, in both languages, and safe."""

import datetime
import re

import pytest

from ecosorter.guidance import Scheme, classes, guide, load_scheme, schemes
from ecosorter.guidance.models import SAFE
from ecosorter.texts import LANGUAGES, Language, texts
from tests.guidance.filled import filled

ITEMS = classes().classes
CASES = [(label, answer) for label, item in ITEMS.items() for answer in (None, *item.answers)]


@pytest.fixture(scope="module", params=["permen-pu-2013", "lima-warna", "jakarta-2020", "filled template"])
def scheme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scheme:
    if request.param == "filled template":
        path = tmp_path_factory.mktemp("bank") / "bank.toml"
        path.write_text(filled(), encoding="utf-8")
        return load_scheme(path)
    (found,) = (each for each in schemes() if each.id == request.param)
    return found


def test_these_schemes_come_along() -> None:
    assert [each.id for each in schemes()] == ["jakarta-2020", "lima-warna", "permen-pu-2013"]


def test_there_is_advice_for_the_seven_classes_and_no_other() -> None:
    assert set(ITEMS) == set(texts("classes", "id"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("label", "answer"), CASES)
def test_every_combination_gives_a_bin_or_a_reason(
    scheme: Scheme, label: str, answer: str | None, language: Language
) -> None:
    found = guide(label, scheme, answer, language)
    assert found.accepted == (found.reason == "")
    if label == "khusus" and answer is None:
        assert found.bin is None
        assert found.question
    else:
        assert found.bin
        assert found.bin.name
        assert found.bin.symbol
        assert found.bin.colour
        assert found.accepted or found.bin.how
    assert found.do
    assert found.do_not
    assert all((*found.do, *found.do_not))
    assert found.sources[0].title
    assert not found.cautious


@pytest.mark.parametrize(("label", "answer"), CASES)
def test_hazardous_things_go_to_safe_places_only(scheme: Scheme, label: str, answer: str | None) -> None:
    if answer is not None and ITEMS[label].answers[answer].hazardous:
        found = guide(label, scheme, answer).bin
        assert found
        assert found.kind in SAFE


def test_what_is_hazardous() -> None:
    hazardous = {(label, key) for label, item in ITEMS.items() for key, each in item.answers.items() if each.hazardous}
    expected = {("khusus", key) for key in ("baterai", "elektronik", "obat", "lampu", "kimia", "tidak_tahu")}
    assert hazardous == {*expected, ("logam", "kaleng_semprot")}


@pytest.mark.parametrize(
    ("scheme_id", "label", "answer", "kind", "colour"),
    [
        ("permen-pu-2013", "organik", None, "organic", "green"),
        ("permen-pu-2013", "plastik", None, "recyclable", "blue"),
        ("permen-pu-2013", "kaca", "pakai_lagi", "reusable", "yellow"),
        ("permen-pu-2013", "khusus", "baterai", "hazardous", "red"),
        ("permen-pu-2013", "khusus", "popok", "residue", "grey"),
        ("lima-warna", "organik", None, "organic", "green"),
        ("lima-warna", "plastik", None, "recyclable", "yellow"),
        ("lima-warna", "kertas", None, "recyclable", "blue"),
        ("lima-warna", "kaca", "pecah", "hazardous", "red"),
        ("lima-warna", "khusus", "popok", "residue", "grey"),
        ("jakarta-2020", "organik", None, "organic", "green"),
        ("jakarta-2020", "kertas", "berminyak", "residue", "grey"),
        ("jakarta-2020", "logam", "kaleng_semprot", "hazardous", "red"),
        ("jakarta-2020", "khusus", "elektronik", "hazardous", "red"),
    ],
)
def test_what_the_schemes_are_known_for(scheme_id: str, label: str, answer: str | None, kind: str, colour: str) -> None:
    found = guide(label, scheme_id, answer, "en").bin
    assert found
    assert (found.kind, found.colour) == (kind, colour)


def test_broken_glass_is_wrapped_boxed_marked_and_not_touched() -> None:
    found = guide("kaca", "jakarta-2020", "pecah", "en")
    told = " ".join(found.do).lower()
    assert all(word in told for word in ("wrap", "box", "mark"))
    assert "bare hand" in " ".join(found.do_not).lower()
    assert "tangan kosong" in " ".join(guide("kaca", "jakarta-2020", "pecah", "id").do_not)


def test_sources_are_dated_as_far_as_known_and_were_checked() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    for each in schemes():
        assert each.sources[0].date
        assert each.sources[0].url
        assert each.note
        assert datetime.date(2026, 1, 1) <= each.checked
        for source in each.sources:
            if source.date:
                year = int(re.split("-", source.date)[0])
                assert 2000 <= year <= max(today.year, each.checked.year)


def test_the_two_languages_differ() -> None:
    for item in ITEMS.values():
        for words in (*item.do, *item.do_not, *(each.name for each in item.answers.values())):
            assert words.id != words.en
