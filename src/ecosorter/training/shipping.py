"""A whole run of a `NetworkRecipe`, from folders of photos to a bundle that is ready to ship.

::

    folders -> facts and groups -> decoded photos, cut-out objects -> a network for each group left out, one on all
            -> figures on what was left out -> int8 and signals of no waste (eight_bits.py), bank -> bundle
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from ecosorter.bundle import INFO, Bundle, BundleInfo, DataSource, read_bundle, write_bundle
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import read_dataset
from ecosorter.datasets.photoset import PhotoSet, usable_photos
from ecosorter.datasets.sources import known_sources
from ecosorter.decision import softmax
from ecosorter.evaluation.out_of_fold import HeldOutFigures, calibrated, measure
from ecosorter.evaluation.protocols import check_groups
from ecosorter.preprocess import load_pixels
from ecosorter.progress import Progress, Silent
from ecosorter.teaching.bank import make_bank
from ecosorter.training.export.export import check_parity, made_with
from ecosorter.training.export.int8 import to_eight_bits
from ecosorter.training.export.network import float_graph
from ecosorter.training.features import normalised
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.processes import is_first, wait_for
from ecosorter.training.network_recipe import NetworkRecipe
from ecosorter.training.runfolder import RunFolder
from ecosorter.training.ship import HeldOut, help_to_train, hold_out, prepare, together, train_network

_PROVED = 128  # photos on which ONNX and torch must agree
_BUNDLE_BYTES, _TEXT_BYTES = 5_000_000, 50_000  # of a bundle in all, and of its card and description


def ship(paths: Sequence[Path], out: Path, recipe: NetworkRecipe, cache: Cache, progress: Progress) -> Bundle:
    """Train, measure and export a network; go on where an earlier run into the same folder was cut off.

    Of several processes that train together, each calls this and gets the same; the first does all but the training.

    Args:
        paths: folders and manifests (dataset.py), of several sources.
        out: folder of the run; the bundle is `out`/bundle.
        recipe: every choice. Without `hold_out`, each source is left out by itself.
        cache: of photo facts.
        progress: is told how far the work is.

    Raises:
        EcoSorterError: a data set, backbone, recipe or folder that cannot be used, or an export that is refused.
    """
    first = is_first(recipe.trainer)
    progress = progress if first else Silent()
    photos = usable_photos(read_dataset(paths), cache, progress)
    alone = tuple((entry.name,) for entry in photos.sources)
    recipe = recipe.model_copy(update={"hold_out": recipe.hold_out or alone})
    check_groups(recipe.hold_out, [row.source for row in photos.rows])
    plain = recipe.model_dump(mode="json")
    folder = RunFolder(out)
    sources = {entry.name: entry.fingerprint for entry in photos.sources}
    created = folder.claim({"recipe": plain, "sources": sources}, first=first)
    spec, seed = recipe.preprocess, recipe.seed

    labelled = prepare(photos, recipe, out / "photos", progress)
    parts = {out / "held-out" / group[0]: photos.hold_out(group) for group in recipe.hold_out}
    last, everything = out / "all", np.arange(len(labelled.labels))
    if not first:
        help_to_train(labelled, {**{part: others for part, (others, _) in parts.items()}, last: everything}, recipe)
        wait_for(folder.bundle / INFO)
        return read_bundle(folder.bundle)
    held = together(
        [
            hold_out(labelled, others, np.sort(np.concatenate(list(away.values()))), recipe, part, progress)
            for part, (others, away) in parts.items()
        ]
    )
    network, _ = train_network(labelled, everything, recipe, last, progress)

    logits, labels = held.logits.mean(axis=1), labelled.labels[held.rows]
    figures = _figures(photos, held, labels, recipe)
    temperature, thresholds = calibrated(logits, labels, recipe.decide)
    full = float_graph(network, spec)
    proved = [photos.rows[row].path for row in np.random.default_rng(seed).permutation(everything)[:_PROVED]]
    parity = check_parity(full, spec, proved, _trained(network, proved, recipe, temperature), temperature)
    shipped = to_eight_bits(full, photos, spec, temperature, thresholds, seed, progress)
    known = known_sources()
    info = BundleInfo(
        format=1,
        name=recipe.name,
        version=f"{created[:10]}-{hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]}",
        created=created,
        classes=photos.classes,
        preprocess=spec,
        temperature=temperature,
        thresholds=shipped.thresholds,
        metrics={
            "held_out": figures.model_dump(mode="json"),
            "no_waste": shipped.no_waste,
            "eight_bits": shipped.compared,
            "onnx_parity": {"photos": parity.photos, "difference": parity.difference},
        },
        data=[
            DataSource(
                name=entry.name,
                photos=sum(entry.photos.values()),
                fingerprint=entry.fingerprint,
                licence=known[entry.name].licence if entry.name in known else None,
            )
            for entry in photos.sources
        ],
        recipe=plain,
        made_with=made_with(),
    )
    room = _BUNDLE_BYTES - _TEXT_BYTES - len(shipped.model)
    bank = make_bank(shipped.features, labelled.labels, labelled.sources.tolist(), photos.classes, room, seed=seed)
    return write_bundle(folder.bundle, shipped.model, info, _card(info, figures, photos), bank=bank, replace=True)


def _figures(photos: PhotoSet, held: HeldOut, labels: NDArray[np.int64], recipe: NetworkRecipe) -> HeldOutFigures:
    return measure(
        held.logits.mean(axis=1),
        held.frozen.mean(axis=1),
        labels,
        np.array([photos.rows[row].source for row in held.rows]),
        recipe.hold_out,
        photos.classes,
        recipe.decide,
        photos.groups[held.rows].tolist(),
    )


def _trained(
    network: WasteNet, files: Sequence[Path], recipe: NetworkRecipe, temperature: float
) -> NDArray[np.float64]:
    """Return what the network itself says of some photos, in float32: probabilities ``[n, classes]``."""
    pixels = np.stack([load_pixels(file, recipe.preprocess) for file in files])
    with torch.inference_mode():
        return softmax(network(normalised(torch.from_numpy(pixels), recipe.preprocess)).numpy(), temperature)


def _card(info: BundleInfo, figures: HeldOutFigures, photos: PhotoSet) -> str:
    environment = Environment(
        loader=PackageLoader("ecosorter.training.export"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown, not HTML
    )
    return environment.get_template("network_card.md.j2").render(
        info=info, figures=figures, sources=photos.sources, known=known_sources()
    )
