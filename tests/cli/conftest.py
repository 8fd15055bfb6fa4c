"""Photos of which it is known what they show, a tiny model, and a way to run one command."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.tiny import COLOURS, photo, tiny_bundle

Run = Callable[..., Any]
Invoke = Callable[..., Any]
BETWEEN = (0, 128, 128)  # neither green nor blue


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny").folder


@pytest.fixture
def invoke(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Run a command in a fresh folder, with the tiny model, in English."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_MODEL", str(model))
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")

    def run(command: Callable[..., Any], *arguments: str, stdin: bytes = b"") -> Any:
        app = typer.Typer()
        app.command(no_args_is_help=True)(command)
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, data in {
        "1.png": photo(COLOURS["kaca"]),
        "2.jpg": b"<html>",
        "3.webp": photo(COLOURS["plastik"], "WEBP"),
        "4.png": photo(BETWEEN),
        "5.jpg": b"",
    }.items():
        (folder / name).write_bytes(data)
    return folder


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
