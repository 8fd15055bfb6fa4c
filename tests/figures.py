"""Small runs of every kind, and the figures that they give.

A change that moves code must not move figures. Write them before it and compare them after it, on the same machine::

    python -m tests.figures write before.json
    python -m tests.figures compare before.json
    python -m tests.figures compare before.json smote folds-held-out    # runs of these kinds alone

Photos and networks are made on the spot. Whatever a run's files look like, what its model says of ten photos is in
the figures, so that little escapes.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageEnhance

from tests.teaching import teachable
from tests.training import networks
from tests.training.pictures import picture, save

_AGREE = 1e-6
_TINTS = {"kaca": (255, 60, 60), "kertas": (60, 255, 60), "logam": (60, 60, 255)}
_HEAD = ["fit.epochs=6", "fit.learning_rate=0.01", "features.preprocess=backbone", "trainer.accelerator=cpu"]
_NETWORK = ["finetune.size=64", "finetune.epochs=1", "finetune.batch_size=8", "trainer.accelerator=cpu"]


def make(place: Path) -> None:
    """Make photos of two sources, a model and photos to teach it, and two pretrained networks with random weights."""
    for number in range(150):
        label = list(_TINTS)[number % 3]
        if label == "logam" and number % 2:  # one class is rarer
            continue
        source = "kitchen" if number < 100 else "street"
        _tinted(label, number, place / "photos" / source)
        if number % 100 < 45:  # 60 photos for the networks
            _tinted(label, number, place / "few" / source)
    teachable.class_folders(place / "own", {"kaca": 12, "baterai": 12})
    teachable.teachable(place / "teachable")
    networks.resnet_folder(place / "resnet")
    networks.edgetpu_file(place / "edgetpu" / "model.onnx")


def _tinted(label: str, seed: int, source: Path) -> None:
    plain = ImageEnhance.Contrast(picture(seed, (72, 60))).enhance(0.6)
    save(Image.blend(plain, Image.new("RGB", plain.size, _TINTS[label]), 0.3), source / label / f"{seed}.jpg")


def runs(place: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Yield the name, the folder of the model (which need not come to be) and the command of each run."""
    photos, few, own = str(place / "photos"), str(place / "few"), str(place / "own")
    resnet, edgetpu = str(place / "resnet"), str(place / "edgetpu/model.onnx")

    def train(name: str, folder: str, recipe: str, settings: Sequence[str], *more: str) -> tuple[str, Path, list[str]]:
        chosen = [part for setting in settings for part in ("--set", setting)]
        out = place / name
        return name, out / "bundle", ["train", folder, "--recipe", recipe, "--out", str(out), *chosen, *more]

    head = ["--backbone", resnet]
    yield train("smote", photos, "resnet18-smote", _HEAD, *head)
    leaky = [*_HEAD, "balance.when=before-split", "balance.compare=false"]
    yield train("smote-leaky", photos, "resnet18-smote", leaky, *head)
    yield train("folds-held-out", photos, "resnet18-smote", _HEAD, *head, "--folds", "2", "--hold-out", "street")
    yield train("flattened", photos, "resnet50-softmax", _HEAD, *head)
    network = [*_NETWORK, "features.preprocess.size=64"]
    shipped = [*network, "evaluation.left_out=[]", "augment.boards=['kitchen']"]
    yield train("network", few, "ecosorter", shipped, "--backbone", edgetpu)
    yield train("network-folds", few, "finetune", network, "--backbone", edgetpu, "--folds", "2")
    taught = place / "taught"
    yield "taught", taught, ["teach", own, "--out", str(taught), "--model", str(place / "teachable")]


def figures(place: Path, kinds: Sequence[str]) -> dict[str, float]:
    """Run everything, or these kinds; return every figure by its name."""
    make(place)
    found: dict[str, float] = {}
    looked_at = sorted(map(str, (place / "own").rglob("*.png")))[:10]
    for name, model, command in runs(place):
        if kinds and name not in kinds:
            continue
        print(name, flush=True)  # noqa: T201
        _ecosorter(place, *command)
        out = model.parent if model.name == "bundle" else model
        if (out / "result.json").is_file():
            found.update(_of_result(name, json.loads((out / "result.json").read_text())))
        if not (model / "bundle.json").is_file():
            continue
        info = json.loads((model / "bundle.json").read_text())
        found[f"{name}/temperature"] = info["temperature"]
        found.update(_numbers(f"{name}/thresholds", info["thresholds"]))
        sources = info["metrics"].get("held_out", {}).get("sources", {})
        found.update({f"{name}/held out/{key}": value["macro_recall"] for key, value in sources.items()})
        answers = json.loads(_ecosorter(place, "classify", *looked_at, "--model", str(model), "--top", "9", "--json"))
        for number, answer in enumerate(answers):
            found.update({f"{name}/photo {number}/{top['label']}": top["probability"] for top in answer["top"]})
    return found


def _of_result(name: str, result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for fit in filter(None, (result["fit"], result.get("compared"))):
        yield from _of_scores(f"{name}/{fit['name']}", fit["scores"])
        if fit["epochs"]:
            yield f"{name}/{fit['name']}/train loss", fit["epochs"][-1]["train_loss"]
    for source, scores in result["held_out"].items():
        yield from _of_scores(f"{name}/held out {source}", scores)
    for number, scores in enumerate(result["folds"], start=1):
        yield from _of_scores(f"{name}/fold {number}", scores)


def _of_scores(name: str, scores: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for key in ("accuracy", "macro_f1", "macro_recall", "loss", "calibration_error", "coverage"):
        yield f"{name}/{key}", scores[key]


def _numbers(name: str, value: Any) -> dict[str, float]:
    if isinstance(value, dict):
        return {key: found for part, inner in value.items() for key, found in _numbers(f"{name}/{part}", inner).items()}
    return {name: value} if isinstance(value, int | float) and not isinstance(value, bool) else {}


def _ecosorter(place: Path, *command: str) -> str:
    whole = [sys.executable, "-m", "ecosorter.cli", *command]
    environment = {"ECOSORTER_CACHE": str(place / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(place)}
    done = subprocess.run(whole, capture_output=True, text=True, env=environment, check=False)
    if done.returncode > 1:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Return a line for each figure that changed."""
    return [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if not math.isclose(before.get(name, math.nan), after.get(name, math.nan), rel_tol=0, abs_tol=_AGREE)
    ]


def main() -> None:
    """Write or compare: the command in this file's docstring."""
    act, file, kinds = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    with TemporaryDirectory() as folder:
        found = figures(Path(folder), kinds)
    if act == "write":
        file.write_text(json.dumps(found, indent=1) + "\n")
        return
    before = json.loads(file.read_text())
    changed = compare(
        {name: value for name, value in before.items() if not kinds or name.split("/")[0] in kinds}, found
    )
    print("\n".join(changed) or f"All {len(found)} figures are as they were.")  # noqa: T201
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
