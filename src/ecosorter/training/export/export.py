"""Writes the bundle of a trained head, and refuses when what was written is not what was trained."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import ModelProto

from ecosorter.bundle import Bundle, BundleInfo, DataSource, write_bundle
from ecosorter.datasets.cache import Cache
from ecosorter.decision import softmax
from ecosorter.errors import ExportError
from ecosorter.evaluation.scores import Scores
from ecosorter.preprocess import PreprocessSpec, load_pixels
from ecosorter.progress import Advance
from ecosorter.training.backbones.graphs import join, preprocess_graph, renamed
from ecosorter.training.experiment import Outcome
from ecosorter.training.export.card import model_card
from ecosorter.training.features import Engine, FeatureSource, OnnxEngine, TorchEngine, extract
from ecosorter.training.fit.heads import Head
from ecosorter.training.results import RunResult

TOLERANCE = 1e-3
"""Largest difference in any class's probability between ONNX Runtime and torch."""

_BATCH = 8
_LIBRARIES = (
    "ecosorter",
    "torch",
    "lightning",
    "transformers",
    "scikit-learn",
    "imbalanced-learn",
    "onnxruntime",
    "numpy",
)


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the exported model is from the trained one: photos compared, largest difference in probability."""

    photos: int
    difference: float


def assemble(spec: PreprocessSpec, backbone: ModelProto, head: Head, *, flattened: bool) -> bytes:
    """Join preprocessing, backbone and head to one ONNX model.

    Args:
        spec: preprocessing; greyscale and normalisation go into the graph.
        backbone: graph from `images` to `pooled` and perhaps `map` (graphs.py).
        head: trained.
        flattened: whether the head was trained on the flattened map.

    Returns:
        The model, serialised: `pixels` uint8 [n, s, s, 3] in; `logits` [n, classes], `features` [n, d] and `cam`
        [n, classes, h, w] out.
    """
    front = join(preprocess_graph(spec), backbone, [value.name for value in backbone.graph.output])
    shape = _map_shape(front, spec)
    whole = join(front, head.graph(shape, flattened=flattened), ["logits", "pooled", "cam"])
    whole = renamed(whole, {"pooled": "features"})
    onnx.checker.check_model(whole)
    model: bytes = whole.SerializeToString()
    return model


def _map_shape(front: ModelProto, spec: PreprocessSpec) -> tuple[int, int, int] | None:
    """Return (d, h, w) of the backbone's map, by running it once."""
    if "map" not in {value.name for value in front.graph.output}:
        return None
    session = onnxruntime.InferenceSession(front.SerializeToString())
    (places,) = session.run(["map"], {"pixels": np.zeros((1, spec.size, spec.size, 3), np.uint8)})
    return places.shape[1], places.shape[2], places.shape[3]


def trained_probabilities(
    source: FeatureSource,
    head: Head,
    photos: Sequence[tuple[Path, str]],
    temperature: float,
    cache: Cache,
    advance: Advance,
) -> NDArray[np.float64]:
    """Return what the trained network itself says of some photos: backbone and head in torch, float32.

    An ONNX backbone has no torch module; its features then come from its own graph.

    Args:
        source: backbone, preprocessing and output that the head was trained with.
        head: trained.
        photos: (path, sha256) of each.
        temperature: of the softmax.
        cache: torch's features are kept here too, since torch is several times slower.
        advance: called as photos are finished.

    Returns:
        [n, classes], rows sum to 1.
    """
    backbone, spec = source.backbone, source.spec

    def open_engine() -> Engine:
        if backbone.trainable:
            return TorchEngine(spec, backbone.body())
        return OnnxEngine(spec, backbone.graph(spec.size, cache))

    name = TorchEngine.name if backbone.trainable else OnnxEngine.name
    features = extract(source, photos, open_engine, name, cache, advance=advance)
    with torch.inference_mode():
        return softmax(head(torch.from_numpy(features)).numpy(), temperature)


