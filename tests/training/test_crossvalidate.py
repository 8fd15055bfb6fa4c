"""A network recipe measured by folds: every photo answered once, by a network that was trained without its fold."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.datasets.cache import Cache
from ecosorter.errors import RunError
from ecosorter.training.crossvalidate import cross_validate
from ecosorter.training.network_recipe import NetworkRecipe, load_network_recipe
from ecosorter.training.results import RunResult
from tests.training.networks import edgetpu_file
from tests.training.several import as_node, nodes, started
from tests.training.test_shipping import COLOURS, Stages, photos

SMALL = {
    "preprocess.size": 32,
    "finetune.size": 32,
    "finetune.epochs": 1,
    "finetune.batch_size": 8,
    "trainer.accelerator": "cpu",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    photos(folder / "photos")
    edgetpu_file(folder / "backbone.onnx")
    return folder


def recipe(place: Path, **more: object) -> NetworkRecipe:
    return load_network_recipe("finetune", overrides={**SMALL, "backbone": str(place / "backbone.onnx"), **more})


def run(place: Path, out: str, stages: Stages, **more: object) -> RunResult:
    return cross_validate(
        [place / "photos"], place / out, recipe(place, **more), 2, Cache(place / "cache"), stages, language="id"
    )


@pytest.fixture(scope="module")
def whole(place: Path) -> RunResult:
    return run(place, "whole", Stages())


def test_every_photo_is_answered_once(place: Path, whole: RunResult) -> None:
    files = sorted((place / "photos").rglob("*.png"))
    assert sorted(Path(answer.path) for answer in whole.answers) == files
    assert whole.fit.scores.photos == sum(fold.photos for fold in whole.folds) == len(files)
    found = [max(answer.probabilities, key=answer.probabilities.__getitem__) for answer in whole.answers]
    right = np.array([answer.label for answer in whole.answers]) == np.array(found)
    assert whole.fit.scores.accuracy == pytest.approx(right.mean())
    first = whole.folds[0]
    assert first.accuracy == pytest.approx(right[: first.photos].mean())
    assert np.sum([fold.confusion for fold in whole.folds], axis=0).tolist() == whole.fit.scores.confusion


def test_the_folder_holds_figures_and_a_report_and_no_networks(place: Path, whole: RunResult) -> None:
    assert sorted(path.name for path in (place / "whole").iterdir()) == ["report.html", "result.json", "run.json"]
    assert RunResult.model_validate_json((place / "whole/result.json").read_text(encoding="utf-8")) == whole
    report = (place / "whole/report.html").read_text(encoding="utf-8")
    assert "Semua lipatan" in report
    assert 'id="curves"' not in report  # no epochs to draw
    assert all(name.capitalize() in report for name in COLOURS)


def test_a_run_that_is_cut_off_trains_no_finished_fold_again(place: Path, whole: RunResult) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(place, "cut", Stages(cut_off="train fold-2"))
    stages = Stages()
    again = run(place, "cut", stages)
    assert [name for name in stages.names if name.startswith("train")] == ["train fold-2"]
    assert "decode" in stages.names
    assert again.fit == whole.fit
    assert again.folds == whole.folds


def test_a_finished_run_is_told_and_another_one_refused(place: Path, whole: RunResult) -> None:
    stages = Stages()
    assert run(place, "whole", stages) == whole
    assert "sudah selesai" in stages.notes[0]
    with pytest.raises(RunError, match=r"finetune\.learning_rate"):
        run(place, "whole", Stages(), **{"finetune.learning_rate": 1e-5})


def _run_as_node(environ: dict[str, str], place: Path, kept: Path) -> None:
    as_node(environ)
    torch.set_num_threads(1)
    stages = Stages()
    result = run(place, "nodes", stages, **{"trainer.num_nodes": 2, "trainer.strategy": "ddp"})
    kept.write_text(json.dumps({"result": result.model_dump_json(), "stages": stages.names}))


def test_two_nodes_measure_together_and_the_first_one_writes(place: Path, whole: RunResult, tmp_path: Path) -> None:
    kept = [tmp_path / name for name in ("first", "second")]
    both = started(_run_as_node, [(node, place, file) for node, file in zip(nodes(2), kept, strict=True)])
    assert [process.exitcode for process in both] == [0, 0]
    first, second = (json.loads(file.read_text()) for file in kept)
    assert first["stages"] == [
        "photos",
        "decode",
        "features",
        "train fold-1",
        "predict fold-1",
        "train fold-2",
        "predict fold-2",
    ]
    assert second["stages"] == []  # it says nothing
    result = RunResult.model_validate_json(first["result"])
    assert RunResult.model_validate_json(second["result"]) == result
    assert sorted(path.name for path in (place / "nodes").iterdir()) == ["report.html", "result.json", "run.json"]
    assert [answer.path for answer in result.answers] == [answer.path for answer in whole.answers]
    assert result.answers != whole.answers  # what the other one learnt counts


def command(place: Path, out: str, **more: object) -> list[str]:
    settings = {**SMALL, "backbone": place / "backbone.onnx", **more}
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words = ["train", str(place / "photos"), "--recipe", "finetune", "--folds", "2", "--lang", "en"]
    return [*words, "--out", str(place / out), *flags]


def test_the_command_prints_all_folds(place: Path, whole: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    done = CliRunner().invoke(app, command(place, "whole"))
    assert done.exit_code == 0, done.output
    for text in ("all folds", "fold 1", "fold 2", f"{whole.fit.scores.accuracy:.3f}", "left as it came", "report.html"):
        assert text in done.output
    assert "bundle" not in done.output


def test_the_command_starts_a_process_for_each_device(place: Path, whole: RunResult) -> None:
    devices = {"trainer.devices": 2, "trainer.strategy": "ddp"}
    environ = {**os.environ, "ECOSORTER_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "ecosorter.cli", *command(place, "devices", **devices)]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report.html") == 1  # one of them prints
    assert sorted(path.name for path in (place / "devices").iterdir()) == ["report.html", "result.json", "run.json"]
    result = RunResult.model_validate_json((place / "devices/result.json").read_text(encoding="utf-8"))
    assert [answer.path for answer in result.answers] == [answer.path for answer in whole.answers]
    assert result.answers != whole.answers
