"""The lookup: caution, answers, what is not known."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecosorter.errors import GuidanceError
from ecosorter.guidance import class_to_say, classes, guide, schemes
from ecosorter.texts import LANGUAGES

ITEMS = classes().classes
LABELS = st.sampled_from([*ITEMS, "botol_pet", "something else"])
SCHEMES = st.sampled_from([each.id for each in schemes()])


@given(st.lists(LABELS, min_size=1, max_size=6), SCHEMES, st.sampled_from(LANGUAGES))
def test_unsure_and_maybe_hazardous_is_cautious(candidates: Sequence[str], scheme: str, language: str) -> None:
    found = guide(candidates, scheme, None, "id" if language == "id" else "en")
    unsure = len(set(candidates)) > 1
    assert found.candidates == tuple(candidates)
    assert found.cautious == bool(found.caution) == (unsure and "khusus" in candidates)
    if found.cautious:
        assert found.label == "khusus"
        assert found.bin
        assert found.bin.kind == "hazardous"
        assert found.question
    else:
        assert found.label == candidates[0]


@given(st.permutations(["kertas", "khusus", "plastik"]))
def test_caution_does_not_depend_on_the_order(candidates: list[str]) -> None:
    first, *others = [guide(order, "lima-warna") for order in (candidates, candidates[::-1])]
    assert all(other.bin == first.bin and other.do == first.do for other in others)


def test_sure_and_special_asks_and_names_no_bin() -> None:
    found = guide("khusus", "permen-pu-2013", language="en")
    assert found.bin is None
    assert not found.accepted
    assert found.answer is None
    assert "answer" in found.reason
    assert found.question
    assert {"baterai", "popok", "obat"} <= {each.id for each in found.question.answers}


def test_an_answer_ends_the_caution() -> None:
    found = guide(["plastik", "khusus"], "permen-pu-2013", "popok", "en")
    assert not found.cautious
    assert found.bin
    assert found.bin.kind == "residue"


def test_one_class_said_twice_is_sure() -> None:
    assert class_to_say(["khusus", "khusus"], ITEMS) == ("khusus", False)


def test_a_string_is_one_class() -> None:
    assert guide("kaca", "lima-warna") == guide(["kaca"], "lima-warna")


def test_an_answer_replaces_what_to_do_and_adds_what_not() -> None:
    plain, broken = guide("kaca", "lima-warna"), guide("kaca", "lima-warna", "pecah")
    assert not set(plain.do) & set(broken.do)
    assert set(plain.do_not) < set(broken.do_not)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_class_of_an_own_model_is_not_known_and_says_so(language: str) -> None:
    found = guide("botol_pet", "permen-pu-2013", None, "id" if language == "id" else "en")
    assert (found.bin, found.accepted, found.question, found.do) == (None, False, None, ())
    assert "botol_pet" in found.reason


@pytest.mark.parametrize(
    ("candidates", "scheme", "answer", "said"),
    [
        ("kaca", "jakarta", None, "did you mean 'jakarta-2020'"),
        ("kaca", "nowhere", None, "permen-pu-2013"),
        ("kaca", "lima-warna", "pecahh", "did you mean 'pecah'"),
        ("organik", "lima-warna", "pecah", "no question"),
        ("botol_pet", "lima-warna", "pecah", "no question"),
        ([], "lima-warna", None, "at least one"),
    ],
)
def test_what_does_not_exist_is_named(candidates: Sequence[str], scheme: str, answer: str | None, said: str) -> None:
    with pytest.raises(GuidanceError, match=said):
        guide(candidates, scheme, answer)


def test_importing_reads_no_data() -> None:
    code = "import ecosorter.guidance.files as f; print(f.classes.cache_info().misses, f.schemes.cache_info().misses)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
