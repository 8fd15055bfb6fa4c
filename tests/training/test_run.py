import json
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

from ecosorter import Classifier
from ecosorter.datasets.cache import Cache
from ecosorter.errors import DatasetError, ExportError, RecipeError, RunError
from ecosorter.training import features
from ecosorter.training.recipe import Recipe, load_recipe
from ecosorter.training.results import Epoch, RunResult
from ecosorter.training.run import train
from ecosorter.training.tracking.tracker import NoTracker
from tests.training import networks
from tests.training.pictures import picture, save
from tests.training.several import started

TINTS = {"kaca": (255, 60, 60), "kertas": (60, 255, 60), "logam": (60, 60, 255)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources of tinted pictures; one class is rarer than the others."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(130):
        label = list(TINTS)[number % 3]
        if label == "logam" and number % 2:
            continue
        source = "kitchen" if number < 100 else "street"
        plain = ImageEnhance.Contrast(picture(number, (48, 40))).enhance(0.6)
        save(
            Image.blend(plain, Image.new("RGB", plain.size, TINTS[label]), 0.35),
            folder / source / label / f"{number}.jpg",
        )
    return folder


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return networks.resnet_folder(tmp_path_factory.mktemp("backbones") / "resnet")


def recipe(name: str, backbone: Path, **overrides: object) -> Recipe:
    fast = {
        "fit.epochs": 6,
        "fit.learning_rate": 0.01,
        "features.backbone": str(backbone),
        "trainer.accelerator": "cpu",
    }
    small = {"features.preprocess": "backbone"} if name == "resnet18-smote" else {}
    return load_recipe(name, overrides={**fast, **small, **overrides})


def run(photos: Path, out: Path, chosen: Recipe, cache: Cache, **options: Any) -> RunResult:
    return train([photos], out, chosen, cache, NoTracker(), **options)


@pytest.mark.parametrize("name", ["resnet18-smote", "resnet50-softmax"])
def test_both_recipes_end_with_a_bundle_that_works(
    name: str, photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = run(photos, out, recipe(name, backbone), cache)
    classifier = Classifier.load(out / "bundle")
    assert classifier.bundle.info.classes == ("kaca", "kertas", "logam")
    answers = {answer.path: answer for answer in result.answers}
    assert len(answers) == result.split["test"] == result.fit.scores.photos
    for prediction in classifier.classify(answers):
        wanted = answers[prediction.path].probabilities
        assert {label: round(p, 2) for label, p in prediction.probabilities.items()} == pytest.approx(
            {label: round(p, 2) for label, p in wanted.items()}, abs=0.011
        )
    assert json.loads((out / "result.json").read_text())["fit"]["scores"]["accuracy"] == result.fit.scores.accuracy
    assert (out / "report.html").stat().st_size > 10_000
    assert "# " + name in (out / "bundle/README.md").read_text()
    assert not (out / "checkpoints").exists()


def test_the_leaky_figure_stands_beside_the_honest_one(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    result = run(photos, tmp_path / "a", recipe("resnet18-smote", backbone), cache)
    assert (result.fit.name, result.fit.leaky) == ("after-split", False)
    assert result.compared is not None
    assert (result.compared.name, result.compared.leaky) == ("before-split", True)
    assert any(note.key == "leak" for note in result.notes)
    asked = recipe("resnet18-smote", backbone, **{"balance.when": "before-split"})
    other = run(photos, tmp_path / "b", asked, cache)
    assert (other.fit.leaky, other.compared and other.compared.leaky) == (True, False)
    assert "leaky" in (tmp_path / "b/bundle/README.md").read_text()
    assert json.loads((tmp_path / "b/bundle/bundle.json").read_text())["metrics"]["leaky"] is True


def figures(result: RunResult) -> dict[str, Any]:
    return result.model_dump(exclude={"id", "created"})


def test_one_seed_gives_one_result_and_a_finished_run_is_not_repeated(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    chosen = recipe("resnet18-smote", backbone)
    first = run(photos, tmp_path / "a", chosen, cache)
    assert figures(run(photos, tmp_path / "b", chosen, Cache(tmp_path / "empty"))) == figures(first)
    before = (tmp_path / "a/result.json").stat().st_mtime_ns
    assert run(photos, tmp_path / "a", chosen, cache) == first
    assert (tmp_path / "a/result.json").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="holds another run"):
        run(photos, tmp_path / "a", recipe("resnet18-smote", backbone, seed=7), cache)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


class KillingTracker(NoTracker):
    def __init__(self, after: int) -> None:
        self.left = after

    def epoch(self, fit_name: str, epoch: Epoch) -> None:  # noqa: ARG002
        self.left -= 1
        if not self.left:
            raise Killed


@pytest.fixture(scope="module")
def whole(photos: Path, backbone: Path, cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """What a run ends with that nothing happened to."""
    return run(photos, tmp_path_factory.mktemp("whole") / "run", recipe("resnet18-smote", backbone), cache)


@pytest.mark.parametrize("after", [1, 4, 7, 12])
def test_a_run_that_was_cut_off_ends_like_one_that_was_not(
    after: int, whole: RunResult, photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    chosen = recipe("resnet18-smote", backbone)
    with pytest.raises(Killed):
        train([photos], tmp_path / "cut", chosen, cache, KillingTracker(after))
    again = run(photos, tmp_path / "cut", chosen, cache)
    assert figures(again) == figures(whole)
    lines = [json.loads(line) for line in (tmp_path / "cut/metrics.jsonl").read_text().splitlines()]
    told = [(line["fit"], line["epoch"]) for line in lines if line["event"] == "epoch"]
    assert sorted(told) == sorted((fit, n) for fit in ("after-split", "before-split") for n in range(6))


class DeadlyTracker(NoTracker):
    def epoch(self, fit_name: str, epoch: Epoch) -> None:  # noqa: ARG002
        if epoch.epoch == 5:
            os.kill(os.getpid(), signal.SIGKILL)


def _die_during_the_run(photos: Path, out: Path, chosen: Recipe, folder: Path) -> None:
    train([photos], out, chosen, Cache(folder), DeadlyTracker())


def test_a_real_kill_during_the_run_loses_nothing(
    whole: RunResult, photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    chosen = recipe("resnet18-smote", backbone)
    (process,) = started(_die_during_the_run, [(photos, tmp_path / "cut", chosen, cache.folder)])
    assert process.exitcode == -signal.SIGKILL
    journal = tmp_path / "cut/metrics.jsonl"
    assert journal.read_text().count('"event": "epoch"') == 6
    again = run(photos, tmp_path / "cut", chosen, cache)
    assert figures(again) == figures(whole)
    told = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["epoch"] for line in told if line.get("fit") == "after-split"] == list(range(6))


def test_a_held_out_source_is_measured_but_never_seen(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    result = run(
        photos, tmp_path / "run", recipe("resnet18-smote", backbone), cache, hold_out=("street",), fold_number=3
    )
    assert result.held_out["street"].photos == sum(result.sources[1].photos.values())
    assert sum(result.split.values()) == sum(result.sources[0].photos.values())
    assert not [answer for answer in result.answers if "street" in answer.path]
    assert sum(scores.photos for scores in result.folds) == sum(result.split.values())
    info = json.loads((tmp_path / "run/bundle/bundle.json").read_text())
    assert [source["name"] for source in info["data"]] == ["kitchen"]
    with pytest.raises(DatasetError, match="the sources are kitchen, street"):
        run(photos, tmp_path / "x", recipe("resnet18-smote", backbone), cache, hold_out=("garden",))


def test_unusable_photos_are_left_out_and_named(photos: Path, backbone: Path, cache: Cache, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    for path in (photos / "kitchen").rglob("*.jpg"):
        target = copy / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (copy / "kaca/broken.jpg").write_bytes((copy / "kaca/0.jpg").read_bytes()[:300])
    (copy / "kaca/empty.jpg").touch()
    result = run(copy, tmp_path / "run", recipe("resnet50-softmax", backbone), cache)
    assert [note.say("en").split("(")[0] for note in result.notes] == ["2 photos were left out "]


def test_an_export_that_differs_is_refused_and_writes_no_bundle(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = features.normalised

    def shifted(*arguments: Any) -> Any:
        return honest(*arguments) + 0.3

    monkeypatch.setattr("ecosorter.training.features.normalised", shifted)  # the torch side normalises differently
    rule = {"size": 32, "resize": "stretch", "mean": [0.4] * 3, "std": [0.5] * 3}  # one that no other test uses
    with pytest.raises(ExportError, match="differs from the trained one"):
        run(photos, tmp_path / "run", recipe("resnet50-softmax", backbone, **{"features.preprocess": rule}), cache)
    assert not (tmp_path / "run/bundle").exists()


@pytest.mark.parametrize("kind", ["mobilenet", "vit", "onnx"])
def test_any_backbone_makes_a_bundle(kind: str, photos: Path, cache: Cache, tmp_path: Path) -> None:
    make: Mapping[str, Any] = {
        "mobilenet": networks.mobilenet_folder,
        "vit": networks.vit_folder,
        "onnx": lambda folder: networks.onnx_file(folder / "model.onnx"),
    }
    folder = make[kind](tmp_path / "net")
    run(photos / "kitchen", tmp_path / "run", recipe("resnet18-smote", folder), cache)
    assert Classifier.load(tmp_path / "run/bundle").classify([next(photos.rglob("*.jpg"))])[0].status == "ok"


def test_a_head_on_several_devices_is_refused_before_the_work(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="A head is trained on one device"):
        run(photos, tmp_path / "run", recipe("resnet50-softmax", backbone, **{"trainer.devices": 2}), cache)
    assert not (tmp_path / "run").exists()


def test_training_that_diverges_ends_with_what_to_lower(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    steep = recipe("resnet18-smote", backbone, **{"fit.learning_rate": 1e30})
    with pytest.raises(RunError, match=r"Lower fit\.learning_rate"):
        run(photos, tmp_path / "run", steep, cache)


def test_a_fit_ahead_ends_with_the_run_that_it_is_for(
    photos: Path, backbone: Path, cache: Cache, tmp_path: Path
) -> None:
    endless = recipe("resnet18-smote", backbone, **{"fit.epochs": 1_000_000})
    threads = threading.active_count()
    with pytest.raises(Killed):
        train([photos], tmp_path / "cut", endless, cache, KillingTracker(3))
    assert threading.active_count() <= threads
