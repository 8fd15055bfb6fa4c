"""A run that trains every layer, from folders of photos to a bundle, with small networks of random weights."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ecosorter import Classifier, load_bundle
from ecosorter.cli.app import app, main
from ecosorter.datasets.cache import Cache
from ecosorter.errors import DatasetError, RunError
from ecosorter.teaching.bank import load_bank
from ecosorter.training.results import RunResult
from ecosorter.training.run import train
from ecosorter.training.tracking.tracker import NoTracker
from tests.training.boards import COLOURS, SMALL, STEPS, Stages, photos, recipe
from tests.training.networks import resnet_folder
from tests.training.several import as_node, nodes, started

LEFT = ["bundle", "metrics.jsonl", "report.html", "result.json", "run.json"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    photos(folder / "photos")
    resnet_folder(folder / "backbone")
    resnet_folder(folder / "classifier", classes=1000)
    return folder


def run(place: Path, out: str, stages: Stages, backbone: str = "backbone", **more: object) -> RunResult:
    return train(
        [place / "photos"],
        place / out,
        recipe("finetune", place / backbone, **{"evaluation.folds": 2, **more}),
        Cache(place / "cache"),
        NoTracker(),
        language="id",
        progress=stages,
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def folds(place: Path) -> RunResult:
    return run(place, "folds", Stages())


def test_every_photo_is_answered_once(place: Path, folds: RunResult) -> None:
    given = sorted((place / "photos").rglob("*.png"))
    assert sorted(Path(answer.path) for answer in folds.answers) == given
    assert folds.fit.scores.photos == sum(fold.photos for fold in folds.folds) == len(given)
    found = [max(answer.probabilities, key=answer.probabilities.__getitem__) for answer in folds.answers]
    right = np.array([answer.label for answer in folds.answers]) == np.array(found)
    assert folds.fit.scores.accuracy == pytest.approx(right.mean())
    first = folds.folds[0]
    assert first.accuracy == pytest.approx(right[: first.photos].mean())
    assert np.sum([fold.confusion for fold in folds.folds], axis=0).tolist() == folds.fit.scores.confusion
    assert folds.linear_probe is not None
    assert folds.linear_probe.scores.photos == len(given)


def test_the_folder_holds_what_that_of_every_run_holds(place: Path, folds: RunResult) -> None:
    assert files(place / "folds") == LEFT
    assert RunResult.model_validate_json((place / "folds/result.json").read_text(encoding="utf-8")) == folds
    report = (place / "folds/report.html").read_text(encoding="utf-8")
    assert "yang tidak pernah melihatnya" in report
    assert all(name.capitalize() in report for name in COLOURS)
    events = [json.loads(line) for line in (place / "folds/metrics.jsonl").read_text().splitlines()]
    assert {event.get("fit") for event in events if event["event"] == "epoch"} == {"fold-1-of-2", "fold-2-of-2", "all"}
    info = load_bundle(place / "folds/bundle").info
    assert (info.format, info.metrics["protocol"]) == (2, "kfold")
    assert [source.photos for source in info.data] == [21, 21]  # what is exported has learnt from all photos
    assert Classifier.load(place / "folds/bundle").classify([folds.answers[0].path])[0].status == "ok"


def test_a_run_that_is_cut_off_trains_no_finished_fold_again(place: Path, folds: RunResult) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(place, "cut", Stages(cut_off="train fold-2-of-2"))
    stages = Stages()
    again = run(place, "cut", stages)
    assert stages.trained() == ["fold-2-of-2", "all"]
    assert again.fit == folds.fit
    assert again.folds == folds.folds


def test_a_finished_run_is_told_and_another_one_refused(place: Path, folds: RunResult) -> None:
    stages = Stages()
    assert run(place, "folds", stages) == folds
    assert "sudah selesai" in stages.notes[0]
    with pytest.raises(RunError, match=r"finetune\.learning_rate"):
        run(place, "folds", Stages(), **{"finetune.learning_rate": 1e-5})


@pytest.fixture(scope="module")
def shipped(place: Path) -> RunResult:
    """Every layer trained, ImageNet scores, sources left out, 8-bit integers, signals, a bank."""
    export = {f"export.{key}": True for key in ("int8", "ood", "bank")}
    leave = {"evaluation.protocol": "leave-sources-out", "features.imagenet_scores": True}
    return run(place, "shipped", Stages(), "classifier", **leave, **export)


def test_every_source_is_answered_by_a_network_that_never_saw_it(place: Path, shipped: RunResult) -> None:
    assert shipped.left_out_together == (("board",), ("floor",))
    assert {name: scores.photos for name, scores in shipped.held_out.items()} == {"board": 21, "floor": 21}
    assert shipped.fit.scores.photos == 42
    held_out = load_bundle(place / "shipped/bundle").info.metrics["held_out"]
    recalls = [source["macro_recall"] for source in held_out["sources"].values()]
    assert held_out["yardstick"]["macro_recall"] == pytest.approx(np.mean(recalls))
    card = (place / "shipped/bundle/README.md").read_text(encoding="utf-8")
    for text in ("| board |", "| floor |", f"{held_out['yardstick']['macro_recall']:.3f}", "a new home may do worse"):
        assert text in card


def test_the_bundle_that_ships_has_signals_and_a_bank(place: Path, shipped: RunResult) -> None:
    bundle = load_bundle(place / "shipped/bundle")
    assert list(bundle.info.thresholds.signals) == ["familiarity", "waste", "detail"]
    assert bundle.info.metrics["no_waste"]["pictures"] > 100
    assert bundle.info.metrics["int8"]["photos"] == 42
    bank = load_bank(bundle)
    assert bank.features.shape == (42, 16 + len(COLOURS))  # with the ImageNet scores
    assert bank.source_names == ("board", "floor")
    classifier = Classifier.load(bundle.folder)
    pixels = classifier.decode(sorted((place / "photos").rglob("*.png"))[0])
    assert pixels.shape == (2, 32, 32, 3)
    assert classifier.explain(pixels, "kaca").shape == (4, 4)


def test_one_source_alone_is_to_be_measured_by_folds(place: Path, tmp_path: Path) -> None:
    chosen = recipe("finetune", place / "backbone", **{"evaluation.protocol": "leave-sources-out"})
    with pytest.raises(DatasetError, match="--folds"):
        train([place / "photos/floor"], tmp_path / "run", chosen, Cache(place / "cache"), NoTracker())


HOLDOUT = {"evaluation.protocol": "holdout", "split.test": 0.3}


@pytest.fixture(scope="module")
def holdout(place: Path) -> RunResult:
    chosen = recipe("finetune", place / "backbone", **HOLDOUT)
    given = [place / "photos"], place / "holdout", chosen, Cache(place / "cache"), NoTracker()
    return train(*given, hold_out=["board"])


def test_a_network_is_measured_on_a_test_part_and_on_held_out_sources_like_a_head(
    place: Path, holdout: RunResult
) -> None:
    assert holdout.protocol == "holdout"
    assert sum(holdout.split.values()) == 21
    assert holdout.held_out["board"].photos == 21
    assert not [answer for answer in holdout.answers if "board" in answer.path]
    assert [source.name for source in load_bundle(place / "holdout/bundle").info.data] == ["floor"]


def _run_as_node(environ: dict[str, str], place: Path, kept: Path) -> None:
    as_node(environ)
    torch.set_num_threads(1)
    stages = Stages()
    result = run(place, "nodes", stages, **{"trainer.num_nodes": 2, "trainer.strategy": "ddp"})
    kept.write_text(json.dumps({"result": result.model_dump_json(), "stages": stages.names}))


def test_two_nodes_train_together_and_the_first_one_writes(place: Path, folds: RunResult, tmp_path: Path) -> None:
    kept = [tmp_path / name for name in ("first", "second")]
    both = started(_run_as_node, [(node, place, file) for node, file in zip(nodes(2), kept, strict=True)])
    assert [process.exitcode for process in both] == [0, 0]
    first, second = (json.loads(file.read_text()) for file in kept)
    assert [name for name in first["stages"] if name.startswith("train")] == [
        "train fold-1-of-2",
        "train fold-2-of-2",
        "train all",
    ]
    assert second["stages"] == []  # it says nothing
    result = RunResult.model_validate_json(first["result"])
    assert RunResult.model_validate_json(second["result"]) == result
    assert files(place / "nodes") == LEFT
    assert [answer.path for answer in result.answers] == [answer.path for answer in folds.answers]
    assert result.answers != folds.answers  # what the other one learnt counts


def command(place: Path, out: str, *options: str, **more: object) -> list[str]:
    settings = {**SMALL, **STEPS, **more}
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words = ["train", str(place / "photos"), "--recipe", "finetune", "--backbone", str(place / "backbone")]
    return [*words, "--lang", "en", "--out", str(place / out), *options, *flags]


def test_the_command_prints_all_folds(place: Path, folds: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOSORTER_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    done = CliRunner().invoke(app, command(place, "folds", "--folds", "2"))
    assert done.exit_code == 0, done.output
    accuracy = f"{folds.fit.scores.accuracy:.3f}"
    for text in ("never saw it", "fold 1", "fold 2", accuracy, "only its last layer fitted", "report.html", "bundle"):
        assert text in done.output


def _train_until(checkpoint: Path, number: int, place: Path, out: str, heard: Path) -> None:
    """Run the command, which gets a signal when its checkpoint is there."""
    sys.stderr = heard.open("w")
    os.environ["ECOSORTER_CACHE"] = str(place / "cache")
    sys.argv = ["ecosorter", *command(place, out, "--folds", "2", **{"finetune.epochs": 1000})]

    def tell() -> None:
        while not checkpoint.is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    Thread(target=tell, daemon=True).start()
    main()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_says_how_to_go_on_and_keeps_its_checkpoint(
    place: Path, folds: RunResult, number: signal.Signals, tmp_path: Path
) -> None:
    out = f"stopped-by-{number}"
    checkpoint = place / out / "checkpoints/fold-1-of-2/last.ckpt"
    (process,) = started(_train_until, [(checkpoint, number, place, out, tmp_path / "heard")])
    assert process.exitcode == 128 + number
    said = f"Stopped. Give the same command with --out {place / out}, and it goes on from its last checkpoint.\n"
    assert (tmp_path / "heard").read_text().endswith(said)
    assert checkpoint.is_file()


def test_the_command_starts_a_process_for_each_device(place: Path, holdout: RunResult) -> None:
    devices = {"trainer.devices": 2, "trainer.strategy": "ddp"}
    environ = {**os.environ, "ECOSORTER_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    asked = command(place, "devices", "--hold-out", "board", **HOLDOUT, **devices)
    words = [sys.executable, "-m", "ecosorter.cli", *asked]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report.html") == 1  # one of them prints
    assert files(place / "devices") == LEFT
    result = RunResult.model_validate_json((place / "devices/result.json").read_text(encoding="utf-8"))
    assert [answer.path for answer in result.answers] == [answer.path for answer in holdout.answers]
    assert result.answers != holdout.answers
