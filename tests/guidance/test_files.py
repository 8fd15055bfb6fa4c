"""A waste bank's own file: read, and refused with the path of what is wrong."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ecosorter.errors import GuidanceError
from ecosorter.guidance import ItemClass, Source, guide, load_scheme, schemes, template
from tests.guidance.filled import filled


def loaded(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    load_scheme(path)


def test_the_template_is_read_once_it_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "bank.toml"
    path.write_bytes(b"\xef\xbb\xbf" + filled().encode())
    bank = load_scheme(path)
    assert bank.id == "bank-melati"
    taken, refused = guide("plastik", bank), guide("khusus", bank, "baterai")
    assert taken.accepted
    assert taken.bin
    assert taken.bin.how == "Bersih dan kering."
    assert not refused.accepted
    assert refused.reason == "Tidak diterima."


def test_the_empty_template_names_every_gap(tmp_path: Path) -> None:
    with pytest.raises(GuidanceError) as caught:
        loaded(tmp_path / "bank.toml", template())
    for path in ("id", "name.id", "name.en", "place.id", "sources.0.title", "sources.0.date", "bins.plastik.how.en"):
        assert f"'{path}' is empty: fill it in" in str(caught.value)
    assert "at least" not in str(caught.value)


def test_a_scheme_needs_a_source(tmp_path: Path) -> None:
    text = re.sub(r"\[\[sources\]\]\ntitle.*\ndate.*\n", "", filled()).replace("\n[name]", "\nsources = []\n[name]")
    with pytest.raises(GuidanceError, match="'sources' needs at least one entry"):
        loaded(tmp_path / "bank.toml", text)


HOW = 'how = { id = "Bersih dan kering.", en = "Bersih dan kering." }'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("checked = ", "chequed = ", "unknown key 'chequed'"),
        ("checked = 2026-01-01", "", "'checked' is missing"),
        ("checked = 2026-01-01", 'checked = "soon"', "'checked': "),
        ('date = "2026"', 'date = "2026-13"', "'sources.0.date': write a date"),
        ('date = "2026"', 'url = "melati"', "'sources.0.url': "),
        ('id = "biru", en = "blue"', 'id = "biru"', "'bins.kertas.colour.en' is missing"),
        ('en = "Plastic"', 'en = "  "', "'bins.plastik.name.en' is empty"),
        ('kind = "not_accepted"', 'kind = "rejected"', "'bins.tidak_diterima.kind': "),
        ('hex = "#1f5fbf"', 'hex = "blue"', "'bins.kertas.hex': "),
        ('symbol = "◆"', 'symbol = "●"', "same symbol"),
        ('en = "Plastic"', 'en = "Paper and cardboard"', "same English name"),
        (f'en = "Not accepted" }}\n{HOW}', 'en = "Not accepted" }', "'bins.tidak_diterima': what is not accepted"),
        ('kind = "recyclable"', 'kind = "recyclable"\nprice = 3000', "'bins.kertas.price' is a price"),
        ('kind = "recyclable"', 'kind = "recyclable"\nharga_per_kg = 3000', "'bins.kertas.harga_per_kg' is a price"),
        ('bersih = "plastik"', 'harga = "plastik"', "'map.plastik.harga' is a price"),
        ('bersih = "plastik"', 'bersih = "plastk"', r"'map.plastik.bersih' names .*did you mean 'plastik'"),
        ('bersih = "plastik"', 'bersi = "plastik"', r"unknown answer 'map.plastik.bersi' \(did you mean 'bersih'"),
        ("[map.plastik]", "[map.plastic]", r"unknown class 'map.plastic' \(did you mean 'plastik'"),
        ('organik = "tidak_diterima"', "organik = 3", "'map.organik' must be the name of a bin"),
        ('baterai = "b3"', 'baterai = "plastik"', "'map.khusus.baterai' is hazardous"),
        ('kaleng_semprot = "b3"', 'kaleng_semprot = "logam_kaca"', "'map.logam.kaleng_semprot' is hazardous"),
        (HOW, 'how = { id = "Rp 3.000 per kg", en = "clean" }', "'bins.kertas.how.id': a price"),
        ("\n[map]", "\n[map", "no TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = filled()
    assert old in text
    with pytest.raises(GuidanceError, match=said):
        loaded(tmp_path / "bank.toml", text.replace(old, new, 1))


def test_a_bin_for_a_whole_class_is_checked_for_each_answer(tmp_path: Path) -> None:
    text = re.sub(r"\[map\.khusus\].*", "", filled(), flags=re.DOTALL).replace("\n[map]", '\n[map]\nkhusus = "plastik"')
    with pytest.raises(GuidanceError, match=r"map\.khusus\.obat"):
        loaded(tmp_path / "bank.toml", text)


def test_what_a_scheme_leaves_out_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "bank.toml"
    path.write_text(filled().replace('pecah = "tidak_diterima"\n', ""), encoding="utf-8")
    found = guide("kaca", load_scheme(path), "pecah", "en")
    assert found.bin is None
    assert "does not say" in found.reason
    assert found.do


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'id = "\xff"')
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    for name in ("missing.toml", "latin.toml", "large.toml", "."):
        with pytest.raises(GuidanceError, match="scheme"):
            load_scheme(tmp_path / name)


@given(st.binary(max_size=60) | st.text(alphabet="[]={}'\"\nabcid.#1-", max_size=60).map(str.encode))
def test_no_content_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(GuidanceError):
        load_scheme(path)


@pytest.mark.parametrize(
    ("date", "good"), [("2013", True), ("2025-04", True), ("2023-11-09", True), ("2023-02-30", False), ("13", False)]
)
def test_dates_may_be_a_year_or_a_month(date: str, good: bool) -> None:
    if good:
        assert Source(title="a", date=date).date == date
    else:
        with pytest.raises(ValidationError):
            Source(title="a", date=date)


@pytest.mark.parametrize(
    "extra",
    [
        'if_unsure = "b"',
        'unless_answered = "a"',
        'unless_answered = "c"',
        'price = "1"',
    ],
)
def test_classes_that_contradict_themselves(extra: str) -> None:
    words = 'name = { id = "x", en = "y" }'
    text = f"""
        do = [{{ id = "x", en = "y" }}]
        question = {{ id = "x", en = "y" }}
        answers.a = {{ {words}, hazardous = true }}
        answers.b = {{ {words} }}
        """
    ItemClass.model_validate(tomllib.loads(text + 'if_unsure = "a"\nunless_answered = "b"'))
    with pytest.raises(ValidationError):
        ItemClass.model_validate(tomllib.loads(text + extra))


def test_a_scheme_does_not_change_once_it_is_read() -> None:
    with pytest.raises(ValidationError):
        schemes()[0].id = "other"  # type: ignore[misc]
