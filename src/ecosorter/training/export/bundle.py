"""Writes the bundle of a run: proves the graph, adds signals and bank, and says how it was measured."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from ecosorter.bundle import FORMAT, LARGEST_BANK, Bundle, BundleInfo, DataSource, write_bundle
from ecosorter.datasets.credits import attribution, forbids_commerce
from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.decision import softmax
from ecosorter.evaluation.out_of_fold import Calibration
from ecosorter.evaluation.scores import Scores
from ecosorter.preprocess import PreprocessSpec
from ecosorter.progress import Progress
from ecosorter.teaching.bank import make_bank
from ecosorter.training.export.card import model_card
from ecosorter.training.export.parity import check_parity
from ecosorter.training.export.quantize import compare
from ecosorter.training.export.views import decoded
from ecosorter.training.fit.learner import Model
from ecosorter.training.ood.fit import Known, add_signals
from ecosorter.training.recipe import Recipe
from ecosorter.training.results import RunResult
from ecosorter.training.runfolder import RunFolder

_COMPARED = 4000  # photos on which integers are compared with floats; of 1,000, half a point is chance
_TEXT_BYTES = 150_000  # of a bundle's card and description
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


def export_bundle(
    folder: RunFolder,
    result: RunResult,
    trained: Model,
    calibration: Calibration,
    photos: PhotoSet,
    prove_on: Index,
    spec: PreprocessSpec,
    recipe: Recipe,
    progress: Progress,
) -> Bundle:
    """Prove the model of a run on photos, finish it as the recipe asks, and write the bundle.

    Args:
        folder: of the run.
        result: the run's figures, for `bundle.json` and the card.
        trained: what was learnt.
        calibration: its temperature and thresholds.
        photos: all of the run.
        prove_on: rows of the photos on which the graph is held against what was trained.
        spec: from a photo to pixels.
        recipe: says what is added.
        progress: is told how far the work is.

    Raises:
        ExportError: the graph and what was trained disagree; nothing is written then.
    """
    with progress.stage("export", len(prove_on)) as advance:
        full, model = trained.graph(int8=False), trained.graph(int8=recipe.export.int8)
        wanted = softmax(trained.reference(prove_on.tolist()), calibration.temperature)
        files = [photos.rows[row].path for row in prove_on]
        parity = check_parity(full, spec, files, wanted, calibration.temperature)
        advance(len(prove_on))
    metrics: dict[str, Any] = {**figures(result), "onnx_parity": asdict(parity)}
    seen = np.flatnonzero([row.source not in result.kept_away for row in photos.rows])
    paths, labels = [photos.rows[row].path for row in seen], photos.labels[seen]
    sources = [photos.rows[row].source for row in seen]
    if recipe.export.int8 and full != model:
        some = np.random.default_rng(recipe.seed).permutation(len(seen))[-_COMPARED:]
        pixels = np.concatenate(list(decoded([paths[row] for row in some], spec)))
        metrics["int8"] = asdict(compare(full, model, pixels, labels[some]))
    thresholds, bank = calibration.thresholds, None
    if recipe.export.ood or recipe.export.bank:
        with progress.stage("bank", len(photos.rows)) as advance:
            features = trained.features(seen, advance, int8=recipe.export.int8)
    if recipe.export.ood:
        known = Known(features[:, 0], paths, labels, sources)
        model, thresholds, metrics["no_waste"] = add_signals(
            model, known, spec, calibration, photos.classes, recipe.seed, progress
        )
    people = attribution(photos.rows[row] for row in seen)
    if recipe.export.bank:
        room = min(recipe.export.max_bytes - _TEXT_BYTES - len(people or "") - len(model), LARGEST_BANK)
        bank = make_bank(features.mean(axis=1), labels, sources, photos.classes, room, seed=recipe.seed)
    data = _sources(result)
    info = BundleInfo(
        format=FORMAT,
        name=recipe.name,
        version=f"{result.created[:10]}-{_fingerprint(result.recipe)}",
        created=result.created,
        classes=result.classes,
        preprocess=spec,
        temperature=calibration.temperature,
        thresholds=thresholds,
        metrics=metrics,
        data=data,
        non_commercial=tuple(source.name for source in data if forbids_commerce(source.licence or "")),
        recipe=result.recipe,
        made_with=result.made_with,
    )
    card = model_card(info, result, attributed=people is not None)
    return write_bundle(folder.bundle, model, info, card, bank=bank, attribution=people, replace=True)


def figures(result: RunResult) -> dict[str, Any]:
    """Return the figures of a run that travel in the bundle, each with the rule that it was measured by."""
    found: dict[str, Any] = {
        "protocol": result.protocol,
        "test": _short(result.fit.scores),
        "leaky": result.fit.leaky,
    }
    if result.compared:
        found["compared"] = {"leaky": result.compared.leaky, "test": _short(result.compared.scores)}
    if result.held_out:
        found["held_out"] = result.unseen().model_dump(mode="json")
    if result.folds:
        found["folds"] = [_short(scores) for scores in result.folds]
    if result.first_view:
        found["first_view"] = result.first_view.model_dump()
    if result.linear_probe:
        found["linear_probe"] = {"test": _short(result.linear_probe.scores)}
        if result.linear_probe.held_out:
            found["linear_probe"]["held_out"] = result.unseen(result.linear_probe.held_out).model_dump(mode="json")
    return found


def made_with() -> dict[str, str]:
    """Return the versions of what makes a bundle."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def _sources(result: RunResult) -> list[DataSource]:
    return [
        DataSource(
            name=entry.name,
            photos=sum(entry.photos.values()),
            fingerprint=entry.fingerprint,
            licence=entry.licence,
        )
        for entry in result.sources
        if entry.name not in result.kept_away
    ]


def _fingerprint(recipe: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:8]


def _short(scores: Scores) -> dict[str, Any]:
    whole = scores.model_dump(
        mode="json", exclude={"classes", "confusion", "reliability", "coverage_curve", "per_class"}
    )
    return {**whole, "recall": {name: entry.recall for name, entry in scores.per_class.items()}}
