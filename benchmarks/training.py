"""What `make bench` runs: how long training takes beside the published way, and how much memory.

On real photos, in about twenty minutes on two cores: (a) `ecosorter train` as a person starts it, with an empty cache
and with a full one; (b) one epoch of the published way; (c) features of the same photos in several ways; (d)
memory for the flattened features of a ResNet50. Every figure comes from a process of its own. What counts are the
ratios: both sides of one ran on one machine within minutes. The tables are printed and written to
test-output/bench/training.md.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import PROGRAM, Measured, evenly, in_turn, machine, measured, table
from ecosorter.datasets.dataset import PhotoRow, dataset_of, load_dataset, write_manifest

RESULTS = Path("test-output/bench/training.md")
RECIPES = ("resnet18-smote", "resnet50-softmax")
PUBLISHED_PHOTOS = 2527  # TrashNet …
PUBLISHED_ORGANIC = 515  # … and the organic ones beside it: 3,042
MEMORY_LIMIT = 2_000_000_000  # bytes
MEMORY_EPOCHS = 5  # a later epoch needs no other memory
WAYS = {
    "ours": "`extract`: ONNX Runtime, decoding in threads",
    "torch": "torch eager, DataLoader",
    "torch-channels-last": "the same, channels last",
    "torch-bfloat16": "the same, channels last, bfloat16",
    "transformers": "transformers `pipeline`",
}
ROUNDS = 3
FEATURE_PHOTOS = 512


@dataclass(frozen=True, slots=True)
class Setting:
    """What the measurements share: photos, their manifest, the backbone's folder, and a folder for what they make."""

    rows: tuple[PhotoRow, ...]
    manifest: Path
    backbone: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Run:
    """One finished `ecosorter train`, and the epochs of the fits in it."""

    process: Measured
    epochs: tuple[int, ...]


def train(photos: Path, recipe: str, backbone: Path, cache: Path, out: Path, *more: str) -> Run:
    """Run `ecosorter train` to its end."""
    print(f"- {recipe}: {out.name}", flush=True)
    command = [PROGRAM, "train", str(photos), "--recipe", recipe, "--backbone", str(backbone), "--out", str(out), *more]
    process = measured(command, {"ECOSORTER_CACHE": str(cache)})
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    fits = [result["fit"], *filter(None, [result["compared"]])]
    return Run(process, tuple(len(fit["epochs"]) for fit in fits))


def empty_and_full(photos: Path, recipe: str, backbone: Path, scratch: Path, *more: str) -> tuple[Run, Run]:
    """Train with an empty cache, then again with what that left in it, into another folder."""
    folder = scratch / recipe  # each recipe has its own cache: empty is empty
    empty = train(photos, recipe, backbone, folder / "cache", folder / "empty-cache", *more)
    full = train(photos, recipe, backbone, folder / "cache", folder / "full-cache", *more)
    return empty, full


def whole_runs(photos: int, runs: Mapping[str, tuple[Run, Run]]) -> str:
    """Part a as text."""
    rows = [
        [
            f"`--recipe {recipe}`",
            *(f"{run.process.seconds:.1f} s" for run in (empty, full)),
            " + ".join(map(str, empty.epochs)),
            *(_mb(run.process.peak_bytes) for run in (empty, full)),
        ]
        for recipe, (empty, full) in runs.items()
    ]
    sums = [sum(pair[place].process.seconds for pair in runs.values()) for place in (0, 1)]
    rows.append(["both", *(f"{seconds:.1f} s" for seconds in sums), "", "", ""])
    head = ["", "empty cache", "full cache", "epochs", "peak memory, empty", "peak memory, full"]
    return f"""
## Whole runs of `ecosorter train` on {photos} photos

{table(head, rows)}

From starting the program to its end: look at the photos, features, all fits, evaluation, export, report. The aim for
both recipes together on 2,527 photos: under 180 s with an empty cache, under 30 s with a full one."""


def beside_published(setting: Setting, runs: tuple[Run, Run]) -> str:
    """Part b as text, measured here."""
    print("- one epoch of the published way", flush=True)
    command = [sys.executable, "-m", "benchmarks.published", str(setting.manifest), str(setting.backbone)]
    published = measured(command)
    figures = published.figures()
    epoch: float = figures["seconds"]
    epochs = runs[0].epochs[0]
    rows = [["one published epoch", f"{epoch:.1f} s", "", ""]]
    for name, run in zip(("empty cache", "full cache"), runs, strict=True):
        ours = run.process.seconds
        ratios = f"{epoch / ours:.1f} x", f"{epochs * epoch / ours:.0f} x"
        rows.append([f"our whole run, {name}", f"{ours:.1f} s", *ratios])
    head = ["", "time", "one published epoch / ours", f"{epochs} published epochs / ours"]
    return f"""
## Beside the published way: resnet50-softmax with the backbone in every epoch

{table(head, rows)}

The published way here: torch eager, float32, the same network and photos ({figures["train"]} to train on,
{figures["validation"]} for validation), batch 32, Pillow in a DataLoader with two workers. Its time is the epoch alone;
ours is everything from starting the program to its end, and took {epochs} epochs. Peak memory of the published way:
{_mb(published.peak_bytes)}, and its workers. For context only, published: about 540 s for each of nine epochs on a
hosted CPU (ResNet50, 3,042 photos)."""


