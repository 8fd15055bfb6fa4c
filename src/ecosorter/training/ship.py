"""Trains the networks of a `NetworkRecipe`: one for each group of sources that is left out, and one on everything.

What the networks say of the photos that they never saw decides temperature, thresholds and every figure; the one
that learned from all photos is the one that is exported.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecosorter.training.edgetpu import FEATURES, load_edgetpu
from ecosorter.training.heldout import Labelled, check_groups, fit_head, look, train_on
from ecosorter.training.network import WasteNet
from ecosorter.training.network_recipe import NetworkRecipe
from ecosorter.training.photoset import PhotoSet
from ecosorter.training.pixels import store_photos
from ecosorter.training.progress import Progress


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is said of each photo by the network that never saw its source.

    Attributes:
        rows: numbers of the photos ``[n]``.
        logits: float32 ``[n, views, classes]``, in the order of `rows`.
        frozen: the same of the pretrained network with nothing but a fitted head.
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    frozen: NDArray[np.float32]


def prepare(photos: PhotoSet, recipe: NetworkRecipe, folder: Path, progress: Progress) -> Labelled:
    """Decode the photos of a run once.

    Args:
        photos: usable photos of several sources.
        recipe: says which sources lie on a board.
        folder: of the decoded photos.
        progress: is told of each photo.
    """
    paths = [row.path for row in photos.rows]
    labels = np.array([photos.classes.index(row.label) for row in photos.rows], np.int64)
    on_board = np.array([row.source in recipe.on_board for row in photos.rows])
    with progress.stage("decode", len(paths)) as advance:
        stored = store_photos(paths, on_board, folder, advance)
    return Labelled(stored, labels, np.array([row.source for row in photos.rows]), photos.classes)


def train_network(
    labelled: Labelled, rows: NDArray[np.int64], recipe: NetworkRecipe, backbone: Path, folder: Path, progress: Progress
) -> tuple[WasteNet, WasteNet]:
    """Train one network on some of the photos; go on where an earlier call was cut off.

    Args:
        labelled: all photos.
        rows: those to learn from.
        recipe: every choice.
        backbone: the pretrained weights.
        folder: of this network's checkpoints and log.
        progress: is told of each photo.

    Returns:
        The network, and what it was before: the pretrained body with a fitted head.
    """
    torch.manual_seed(recipe.seed)
    before, network = (
        _with_head(_pretrained(labelled, backbone), labelled, rows, recipe, folder / "first-head.pt") for _ in range(2)
    )
    with progress.stage(f"train {folder.name}", round(recipe.finetune.epochs * len(rows))) as advance:
        losses = train_on(network, labelled, rows, recipe, folder, advance)
    (folder / "losses.json").write_text(json.dumps([round(loss, 4) for loss in losses]), encoding="utf-8")
    return _with_head(network, labelled, rows, recipe, folder / "last-head.pt"), before


def hold_out_each(
    photos: PhotoSet, labelled: Labelled, recipe: NetworkRecipe, backbone: Path, folder: Path, progress: Progress
) -> HeldOut:
    """Leave out each group of sources once and look at its photos with the network that was trained without them.

    Args:
        photos: knows which photos are copies of one another.
        labelled: all photos.
        recipe: its `hold_out` names every source once.
        backbone: the pretrained weights.
        folder: of the networks, one each.
        progress: is told of each photo.

    Raises:
        DatasetError: the groups do not name every source once.
    """
    check_groups(recipe.hold_out, labelled.sources.tolist())
    found = [
        hold_out(photos, labelled, group, recipe, backbone, folder / group[0], progress) for group in recipe.hold_out
    ]
    return HeldOut(
        np.concatenate([each.rows for each in found]),
        np.concatenate([each.logits for each in found]),
        np.concatenate([each.frozen for each in found]),
    )


def hold_out(
    photos: PhotoSet,
    labelled: Labelled,
    group: Sequence[str],
    recipe: NetworkRecipe,
    backbone: Path,
    folder: Path,
    progress: Progress,
) -> HeldOut:
    """Leave out one group of sources; what was seen is kept in `folder`."""
    kept = folder / "seen.npz"
    others, away = photos.hold_out(group)
    rows = np.sort(np.concatenate(list(away.values())))
    if not kept.is_file():
        network, before = train_network(labelled, others, recipe, backbone, folder, progress)
        spec = recipe.preprocess
        logits, frozen = (
            look(net, labelled.photos.pixels[rows], spec.size, spec.zooms).logits for net in (network, before)
        )
        np.savez(kept, seen_logits=logits, frozen_logits=frozen)
    with np.load(kept) as stored:
        return HeldOut(rows, stored["seen_logits"], stored["frozen_logits"])


def _pretrained(labelled: Labelled, backbone: Path) -> WasteNet:
    return WasteNet(load_edgetpu(backbone), FEATURES, len(labelled.classes), dropout=0.2)


def _with_head(
    network: WasteNet, labelled: Labelled, rows: NDArray[np.int64], recipe: NetworkRecipe, kept: Path
) -> WasteNet:
    """Return the network with a head fitted to it; the head is kept in a file."""
    if kept.is_file():
        network.head.load_state_dict(torch.load(kept, weights_only=True))
        return network
    fit_head(network, labelled, rows, recipe)
    kept.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.head.state_dict(), kept)
    return network
