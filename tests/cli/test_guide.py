"""`ecosorter guide`: the words, the list, the template, JSON, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.errors import GuidanceError
from ecosorter.guidance import guide, schemes, template
from tests.guidance.filled import filled


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "300")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["guide", *arguments])


def test_bin_advice_question_scheme_and_sources_are_printed() -> None:
    done = run("kaca", "--answer", "pecah")
    expected = guide("kaca", "permen-pu-2013", "pecah", "en")
    assert done.exit_code == 0
    assert "■ Residue (grey)" in done.stdout
    assert expected.question
    for text in (*expected.do, *expected.do_not, expected.question.text, expected.scheme_name, expected.note):
        assert text.split(".")[0] in done.stdout
    assert "* pecah" in done.stdout
    assert "slideshare" in done.stdout


def test_it_speaks_indonesian() -> None:
    done = run("organik", "--lang", "id", "--scheme", "lima-warna")
    assert "Organik (hijau)" in done.stdout
    assert "Jangan" in done.stdout


def test_khusus_asks_first() -> None:
    done = run("khusus")
    assert "depends on the answer" in done.stdout
    assert "Hazardous (B3) (red)" not in done.stdout


def test_json_is_what_guide_returns() -> None:
    done = run("logam", "--scheme", "jakarta-2020", "--json", "--answer", "kaleng_semprot")
    assert json.loads(done.stdout) == guide("logam", "jakarta-2020", "kaleng_semprot", "en").model_dump(mode="json")


def test_schemes_are_listed() -> None:
    done = run("--schemes")
    for each in schemes():
        assert each.id in done.stdout
        assert each.name.en in done.stdout
    assert [each["id"] for each in json.loads(run("--schemes", "--json").stdout)] == [each.id for each in schemes()]


def test_a_waste_banks_file_from_template_to_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--template").stdout == template()
    (tmp_path / "bank.toml").write_text(filled(), encoding="utf-8")
    assert "Plastic (yellow)" in run("plastik", "--scheme", "bank.toml").stdout
    assert "Not accepted" in run("organik", "--scheme", str(tmp_path / "bank.toml")).stdout
    monkeypatch.setenv("ECOSORTER_SCHEME", "bank.toml")
    assert "Bersih dan kering." in run("plastik").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["qwrtplk"], "Nothing here is called 'qwrtplk'"),
        (["kaca", "--scheme", "jakarta-2021"], "did you mean 'jakarta-2020'"),
        (["kaca", "--scheme", "none.toml"], "cannot be read"),
        (["kaca", "--answer", "patah"], "pecah"),
    ],
)
def test_what_is_not_there(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, GuidanceError)
    assert said in str(done.exception)


@pytest.mark.parametrize("arguments", [["kaca", "--schemes"], ["--json"], ["--schemes", "--template"]])
def test_one_thing_at_a_time(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_an_item_is_guided_by_its_name() -> None:
    done = run("kotak susu", "--scheme", "jakarta-2020")
    assert done.exit_code == 0
    assert "milk carton (Cardboard)" in done.stdout
    assert "Take apart" in done.stdout
    assert "own reading" in done.stdout
    found = json.loads(run("kotak pizza berminyak", "--json").stdout)
    assert (found["item"]["id"], found["answer"], found["bin"]["kind"]) == ("kotak-pizza", "berminyak", "residue")
    assert json.loads(run("kotak-pizza", "--json").stdout)["answer"] == "bersih"


def test_a_class_is_still_a_class() -> None:
    assert json.loads(run("plastik", "--json").stdout)["item"] is None
