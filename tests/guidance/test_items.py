"""Items: what the package's say, what a scheme adds, what is refused and in which words."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ecosorter.errors import GuidanceError
from ecosorter.guidance import Dictionary, classes, dictionary, load_scheme, schemes, template
from ecosorter.guidance.checks import said_twice, wrong_entries
from ecosorter.guidance.entries import Entries
from ecosorter.guidance.models import SAFE
from ecosorter.guidance.resolve import resolve
from ecosorter.texts import LANGUAGES
from tests.guidance.filled import filled

KNOWN = classes().classes


def test_there_are_many_and_the_commonest_are_sixty() -> None:
    items = dictionary().items
    assert len(items) >= 450
    assert {item.label for item in items.values()} == set(KNOWN)
    assert sum(item.common == 1 for item in items.values()) == 60
    for item in items.values():
        assert item.name.id == item.name.id.strip()
        assert len(item.names("id")) + len(item.names("en")) >= 3, item.id


@pytest.mark.parametrize("scheme", [each.id for each in schemes()])
def test_every_item_has_a_bin_and_hazardous_ones_a_safe_one(scheme: str) -> None:
    known = dictionary(scheme)
    for key, item in known.items.items():
        answers = {item.answer, *(each.answer for each in item.conditions if each.answer)}
        for answer in answers:
            found = known.guide(key, answer)
            assert found.bin, key
            chosen = found.answer
            if chosen and KNOWN[item.label].answers[chosen].hazardous:
                assert found.bin.kind in SAFE, key


def test_guidance_for_an_item_says_its_own_words() -> None:
    found = dictionary().guide("kotak-susu", language="en")
    assert found.item
    assert found.item.name == "milk carton"
    assert {part.name for part in found.item.parts} >= {"cap"}
    assert all(part.bin for part in found.item.parts)
    assert found.item.own_reading
    assert found.question
    decided = dictionary().guide("baterai", language="en")
    assert decided.question is None
    assert decided.bin
    assert decided.bin.kind == "hazardous"


def test_an_item_that_is_not_there_is_named() -> None:
    with pytest.raises(GuidanceError, match="did you mean 'kotak-susu'"):
        dictionary().guide("kotak-suzu")
    with pytest.raises(GuidanceError, match="no answer for the class"):
        dictionary().guide("kotak-susu", "pecah")


def test_searching_is_what_loads_rapidfuzz() -> None:
    look = "print('rapidfuzz' in sys.modules)"
    code = f"import sys, ecosorter.guidance as g; g.dictionary(); {look}; g.dictionary().find('botol'); {look}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


HEAD = "checked = 2026-11-27\n"
ONE = HEAD + '[items.gelas]\nname = { id = "gelas", en = "glass" }\n'


def wrong(text: str, label: str = "kaca") -> list[str]:
    """Return what is wrong with a file of items of one class."""
    file = Entries.model_validate(tomllib.loads(text))
    found = resolve({label: file})
    return [*wrong_entries(found, file.items, classes(), schemes()[0], file.sources), *said_twice(found, file.items)]


@pytest.mark.parametrize(
    ("text", "label", "said"),
    [
        (ONE, "kaca", None),
        (ONE, "kacaa", "names the class 'kacaa', which is not there (did you mean 'kaca'?)"),
        (ONE + 'answer = "pecahh"', "kaca", "did you mean 'pecah'"),
        (ONE, "khusus", "'items.gelas' needs `answer`: the class 'khusus' has no bin without one"),
        (ONE + 'sources = ["a"]', "kaca", "'items.gelas.sources' names the source 'a'"),
        (
            ONE + 'parts = [{ item = "gelass" }]',
            "kaca",
            "names the item 'gelass', which is not there (did you mean 'gelas'?)",
        ),
        (ONE + 'conditions = [{ words = { id = ["x"] }, answer = "y" }]', "kaca", "'y' is no answer"),
        (ONE + 'before = ["botol"]', "kaca", "has 'botol', which is no name of the item"),
        (ONE + 'also = { id = ["«»"] }', "kaca", "in which there is no letter"),
        (ONE + '[items.b]\nname = { id = "Gelas-gelas", en = "b" }', "kaca", 'with before = ["gelas"]'),
        (ONE + 'before = ["gelas"]\n[items.b]\nname = { id = "Gelas-gelas", en = "b" }', "kaca", None),
        (HEAD + '[items.b]\nalso = { id = ["b"] }', "kaca", "'items.b' is new, so it needs `name` and `label`"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(text: str, label: str, said: str | None) -> None:
    found = "; ".join(wrong(text, label))
    assert (said in found) if said else found == ""


def own(tmp_path: Path, items: str) -> Dictionary:
    (tmp_path / "bank.toml").write_text(filled() + items, encoding="utf-8")
    return Dictionary(load_scheme(tmp_path / "bank.toml"))


def test_a_waste_bank_adds_and_changes_items(tmp_path: Path) -> None:
    known = own(
        tmp_path,
        """