def feature_speed(setting: Setting) -> str:
    """Part c as text, measured here."""
    dataset = dataset_of(evenly(setting.rows, FEATURE_PHOTOS))
    manifest = setting.scratch / "features.csv"
    write_manifest(dataset, manifest)
    environ = {"ECOSORTER_CACHE": str(setting.scratch / "converted-network")}  # and no features

    def rate(way: str) -> float:
        """Return photos a second."""
        print(f"- features: {way}", flush=True)
        files = [str(path) for path in (manifest, setting.backbone, setting.scratch / f"{way}.npy")]
        figures = measured([sys.executable, "-m", "benchmarks.extraction", way, *files], environ).figures()
        seconds: float = figures["seconds"]
        return len(dataset.rows) / seconds

    rates = in_turn({way: partial(rate, way) for way in WAYS}, ROUNDS)
    features = {way: np.load(setting.scratch / f"{way}.npy") for way in WAYS}
    rows = []
    for way, name in WAYS.items():
        likeness = _likeness(features["ours"], features[way])
        rows.append([name, f"{rates[way]:.1f}", f"{rates['ours'] / rates[way]:.1f} x", f"{likeness:.4f}"])
    head = ["", "photos a second", "ours is faster by", "mean cosine with ours"]
    return f"""
## Features of {len(dataset.rows)} photos, the same network, median of {ROUNDS} runs in turn

{table(head, rows)}

Decoding is in the time, loading the network is not. The cosine shows that all compute the same thing."""


def memory(setting: Setting, sources: Path) -> tuple[int, str]:
    """Part d, measured here: the peak in bytes, and the text."""
    organic = [row for folder in sorted(sources.glob("*/organik")) for row in load_dataset([folder.parent]).rows]
    organic = [row for row in organic if row.label == "organik"]
    rows = [*setting.rows, *evenly(organic, PUBLISHED_ORGANIC * len(setting.rows) // PUBLISHED_PHOTOS)]
    scratch = setting.scratch / "memory"
    network, manifest = scratch / "resnet50", scratch / "photos.csv"
    write_manifest(dataset_of(rows), manifest)
    measured([sys.executable, "-m", "benchmarks.random_resnet50", str(network)])
    runs = empty_and_full(manifest, "resnet50-softmax", network, scratch, "--epochs", str(MEMORY_EPOCHS))
    peaks = [run.process.peak_bytes for run in runs]
    text = f"""
## Memory: flattened ResNet50 features of {len(rows)} photos, 100,352 numbers each

{table(["", "empty cache", "full cache"], [["peak memory of the whole run", *map(_mb, peaks)]])}

A real ResNet50 with random weights, `--recipe resnet50-softmax`, {MEMORY_EPOCHS} epochs. Below
{MEMORY_LIMIT / 1e9:.0f} GB: {"yes" if max(peaks) < MEMORY_LIMIT else "NO"}."""
    return max(peaks), text


def main() -> int:
    """Measure everything; return 1 when the memory is above the limit."""
    options = _options()
    about, trashnet = machine(), options.folder / "trashnet"
    rows = load_dataset([trashnet]).rows
    rows = tuple(evenly(rows, options.photos or len(rows)))
    with TemporaryDirectory(prefix="ecosorter-bench-") as name:
        setting = Setting(rows, Path(name) / "photos.csv", options.backbone, Path(name))
        write_manifest(dataset_of(rows), setting.manifest)
        photos = setting.manifest if options.photos else trashnet
        runs = {recipe: empty_and_full(photos, recipe, options.backbone, setting.scratch) for recipe in RECIPES}
        beside = beside_published(setting, runs["resnet50-softmax"])
        speed = feature_speed(setting)
        peak, peaks = memory(setting, options.folder)
    parts = ["# Training, measured by `make bench`\n", about, whole_runs(len(rows), runs), beside, speed, peaks]
    report = "\n".join(parts)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(report + "\n", encoding="utf-8")
    print(f"\n{report}\n\nWritten to {RESULTS}.")
    return int(peak >= MEMORY_LIMIT)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("../shared/photos"), help="sources, trashnet among them")
    parser.add_argument("--backbone", type=Path, default=Path("../shared/backbones/mobilenet_v2_1.0_224"))
    parser.add_argument("--photos", type=int, metavar="N", help="only so many of trashnet, to try it out")
    options = parser.parse_args()
    for folder in (options.folder / "trashnet", options.backbone):
        if not folder.is_dir():
            parser.error(f"there is no {folder}; see --folder and --backbone")
    return options


def _likeness(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return the mean cosine of the rows [n, d] of two matrices."""
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / norms).mean())


def _mb(number: int) -> str:
    return f"{number / 1e6:,.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
