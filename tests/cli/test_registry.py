"""`ecosorter registry` and `ecosorter improve` as commands."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.errors import StoreError
from ecosorter.serving.store import Store
from tests.serving.improving.city import base, city
from tests.serving.store.said import SECRET
from tests.tiny import tiny_bundle


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ECOSORTER_DATABASE", f"sqlite:///{tmp_path}/a.sqlite")
    monkeypatch.setenv("ECOSORTER_PHOTOS_AT", str(tmp_path / "photos"))
    monkeypatch.setattr("ecosorter.serving.improving.improve.yield_to_others", lambda: None)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments])


def states() -> dict[str, str]:
    return {each["version"]: each["state"] for each in json.loads(run("registry", "list", "--json").stdout)["models"]}


def test_models_are_added_promoted_and_brought_back(tmp_path: Path) -> None:
    for version in ("1", "2"):
        tiny_bundle(tmp_path / version, version=version)
    assert "no model yet" in run("registry", "list").stdout
    assert "tiny 1 was added: in use." in run("registry", "add", "1", "--use").stdout
    assert "tiny 2 was added: candidate." in run("registry", "add", "2", "--who", "Ani").stdout
    changed = run("registry", "set", "2", "in_use", "--why", "better").stdout
    assert changed == "tiny 2: in use. Every service follows within 10 seconds.\n"
    assert states() == {"1": "retired", "2": "in_use"}
    assert "command line better" in run("registry", "list").stdout
    assert "tiny 1: in use" in run("registry", "back").stdout
    assert states() == {"1": "in_use", "2": "retired"}
    assert run("registry", "erase", "2").stdout == "The files of tiny 2 are gone.\n"
    assert "erased" in run("registry", "list").stdout


def test_the_first_characters_of_an_id_will_do_but_a_version_comes_first(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "1", version="1")
    run("registry", "add", "1", "--use")
    first = json.loads(run("registry", "list", "--json").stdout)["models"][0]["id"].replace("-", "")
    assert "0 models are called" in str(run("registry", "set", first[:3], "shadow").exception)
    tiny_bundle(tmp_path / "2", version=first[:4])
    run("registry", "add", "2")
    assert f"tiny {first[:4]}: in shadow" in run("registry", "set", first[:4], "shadow").stdout
    assert f"tiny {first[:4]}: in use" in run("registry", "set", first[:4], "in_use").stdout
    assert "tiny 1: in use" in run("registry", "set", first[:6], "in_use").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "7", "in_use"), "0 models are called '7'"),
        (("set", "no such id", "in_use"), "0 models are called"),
        (("set", "1", "retired"), "cannot become retired"),
        (("erase", "1"), "in use"),
        (("back",), "no earlier model"),
        (("add", "1"), "already"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    tiny_bundle(tmp_path / "1", version="1")
    run("registry", "add", "1", "--use")
    found = run("registry", *arguments)
    assert isinstance(found.exception, StoreError)
    assert message in str(found.exception)
    assert states() == {"1": "in_use"}


def test_improve_tells_what_is_missing_and_then_what_came_of_it(tmp_path: Path) -> None:
    model = str(base(tmp_path / "base").folder)
    missing = run("improve", "--model", model).stdout
    assert "There is not enough yet" in missing
    assert "- photos that teach: 0 of 40" in missing
    with Store.open("a.sqlite", "photos") as store:
        taught = city(store)
    made = run("improve", "--model", model, "--every", "0").stdout
    assert "Learnt from 48 photos of 8 contributors." in made
    assert "Other contributors: right" in made
    assert "Difference on other contributors: +" in made
    assert run("improve", "--model", model, "--every", "1").stdout == "It is running elsewhere, or not due yet.\n"
    assert run("improve", "--quiet").stdout == ""
    with Store.open("a.sqlite", "photos") as store:
        store.corrections.withdraw(taught[0], SECRET)
    assert "contains 1 withdrawn photos" in run("registry", "list").stdout
