"""`ecosorter doctor` finds what is wrong, changes nothing, and tells no secret."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.datasets.cache import Cache
from ecosorter.serving.store.database import Database, database_url
from tests.tiny import tiny_bundle

KEYS = ["versions", "devices", "model", "cache", "store", "page", "disk", "settings"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with a model and nothing else."""
    home = tmp_path / "ani"
    home.mkdir()
    tiny_bundle(home / "model")
    settings = {"HOME": home, "ECOSORTER_MODEL": home / "model", "ECOSORTER_CACHE": home / "cache", "COLUMNS": 300}
    for name, value in {**settings, "XDG_DATA_HOME": home / "data", "ECOSORTER_LANG": "en"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("ECOSORTER_DATABASE", raising=False)
    monkeypatch.chdir(home)
    return home


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["doctor", *arguments])


def found() -> dict[str, Any]:
    findings: dict[str, Any] = json.loads(run("--json").stdout)
    return findings


def states() -> dict[str, str]:
    return {key: finding["state"] for key, finding in found().items()}


def test_a_fresh_place_is_well_and_stays_as_it_is(place: Path) -> None:
    done = run()
    assert done.exit_code == 0, done.output
    assert sorted(entry.name for entry in place.iterdir()) == ["model"]
    assert states() | {"disk": "good"} == dict.fromkeys(KEYS, "good") | {"cache": "absent", "store": "absent"}
    model = found()["model"]["facts"]
    assert model["name"] == "tiny"
    assert 0 < model["milliseconds"] < 60_000


def test_what_is_there_is_told_in_both_languages(place: Path) -> None:
    Cache().put_many({"key": b"value"})
    Database(database_url(None)).close()
    assert states()["cache"] == states()["store"] == "good"
    said = run().stdout
    assert "1 entries" in said
    assert "up to date" in said
    assert "mutakhir" in run("--lang", "id").stdout


@pytest.mark.parametrize("key", ["model", "cache", "store"])
def test_what_is_damaged_is_named_and_the_rest_still_told(place: Path, key: str) -> None:
    damaged = {
        "model": "model/model.onnx",
        "cache": "cache/features.sqlite",
        "store": "data/ecosorter/corrections.sqlite",
    }
    file = place / damaged[key]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("this is a letter, and no database " * 100)
    done = run("--json")
    assert done.exit_code == 1
    findings = json.loads(done.stdout)
    assert [name for name, finding in findings.items() if finding["state"] == "bad"] == [key]
    assert list(findings) == KEYS
    assert findings[key]["facts"]["error"] in run().stdout


def test_tables_of_another_version_are_left_as_they_are(place: Path) -> None:
    Database(database_url(None)).close()
    file = place / "data/ecosorter/corrections.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    assert states()["store"] == "warning"
    assert found()["store"]["facts"]["tables"] == "0001"
    assert "0001" in run().stdout


def test_no_secret_and_no_name_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_DATABASE", "postgresql://siti:geheim@127.0.0.1:1/waste")
    monkeypatch.setenv("ECOSORTER_PHOTOS_AT", "s3://key:geheim@bucket/photos")
    Cache().put_many({"key": b"value"})
    for arguments in ([], ["--json"]):
        said = run(*arguments).output
        assert "ECOSORTER_PHOTOS_AT" in said
        for secret in ("geheim", "siti", str(place)):
            assert secret not in said


def test_what_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    for name in [name for name in __import__("sys").modules if name.startswith("ecosorter.serving.store")]:
        monkeypatch.delitem(__import__("sys").modules, name)
    finding = found()["store"]
    assert (finding["state"], finding["facts"]["extra"]) == ("absent", "serve")
    assert "[serve]" in run().stdout
