"""`ecosorter teach` says how it understood the folders, what got better and worse, and where the model is."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ecosorter.bundle import load_bundle
from ecosorter.cli.app import app as whole
from ecosorter.cli.teach import _print, teach
from ecosorter.errors import BundleError, DatasetError
from ecosorter.teaching.result import ClassChange, FolderName, TeachResult
from tests.teaching.teachable import KNOWN, class_folders, teachable

app = typer.Typer()
app.command()(teach)


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECOSORTER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "140")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def lines(output: str) -> list[str]:
    return [re.sub(r"\s+", " ", line).strip() for line in output.splitlines()]


def test_teaching(tmp_path: Path) -> None:
    teachable(tmp_path / "base", per_class=20)
    class_folders(tmp_path / "rumah", {"baterai": 8, "glass:kaca": 6})
    done = run("rumah", "--out", "mine", "--model", "base")
    assert done.exit_code == 0, done.exception
    printed = lines(done.stdout)
    assert "baterai 8 baterai a new class" in printed
    assert "glass 6 Glass another name of this class" in printed
    assert any(line.startswith("Photos of baterai belonged to Special so far.") for line in printed)
    assert any(line.startswith("baterai 8 - ") for line in printed)
    assert any(line.startswith("Organic 10 100% ") for line in printed)
    assert printed[-1] == "The new model is in mine. Try it: ecosorter classify PHOTO --model mine"
    assert load_bundle("mine").info.classes == (*KNOWN, "baterai")

    again = run("rumah", "--out", "mine", "--model", "base")
    assert isinstance(again.exception, BundleError)
    own = run("rumah", "--out", "own", "--model", "base", "--classes", "own", "--lang", "id")
    assert own.exit_code == 0, own.exception
    assert "glass 6 glass kelas baru" in lines(own.stdout)
    assert load_bundle("own").info.classes == (*KNOWN, "baterai", "glass")


def test_what_is_wrong_is_an_error_of_the_program(tmp_path: Path) -> None:
    teachable(tmp_path / "base", per_class=5)
    assert isinstance(run("nowhere", "--out", "mine", "--model", "base").exception, DatasetError)
    class_folders(tmp_path / "rumah", {"baterai": 2})
    assert isinstance(run("rumah", "--out", "mine", "--model", "nowhere").exception, BundleError)
    assert run("rumah", "--model", "base").exit_code == 2
    assert CliRunner().invoke(whole, ["teach", "--help"]).exit_code == 0


@pytest.fixture
def result() -> TeachResult:
    return TeachResult(
        base="tiny 1",
        names=[FolderName(name="popok [b]", label="popok [b]", how="new", photos=12)],
        new=("popok [b]",),
        part_of={},
        own={
            "popok [b]": ClassChange(photos=12, before=None, after=0.5),
            "kaca": ClassChange(photos=10, before=0.9, after=0.8),
        },
        known={
            "kaca": ClassChange(photos=100, before=0.95, after=0.94),
            "khusus": ClassChange(photos=100, before=0.9, after=0.7, moved=15),
            "logam": ClassChange(photos=50, before=0.9, after=0.8),
        },
        answered=(0.5, 0.75),
        right=(None, 0.9),
        things=18,
        step=0.5,
        left_out={"truncated": 2},
        no_waste=3,
        checked=12,
        temperature=(1, 1.2),
        confidence=(0.5, 0.6),
    )


def test_losses_and_weak_classes_are_said_aloud(result: TeachResult, capsys: pytest.CaptureFixture[str]) -> None:
    _print(result, Path("mine"), "en")
    printed = lines(capsys.readouterr().out)
    assert "Careful: on your photos, Glass lost 10.0 points (10 photos)." in printed
    assert "Careful: of what it knew, Metal lost 10.0 points (50 photos)." in printed
    assert any(
        line.startswith("Careful: of what it knew, Special lost 20.0 points (100 photos). 15 of") for line in printed
    )
    assert not any("knew, Glass" in line for line in printed)  # one point is no loss
    assert any(line.startswith("popok [b] is not found well yet (50%).") for line in printed)
    assert "2 photos could not be read (2 truncated) and were left out." in printed
    assert any(line.startswith("3 of 12 of your photos were taken for no waste") for line in printed)
    assert any("50% before, 75% now. Right among those: - before, 90% now." in line for line in printed)


def test_it_speaks_indonesian(result: TeachResult, capsys: pytest.CaptureFixture[str]) -> None:
    _print(result, Path("mine"), "id")
    printed = lines(capsys.readouterr().out)
    assert "Awas: pada foto Anda, Kaca turun 10.0 poin (10 foto)." in printed
    assert any(line.startswith("Khusus 100 90% 70% -20.0 15") for line in printed)