[items.jelantah-botolan]
label = "khusus"
answer = "lain"
bin = "plastik"
name = { id = "jelantah botolan", en = "bottled cooking oil" }
[items.kresek]
also = { id = ["tas asoy"] }
tip = { id = "Bawa hari Sabtu.", en = "Bring it on Saturday." }
""",
    )
    assert known.find("jelantah botolan")[0].bin == known.guide("jelantah-botolan").bin
    bin_ = known.guide("jelantah-botolan").bin
    assert bin_
    assert bin_.id == "plastik"
    assert known.find("tas asoy")[0].id == known.find("kresek")[0].id == "kresek"
    changed = known.guide("kresek", language="en").item
    assert changed
    assert changed.tip == "Bring it on Saturday."
    assert not changed.own_reading
    assert [source.title for source in changed.sources] == ["Bersih dan kering."]
    assert {item.id for item in known.most_common(2)} == {"jelantah-botolan", "kresek"}


def test_an_own_name_comes_before_the_packages(tmp_path: Path) -> None:
    known = own(tmp_path, '\n[items.botolku]\nlabel = "kaca"\nname = { id = "botol plastik", en = "a" }\n')
    assert [each.id for each in known.find("botol plastik", limit=2)] == ["botolku", "botol-plastik"]


def test_the_example_in_the_template_works(tmp_path: Path) -> None:
    text = template()
    example = text[text.index("# [items.kain-batik]") :]
    known = own(tmp_path, "\n" + "\n".join(line.removeprefix("#").removeprefix(" ") for line in example.splitlines()))
    assert known.find("jarik")[0].id == "kain-batik"
    bin_ = known.guide("minyak-jelantah").bin
    assert bin_
    assert bin_.id == "plastik"


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ('[items.x]\nname = { id = "x", en = "y" }', "'items.x' is new, so it needs `name` and `label`"),
        ('[items.baterai]\nbin = "plastik"', "'items.baterai.bin' is hazardous and must not go"),
        ('[items.kresek]\nbin = "plastk"', "'items.kresek.bin' names the bin 'plastk', .*did you mean 'plastik'"),
        ('[items.kresek]\nlabel = "plastic"', "did you mean 'plastik'"),
        ("[items.kresek]\nharga = 3", "'items.kresek.harga' is a price"),
        ('[items.kresek]\ncolour = "red"', "unknown key 'items.kresek.colour'"),
        ('[items.kresek]\ntip = { id = "x" }', "'items.kresek.tip.en' is missing"),
        ('[items.kresek]\nconditions = [{ words = { id = ["x"] } }]', "either `answer` or `item`"),
        ('[items."Ka Ca"]\nlabel = "kaca"', "items"),
    ],
)
def test_what_is_wrong_in_a_scheme_is_named_with_its_line(tmp_path: Path, items: str, said: str) -> None:
    header = len(filled().splitlines()) + 2
    with pytest.raises(GuidanceError, match=said) as caught:
        own(tmp_path, "\n" + items)
    lines = [header, header + 1]
    assert any(f"line {line}: " in str(caught.value) for line in lines) or "price" in said or "Ka Ca" in items


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phrase", ["", " ", "-", "«»", "😀", "\x00", "a" * 10_000, "' OR 1=1", "%s {0}"])
def test_odd_phrases_find_nothing_and_harm_nothing(phrase: str, language: str) -> None:
    assert dictionary().find(phrase, "id" if language == "id" else "en") == []