def check_parity(
    model: bytes,
    spec: PreprocessSpec,
    photos: Sequence[Path],
    trained: NDArray[np.float64],
    temperature: float,
) -> Parity:
    """Run the exported model on photo files and compare it with the trained one.

    Args:
        model: the serialised ONNX model.
        spec: resizing rule.
        photos: files of the validation part.
        trained: probabilities [n, classes] from `trained_probabilities`.
        temperature: of the softmax.

    Raises:
        ExportError: when any probability differs by more than `TOLERANCE`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a batch in each thread is faster than each batch in all threads
    options.enable_cpu_mem_arena = False  # it would keep every thread's memory
    session = onnxruntime.InferenceSession(model, options)

    def probabilities(start: int) -> NDArray[np.float64]:
        pixels = np.stack([load_pixels(path, spec) for path in photos[start : start + _BATCH]])
        return softmax(session.run(["logits"], {"pixels": pixels})[0], temperature)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(probabilities, range(0, len(photos), _BATCH)))
    difference = float(np.abs(np.concatenate(found) - trained).max()) if found else 0.0
    if not difference <= TOLERANCE:  # also true of NaN
        raise ExportError(
            f"The exported model differs from the trained one by {difference:.2g} in probability on {len(photos)} "
            f"photos; at most {TOLERANCE:g} is accepted. Nothing was written. Please report this with your recipe."
        )
    return Parity(len(photos), difference)


def export_bundle(
    folder: Path,
    result: RunResult,
    outcome: Outcome,
    source: FeatureSource,
    photos: Sequence[tuple[Path, str]],
    cache: Cache,
    advance: Advance,
) -> Bundle:
    """Assemble the model of a run, prove it on photos, and write the bundle.

    Args:
        folder: where the bundle goes.
        result: the run's figures, for `bundle.json` and the card.
        outcome: head, temperature, thresholds.
        source: backbone, preprocessing, output.
        photos: (path, sha256) of the validation photos.
        cache: of graphs and torch's features.
        advance: called as photos are compared.

    Raises:
        ExportError: when ONNX Runtime and torch disagree; nothing is written then.
    """
    spec, head, calibration = source.spec, outcome.head, outcome.calibration
    graph = source.backbone.graph(spec.size, cache)
    model = assemble(spec, graph, head, flattened=source.output == "flattened")
    trained = trained_probabilities(source, head, photos, calibration.temperature, cache, advance)
    parity = check_parity(model, spec, [path for path, _ in photos], trained, calibration.temperature)
    recipe = hashlib.sha256(json.dumps(result.recipe, sort_keys=True).encode()).hexdigest()
    info = BundleInfo(
        format=1,
        name=result.recipe["name"],
        version=f"{result.created[:10]}-{recipe[:8]}",
        created=result.created,
        classes=result.classes,
        preprocess=spec,
        temperature=calibration.temperature,
        thresholds=calibration.thresholds,
        metrics={
            **headline(result),
            "onnx_parity": {"photos": parity.photos, "difference": parity.difference},
        },
        data=[
            DataSource(name=entry.name, photos=sum(entry.photos.values()), fingerprint=entry.fingerprint)
            for entry in result.sources
            if entry.name not in result.held_out
        ],
        recipe=result.recipe,
        made_with=result.made_with,
        sha256="0" * 64,  # write_bundle puts the model's own
    )
    return write_bundle(folder, model, info, model_card(info, result), replace=True)


def headline(result: RunResult) -> dict[str, Any]:
    """Return the figures of a run that travel in the bundle: each with the rule it was measured by."""
    figures: dict[str, Any] = {"test": _short(result.fit.scores), "leaky": result.fit.leaky}
    if result.compared:
        figures["compared"] = {"leaky": result.compared.leaky, "test": _short(result.compared.scores)}
    if result.held_out:
        figures["held_out"] = {name: _short(scores) for name, scores in result.held_out.items()}
    if result.folds:
        figures["folds"] = [_short(scores) for scores in result.folds]
    return figures


def made_with() -> dict[str, str]:
    """Return the versions of what makes a bundle."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def _short(scores: Scores) -> dict[str, Any]:
    whole = scores.model_dump(
        mode="json", exclude={"classes", "confusion", "reliability", "coverage_curve", "per_class"}
    )
    return {**whole, "recall": {name: entry.recall for name, entry in scores.per_class.items()}}
