"""A network recipe measured by folds: every photo answered once, by a network that was trained without its fold."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ecosorter.cli.app import app
from ecosorter.errors import RunError
from ecosorter.training.cache import Cache
from ecosorter.training.crossvalidate import cross_validate
from ecosorter.training.network_recipe import NetworkRecipe, load_network_recipe
from ecosorter.training.results import RunResult
from tests.training.networks import edgetpu_file
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


def test_the_command_prints_all_folds(place: Path, whole: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    settings = {**SMALL, "backbone": place / "backbone.onnx"}
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words = ["train", str(place / "photos"), "--recipe", "finetune", "--folds", "2", "--lang", "en"]
    done = CliRunner().invoke(app, [*words, "--out", str(place / "whole"), *flags])
    assert done.exit_code == 0, done.output
    for text in ("all folds", "fold 1", "fold 2", f"{whole.fit.scores.accuracy:.3f}", "left as it came", "report.html"):
        assert text in done.output
    assert "bundle" not in done.output
