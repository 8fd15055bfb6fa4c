import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ecosorter.cli.app import main
from ecosorter.datasets.cache import Cache
from tests.training import networks
from tests.training.pictures import picture, save

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Give a command to `main` in this process, which has imported torch already; return exit code and what is said."""
    monkeypatch.setenv("ECOSORTER_CACHE", str(cache.folder))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ecosorter", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0), *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(60):
        label = ("glass", "paper", "metal")[number % 3]
        tint = Image.new("RGB", (48, 40), ((255, 0, 0), (0, 255, 0), (0, 0, 255))[number % 3])
        save(Image.blend(picture(number, (48, 40)), tint, 0.4), folder / label / f"{number}.jpg")
    return folder


def test_trains_evaluates_classifies_and_runs_again(photos: Path, run: Run, cache: Cache, tmp_path: Path) -> None:
    """The first hour of a newcomer; the longest command in a process of its own."""
    backbone = networks.resnet_folder(tmp_path / "resnet")
    out = tmp_path / "runs/a"
    train = ["train", photos, "--recipe", "resnet18-smote", "--backbone", backbone, "--out", out, "--epochs", 4]
    train += ["--set", "features.preprocess=backbone", "--set", "fit.learning_rate=0.01", "--lang", "id"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "ECOSORTER_CACHE": str(cache.folder),
        "COLUMNS": "120",
    }
    command = [sys.executable, "-m", "ecosorter.cli", *map(str, train)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "foto uji" in done.stdout
    assert str(out / "bundle") in done.stdout.replace("\n", "")
    settings = json.loads((out / "run.json").read_text())["recipe"]
    assert (settings["fit"]["epochs"], settings["fit"]["learning_rate"]) == (4, 0.01)

    code, _, said = run(*train)
    assert code == 0
    assert "sudah selesai" in said

    _, judged, _ = run("evaluate", out / "bundle", photos, "--json")
    assert json.loads(judged)["scores"]["photos"] == 60
    _, answers, _ = run("classify", photos, "--model", out / "bundle", "--json")
    assert len(json.loads(answers)) == 60


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
def test_mistakes_get_a_sentence_and_exit_code_2(
    arguments: list[str], said: str, photos: Path, run: Run, tmp_path: Path
) -> None:
    code, _, heard = run("train", photos, "--out", tmp_path / "run", *arguments)
    assert code == 2
    assert said in heard.replace("\n", " ")
    assert "Traceback" not in heard
    assert not (tmp_path / "run").exists()
