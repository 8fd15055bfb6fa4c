import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.training import networks
from tests.training.pictures import picture, save


def ecosorter(*arguments: object, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ecosorter.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(cache),
            "ECOSORTER_CACHE": str(cache),
            "COLUMNS": "120",
            "HF_HUB_OFFLINE": "1",
        },
        check=False,
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(60):
        label = ("glass", "paper", "metal")[number % 3]
        tint = Image.new("RGB", (48, 40), ((255, 0, 0), (0, 255, 0), (0, 0, 255))[number % 3])
        save(Image.blend(picture(number, (48, 40)), tint, 0.4), folder / label / f"{number}.jpg")
    return folder


def test_trains_evaluates_classifies_and_runs_again(photos: Path, tmp_path: Path) -> None:
    """The first hour of a newcomer, in the real command."""
    backbone = networks.resnet_folder(tmp_path / "resnet")
    out = tmp_path / "runs/a"
    train = ["train", photos, "--recipe", "resnet18-smote", "--backbone", backbone, "--out", out, "--epochs", 4]
    train += ["--set", "features.preprocess=backbone", "--set", "fit.learning_rate=0.01", "--lang", "id"]
    done = ecosorter(*train, cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "foto uji" in done.stdout
    assert str(out / "bundle") in done.stdout.replace("\n", "")
    settings = json.loads((out / "run.json").read_text())["recipe"]
    assert (settings["fit"]["epochs"], settings["fit"]["learning_rate"]) == (4, 0.01)

    again = ecosorter(*train, cache=tmp_path)
    assert again.returncode == 0
    assert "sudah selesai" in again.stderr

    judged = ecosorter("evaluate", out / "bundle", photos, "--json", cache=tmp_path)
    assert json.loads(judged.stdout)["scores"]["photos"] == 60
    answers = ecosorter("classify", photos, "--model", out / "bundle", "--json", cache=tmp_path)
    assert len(json.loads(answers.stdout)) == 60

    assert "entries" in ecosorter("cache", "show", cache=tmp_path).stdout
    assert "Removed" in ecosorter("cache", "clear", cache=tmp_path).stdout
    assert "\n0 entries" in ecosorter("cache", "show", cache=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "balance.methd=smote"], "did you mean 'balance.method'?"),
        (["--set", "balance.method"], "is not KEY=VALUE"),
        (["--recipe", "resnet18"], "resnet18-smote"),
        (["--backbone", "resnet18"], "--backbone FOLDER"),
        (["--backbone", "./nowhere"], "No backbone './nowhere'"),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(arguments: list[str], said: str, photos: Path, tmp_path: Path) -> None:
    done = ecosorter("train", photos, "--out", tmp_path / "run", *arguments, cache=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
