"""`ecosorter token`: made and shown once, listed, revoked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.errors import StoreError
from ecosorter.serving.store import Store
from ecosorter.serving.store.tokens import Person


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ECOSORTER_DATABASE", str(tmp_path / "a.sqlite"))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["token", *arguments])


def person(token: str) -> Person | None:
    with Store.open("a.sqlite") as store:
        return store.tokens.person(token)


def test_a_token_is_all_that_is_printed_and_it_works() -> None:
    done = run("create", "Bu Ani", "--role", "admin")
    assert done.exit_code == 0
    assert person(done.stdout.strip()) == Person("Bu Ani", "admin")
    assert "cannot be shown again" in done.stderr
    assert person(run("create", "Budi").stdout.strip()) == Person("Budi", "reviewer")


def test_the_list_shows_people_and_no_tokens() -> None:
    assert "no tokens yet" in run("list").stdout
    token = run("create", "ani").stdout.strip()
    run("create", "budi", "--role", "admin")
    run("revoke", "budi")
    person(token)
    today = str(datetime.now(UTC).date())
    heading, *lines = run("list").stdout.splitlines()
    assert heading.split() == ["Name", "Role", "Created", "Last", "used", "Revoked"]
    assert [line.split() for line in lines] == [
        ["ani", "reviewer", today, today, "-"],
        ["budi", "admin", today, "-", today],
    ]
    assert token.split("_", 2)[2] not in run("list").stdout


def test_a_revoked_token_is_over() -> None:
    token = run("create", "ani").stdout.strip()
    assert "no longer valid" in run("revoke", "ani").stdout
    assert person(token) is None
    assert isinstance(run("revoke", "ani").exception, StoreError)


def test_it_speaks_indonesian() -> None:
    done = run("create", "ani", "--lang", "id")
    assert "tidak bisa ditampilkan lagi" in done.stderr


@pytest.mark.parametrize("arguments", [["create", "ani", "--role", "king"], ["create", " "], ["revoke", "nobody"]])
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    assert run(*arguments).exit_code != 0
