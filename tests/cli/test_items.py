"""`ecosorter items` and `ecosorter poster`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.errors import GuidanceError
from ecosorter.guidance import dictionary


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "300")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def test_items_come_best_first_with_id_name_class_and_answer() -> None:
    found = json.loads(run("items", "batere bekas", "--json", "--lang", "id").stdout)
    assert {"id": "baterai", "name": "baterai", "label": "khusus", "answer": "baterai"}.items() <= found[0].items()
    assert found[0]["bin"]["kind"] == "hazardous"
    assert len(json.loads(run("items", "botol", "--json", "--limit", "3").stdout)) == 3


def test_they_are_printed_with_their_bins() -> None:
    done = run("items", "milk carton", "--scheme", "jakarta-2020")
    assert done.exit_code == 0
    assert "milk carton" in done.stdout.splitlines()[0]
    assert "kotak-susu" in done.stdout.splitlines()[0]


def test_without_a_phrase_all_are_listed() -> None:
    assert len(json.loads(run("items", "--json").stdout)) == len(dictionary().items)


def test_nothing_found_is_said() -> None:
    done = run("items", "qwrtplk zxcv")
    assert done.exit_code == 1
    assert "Nothing fits 'qwrtplk zxcv'" in done.stdout
    assert json.loads(run("items", "qwrtplk zxcv", "--json").stdout) == []


def test_a_poster_is_written(tmp_path: Path) -> None:
    done = run(
        "poster", "--scheme", "jakarta-2020", "--lang", "id", "--address", "https://a.example/", "--out", "p.html"
    )
    assert done.exit_code == 0
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert '<html lang="id">' in text
    assert text.count("<li>") == 60
    assert text.count("<section") == len(dictionary("jakarta-2020").scheme.bins)
    assert "a.example" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert isinstance(run("poster", "--out", "no/such/folder.html").exception, GuidanceError)
