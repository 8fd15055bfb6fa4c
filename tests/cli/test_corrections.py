"""`ecosorter corrections`: the list, the counts, the export."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.datasets.dataset import load_dataset
from ecosorter.errors import StoreError
from ecosorter.serving.store import Store
from tests.serving.store.said import SECRET, keep


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ECOSORTER_DATABASE", f"sqlite:///{tmp_path}/a.sqlite")
    monkeypatch.setenv("ECOSORTER_PHOTOS_AT", str(tmp_path / "photos"))


@pytest.fixture
def kept() -> list[UUID]:
    """Three corrections: accepted, open as none of the classes, withdrawn."""
    with Store.open("a.sqlite", "photos") as store:
        ids = [keep(store, 1), keep(store, 2, truth="other", confidence=0.25), keep(store, 3)]
        store.reviews.decide(ids[0], "ani", "accept")
        store.corrections.withdraw(ids[2], SECRET)
    return ids


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["corrections", *arguments])


def test_the_list_shows_the_latest_first(kept: list[UUID]) -> None:
    heading, *lines = run("list").stdout.splitlines()
    assert heading.split() == ["Came", "in", "Model", "says", "Person", "says", "Confidence", "Review", "Photo"]
    assert [line.split(maxsplit=2)[2] for line in map(str.rstrip, lines)] == [
        "Plastic     Glass          0.40        open             -",
        "Plastic     none of these  0.25        open             kept",
        "Plastic     Glass          0.40        accepted: Glass  kept",
    ]
    assert len(run("list", "--limit", "2").stdout.splitlines()) == 3
    assert len(run("list", "--state", "accepted").stdout.splitlines()) == 2


def test_the_list_as_json(kept: list[UUID]) -> None:
    rows = json.loads(run("list", "--json").stdout)
    assert [row["id"] for row in rows] == [str(correction) for correction in kept[::-1]]
    assert [(row["consent"], row["photo"] is None) for row in rows] == [
        ("withdrawn", True),
        ("given", False),
        ("given", False),
    ]
    assert SECRET not in run("list", "--json").stdout


def test_an_empty_list_says_so() -> None:
    assert run("list").stdout == "There are no corrections yet.\n"
    assert run("list", "--json").stdout == "[]\n"
    assert run("list", "--lang", "id").stdout == "Belum ada koreksi.\n"


def test_the_counts(kept: list[UUID]) -> None:
    assert run("stats").stdout.splitlines() == [
        "3 corrections from 3 devices: the model was right 0 times, 2 with a photo",
        "accepted: 1",
        "open: 2",
        "Consent withdrawn: 1",
        "Plastic → Glass: 2",
        "Plastic → none of these: 1",
    ]
    found = json.loads(run("stats", "--json").stdout)
    assert found["total"] == 3
    assert found["confusions"][0] == {"best": "plastik", "truth": "kaca", "n": 2}


def test_the_export_is_a_data_set(kept: list[UUID], tmp_path: Path) -> None:
    done = run("export", "set")
    assert done.stdout == "set/manifest.csv now lists 1 photos from 1 contributors (0 removed).\n"
    assert load_dataset([tmp_path / "set/manifest.csv"]).classes == ("kaca",)
    assert "Kaca (`kaca`): 1" in (run("export", "set", "--lang", "id"), (tmp_path / "set/README.md").read_text())[1]


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").touch()
    assert isinstance(run("export", "mine").exception, StoreError)
    assert isinstance(run("list", "--database", "mysql://host/name").exception, StoreError)
    assert isinstance(run("list", "--photos-at", "nonsense://bucket").exception, StoreError)
    assert run("list", "--state", "lost").exit_code == 2
