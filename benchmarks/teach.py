"""Does a model that is taught two new classes find them, and does it keep the seven?

``python -m benchmarks.teach`` takes 20 photos each of two kinds of things (garments, and leaves afloat on a canal),
teaches them as classes of their own with the function behind `ecosorter teach`, and asks the old and the new model
about other photos of both kinds, and about photos of the seven. Photos of the two kinds are nowhere else.

Two models can be taught:

- a stand-in, made here: the pretrained MobileNetEdgeTPU with a logistic regression, fitted without the two kinds and
  without the photos that are asked about. Everything it is asked is new to it.
- with ``--model``, a finished bundle, such as the one that ships. It was trained on all these photos, the two kinds
  included, as one of the seven; ``--carve`` takes them out of its bank. Then only the change on the seven tells.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecosorter.bundle import Bundle, BundleInfo, load_bundle, write_bundle
from ecosorter.classifier import Classifier
from ecosorter.datasets.dataset import PhotoRow, load_dataset
from ecosorter.decision import Thresholds
from ecosorter.preprocess import PreprocessSpec, decode_views
from ecosorter.teaching.bank import load_bank, make_bank
from ecosorter.teaching.refit import balanced_weights
from ecosorter.teaching.result import TeachResult
from ecosorter.teaching.teach import teach
from ecosorter.training.backbones.edgetpu import FEATURES
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.export.network import float_graph
from ecosorter.training.fit.network import WasteNet

SHARED = Path(os.environ.get("ECOSORTER_SHARED", "../shared"))
NEW = {"clothing": "pakaian", "floating-leaves": "daun"}
SPEC = PreprocessSpec(size=192, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

Rows = Sequence[PhotoRow]


def main() -> None:
    """Parse the command line, teach, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--model", type=Path, help="bundle to teach; else a stand-in is made")
    parser.add_argument("--carve", action="store_true", help="take the two kinds out of the model's bank first")
    parser.add_argument("--new", nargs="+", default=[f"{a}={b}" for a, b in NEW.items()], metavar="SOURCE=CLASS")
    parser.add_argument("--each", type=int, default=20, help="photos of each that are taught")
    parser.add_argument("--cap", type=int, default=60, help="photos of each source and class that are looked at")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    new = dict(pair.split("=") for pair in given.new)
    random = np.random.default_rng(given.seed)
    cells: defaultdict[tuple[str, str], list[PhotoRow]] = defaultdict(list)
    for row in load_dataset([given.photos]).rows:
        cells[row.source, row.label].append(row)
    taught, asked, learnt, kept = [], [], [], []
    for (source, _), rows in sorted(cells.items()):
        drawn = [rows[i] for i in random.permutation(len(rows))]
        if source in new:
            own = [replace(row, label=new[source]) for row in drawn]
            taught += own[: given.each]
            asked += own[given.each : given.each + 2 * given.cap]
        else:
            drawn = drawn[: given.cap]
            kept += drawn[: len(drawn) // 4]
            learnt += drawn[len(drawn) // 4 :]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.model is None:
            base = stand_in(folder / "base", learnt)
        else:
            base = carved(load_bundle(given.model), folder / "base", new) if given.carve else load_bundle(given.model)
        start = time.perf_counter()
        result = teach([class_folders(folder / "own", taught)], folder / "out", model=base.folder, own_classes=True)
        seconds = time.perf_counter() - start
        report(result, base, folder / "out", asked, kept, seconds)


def class_folders(folder: Path, rows: Rows) -> Path:
    """Lay links to photos into folders of their classes."""
    for number, row in enumerate(rows):
        place = folder / row.label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}{row.path.suffix}").symlink_to(row.path.resolve())
    return folder


def stand_in(folder: Path, rows: Rows) -> Bundle:
    """Make a bundle of the pretrained network and a logistic regression on some photos, with a bank of them."""
    classes = sorted({row.label for row in rows})
    labels = np.array([classes.index(row.label) for row in rows], np.int64)
    sources = [row.source for row in rows]
    backbone = find_backbone(str(SHARED / "backbones" / "mobilenet_edgetpu_1.0_224"))
    network = WasteNet(backbone.body(), FEATURES, len(classes))
    features = plain_features(float_graph(network, SPEC), SPEC, rows)
    scaler = StandardScaler()
    head = LogisticRegression(C=0.1 * len(rows) / 10, max_iter=300)
    weights = balanced_weights(labels, sources, np.zeros(len(rows), np.bool_)) * len(rows)
    make_pipeline(scaler, head).fit(features, labels, logisticregression__sample_weight=weights)
    weight = head.coef_ / scaler.scale_
    network.head.load_state_dict(
        {
            "weight": torch.tensor(weight, dtype=torch.float32),
            "bias": torch.tensor(head.intercept_ - weight @ scaler.mean_, dtype=torch.float32),
        }
    )
    info = BundleInfo(
        format=1,
        name="stand-in",
        version="0",
        created="2026-01-01T00:00:00+00:00",
        classes=tuple(classes),
        preprocess=SPEC,
        temperature=1.0,
        thresholds=Thresholds(confidence=0.5, conformal=0.9),
    )
    bank = make_bank(features, labels, sources, classes)
    return write_bundle(folder, float_graph(network, SPEC), info, "# stand-in\n", bank=bank)


def plain_features(model: bytes, spec: PreprocessSpec, rows: Rows) -> NDArray[np.float32]:
    """Return ``[n, d]`` features of photos, as a predictor sees them."""
    session = onnxruntime.InferenceSession(model)
    return np.stack(
        [session.run(["features"], {"pixels": decode_views(row.path, spec)})[0].mean(axis=0) for row in rows]
    )


def carved(base: Bundle, folder: Path, new: dict[str, str]) -> Bundle:
    """Return a copy of a bundle whose bank has nothing of some sources."""
    bank = load_bank(base)
    keep = np.array([source not in new for source in bank.row_sources])
    sources = [source for source, kept in zip(bank.row_sources, keep, strict=True) if kept]
    content = make_bank(bank.features[keep], bank.labels[keep], sources, bank.classes)
    return write_bundle(folder, base.model_path.read_bytes(), base.info, "# carved\n", bank=content)


def recall(model: Path, rows: Rows) -> dict[str, tuple[int, float]]:
    """Return photos and recall of each class, by the most probable class."""
    answers = [prediction.best for prediction in Classifier.load(model).stream(row.path for row in rows)]
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for row, answer in zip(rows, answers, strict=True):
        right[row.label].append(answer == row.label)
    return {label: (len(hits), float(np.mean(hits))) for label, hits in sorted(right.items())}


def report(result: TeachResult, base: Bundle, out: Path, asked: Rows, kept: Rows, seconds: float) -> None:
    """Ask both models about photos that neither was fitted on, and print what they say."""
    print(f"taught {sum(name.photos for name in result.names)} photos in {seconds:.0f} s; {base.info.name}")
    print(f"{'class':<12}{'photos':>8}{'before':>9}{'now':>9}   as the result says it")
    for label, (photos, share) in recall(out, asked).items():
        told = f"{result.own[label].after:.3f}, was part of {result.part_of.get(label)}"
        print(f"{label:<12}{photos:>8}{'-':>9}{share:>9.3f}   {told}")
    before, now = recall(base.folder, kept), recall(out, kept)
    for label, (photos, share) in before.items():
        known = result.known[label]
        print(f"{label:<12}{photos:>8}{share:>9.3f}{now[label][1]:>9.3f}   {known.before:.3f} -> {known.after:.3f}")
    old, new = (float(np.mean([share for _, share in side.values()])) for side in (before, now))
    print(f"{'the seven':<12}{len(kept):>8}{old:>9.3f}{new:>9.3f}   change {100 * (new - old):+.1f} points")


if __name__ == "__main__":
    main()
