"""`ecosorter evaluate` prints what `evaluate_bundle` finds, in two languages and as JSON."""

import json
import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ecosorter.classifier import Classifier
from ecosorter.cli.evaluate import evaluate
from ecosorter.datasets.dataset import load_dataset
from ecosorter.errors import DatasetError
from ecosorter.evaluation.evaluate import Evaluation, evaluate_bundle
from tests import tiny

app = typer.Typer()
app.command()(evaluate)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.tiny_bundle(tmp_path / "tiny").folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two sources: in one, all three photos are right; in the other, one of two."""
    for path, colour in {
        "phone/kaca/a.png": (255, 255, 255),
        "phone/organik/b.png": (0, 255, 0),
        "phone/organik/c.png": (0, 250, 0),
        "studio/plastik/d.png": (0, 0, 255),
        "studio/organik/e.png": (0, 10, 255),
    }.items():
        file = tmp_path / "photos" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tiny.photo(colour))
    return tmp_path / "photos"


def lines(output: str) -> list[str]:
    return [re.sub(r"\s+", " ", line).strip() for line in output.splitlines()]


def test_tables_tell_the_figures(model: Path, photos: Path) -> None:
    result = run(model, photos, "--lang", "en")
    assert result.exit_code == 0, result.output
    printed = lines(result.stdout)
    assert "How it did: tiny" in printed
    assert "Photos 5" in printed
    assert any(line.startswith("Accuracy (95 % interval) 0.800 (") for line in printed)
    assert "Organic 3 1.000 0.667 0.800" in printed
    assert "Metal 0 - - -" in printed
    assert any(line.startswith("phone 3 1.000 ") for line in printed)
    assert any(line.startswith("studio 2 0.500 ") for line in printed)
    assert "Organic · · 2 1" in printed  # two found, one taken for plastic
    assert not any(line.startswith("Metal · ") for line in printed)  # no photo, no row


def test_the_tables_speak_indonesian(model: Path, photos: Path) -> None:
    printed = lines(run(model, photos, "--lang", "id").stdout)
    assert "Hasil pengukuran: tiny" in printed
    assert any(line.startswith("Organik 3 ") for line in printed)


def test_one_source_needs_no_table_of_sources(model: Path, photos: Path) -> None:
    assert "By source" not in run(model, photos / "phone", "--lang", "en").stdout
    assert "By source" in run(model, photos, "--lang", "en").stdout


def test_photos_of_a_source_that_the_model_learnt_from_are_pointed_out(model: Path, photos: Path) -> None:
    assert "learnt from" not in run(model, photos, "--lang", "en").stdout
    (photos / "phone").rename(photos / "colours")  # as the tiny model's own source is called
    printed = run(model, photos, "--lang", "en").stdout
    assert "The model learnt from a source called colours." in printed
    assert "Model ini belajar dari sumber bernama colours." in run(model, photos, "--lang", "id").stdout


def test_json_is_all_of_it(model: Path, photos: Path) -> None:
    result = run(model, photos / "phone", photos / "studio", "--json")
    assert result.exit_code == 0
    found = Evaluation.model_validate_json(result.stdout)
    assert found == evaluate_bundle(Classifier.load(model), load_dataset([photos]))


def test_a_bad_photo_is_listed_and_the_exit_code_tells(model: Path, photos: Path) -> None:
    (photos / "phone/kaca/broken.jpg").write_bytes(b"<html><body>not found</body></html>")
    result = run(model, photos, "--lang", "en")
    assert result.exit_code == 1
    assert "Photos 5" in lines(result.stdout)
    assert re.search(r"html\s.*broken\.jpg", result.stdout)
    assert run(model, photos, "--json").exit_code == 1


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    model = tiny.tiny_bundle(tmp_path / "own", ("[red]", "bulb"), name="[bold").folder
    folder = tmp_path / "photos/[red]"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(tiny.photo((0, 0, 0)))
    (folder / os.fsdecode(b"caf\xe9 [b].png")).write_bytes(b"")
    arguments = (model, tmp_path / "photos", "--classes", "own")
    result = run(*arguments, "--lang", "en")
    assert result.exit_code == 1, result.exception
    assert "How it did: [bold" in lines(result.stdout)
    assert any(line.startswith("[red] 1 ") for line in lines(result.stdout))
    assert r"caf\udce9 [b].png" in result.stdout
    assert [failure["status"] for failure in json.loads(run(*arguments, "--json").stdout)["failed"]] == ["empty"]


def test_own_class_names(tmp_path: Path) -> None:
    model = tiny.tiny_bundle(tmp_path / "own", ("battery", "bulb")).folder
    file = tmp_path / "photos/battery/a.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(tiny.photo((0, 0, 0)))
    assert isinstance(run(model, tmp_path / "photos").exception, DatasetError)
    result = run(model, tmp_path / "photos", "--classes", "own", "--lang", "en")
    assert result.exit_code == 0, result.output
    assert any(line.startswith("battery 1 ") for line in lines(result.stdout))
