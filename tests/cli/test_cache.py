"""`ecosorter cache` tells how full the cache is, or in a sentence why it cannot be used."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecosorter.cli.cache import app
from ecosorter.datasets.cache import Cache
from ecosorter.errors import CacheError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECOSORTER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(command: str) -> Any:
    return CliRunner().invoke(app, [command])


def test_show_and_clear(folder: Path) -> None:
    Cache().put_many({"a": bytes(2_500_000), "b": bytes(500_000)})
    shown = run("show").stdout
    assert shown == f"{folder / 'features.sqlite'}\n2 entries, 3.0 MB of at most 5,000 MB\n"
    assert run("clear").stdout == "Removed 2 entries, 3.0 MB.\n"
    assert Cache().usage().entries == 0


def test_a_file_that_is_no_cache_is_said_and_mended(folder: Path) -> None:
    folder.mkdir()
    (folder / "features.sqlite").write_text("not a database, but long enough to be looked at" * 9)
    said = run("show").exception
    assert isinstance(said, CacheError)
    assert "file is not a database" in str(said)
    assert "`ecosorter cache clear` mends" in str(said)
    assert run("clear").stdout == f"Removed {folder / 'features.sqlite'}, which could not be read.\n"
    assert run("show").exit_code == 0


def test_a_folder_that_cannot_be_made_is_said(folder: Path) -> None:
    folder.touch()
    for command in ("show", "clear"):
        assert isinstance(run(command).exception, CacheError)
    assert folder.is_file()
