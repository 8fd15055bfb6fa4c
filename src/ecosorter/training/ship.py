"""Trains the networks of a `NetworkRecipe`: one for each part of the photos that is left out, and one on everything.

What the networks say of the photos that they never saw decides temperature, thresholds and every figure; the one
that learned from all photos is the one that is exported.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecosorter.datasets.photoset import PhotoSet
from ecosorter.progress import Progress
from ecosorter.training.backbones.edgetpu import FEATURES, load_edgetpu
from ecosorter.training.backbones.imagenet_scores import pretrained_names
from ecosorter.training.fit.finetune import FINISHED
from ecosorter.training.fit.linear_probe import Labelled, fit_head, look, train_on, whole_features
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.pixels import store_photos
from ecosorter.training.fit.processes import is_first, once
from ecosorter.training.network_recipe import NetworkRecipe

_SEEN = "seen.npz"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is said of each photo by the network that was trained without it.

    Attributes:
        rows: numbers of the photos ``[n]``.
        logits: float32 ``[n, views, classes]``, in the order of `rows`.
        frozen: the same of the pretrained network with nothing but a fitted head.
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    frozen: NDArray[np.float32]


def prepare(photos: PhotoSet, recipe: NetworkRecipe, folder: Path, progress: Progress) -> Labelled:
    """Decode the photos of a run once, and look at them once with the pretrained network.

    Args:
        photos: usable photos of several sources.
        recipe: says which sources lie on a board, and which network is pretrained.
        folder: of the decoded photos, and of what is seen in them.
        progress: is told of each photo.

    Raises:
        RecipeError: the recipe asks for names, and a class has none.
    """
    network = pretrained(photos.classes, recipe)  # before hours of work, to learn whether it can be had
    first = is_first(recipe.trainer)
    paths = [row.path for row in photos.rows]
    on_board = np.array([row.source in recipe.on_board for row in photos.rows])
    with progress.stage("decode", len(paths)) as advance:
        stored = store_photos(paths, on_board, folder, advance, first=first)
    seen = folder / "pretrained.npy"
    once(seen, lambda part: np.save(part, whole_features(network, stored.pixels, recipe)), first=first)
    sources = np.array([row.source for row in photos.rows])
    return Labelled(stored, photos.labels, sources, photos.classes, np.load(seen))


def train_network(
    labelled: Labelled, rows: NDArray[np.int64], recipe: NetworkRecipe, folder: Path, progress: Progress
) -> tuple[WasteNet, WasteNet]:
    """Train one network on some of the photos; go on where an earlier call was cut off.

    Args:
        labelled: all photos.
        rows: those to learn from.
        recipe: every choice.
        folder: of this network's checkpoints and log.
        progress: is told of each photo.

    Returns:
        The network, and what it was before: the pretrained body with a fitted head.
    """
    torch.manual_seed(recipe.seed)
    before, network = (_with_first_head(labelled, rows, recipe, folder) for _ in range(2))
    with progress.stage(f"train {folder.name}", round(recipe.finetune.epochs * len(rows))) as advance:
        losses = train_on(network, labelled, rows, recipe, folder, advance)
    (folder / "losses.json").write_text(json.dumps([round(loss, 4) for loss in losses]), encoding="utf-8")

    def seen() -> NDArray[np.float32]:
        return whole_features(network, labelled.photos.pixels[rows], recipe)

    return _with_head(network, seen, labelled, rows, recipe, folder / "last-head.pt"), before


def help_to_train(labelled: Labelled, parts: Mapping[Path, NDArray[np.int64]], recipe: NetworkRecipe) -> None:
    """Take part in training networks, as another process than the first, which does all else.

    Args:
        labelled: all photos.
        parts: the photos that each network learns from, by the network's folder, in the first process's order.
        recipe: every choice.

    Raises:
        RunError: the first process has ended.
    """
    for folder, rows in parts.items():
        if not any((folder / name).is_file() for name in (FINISHED, _SEEN)):
            torch.manual_seed(recipe.seed)
            network = _with_first_head(labelled, rows, recipe, folder)
            train_on(network, labelled, rows, recipe, folder, lambda _: None)


def together(parts: Sequence[HeldOut]) -> HeldOut:
    """Return what is said of several parts of the photos, one after the other."""
    return HeldOut(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.frozen for part in parts]),
    )


def hold_out(
    labelled: Labelled,
    others: NDArray[np.int64],
    rows: NDArray[np.int64],
    recipe: NetworkRecipe,
    folder: Path,
    progress: Progress,
) -> HeldOut:
    """Train on some photos and look at others; what was seen is kept in `folder` and not looked for again.

    Args:
        labelled: all photos.
        others: those to learn from.
        rows: those to look at.
        recipe: every choice.
        folder: of this network.
        progress: is told of each photo.
    """
    kept = folder / _SEEN

    def see(part: Path) -> None:
        network, before = train_network(labelled, others, recipe, folder, progress)
        spec = recipe.preprocess
        logits, frozen = (
            look(net, labelled.photos.pixels[rows], spec.size, spec.zooms).logits for net in (network, before)
        )
        np.savez(part, seen_logits=logits, frozen_logits=frozen)

    once(kept, see)
    with np.load(kept) as stored:
        return HeldOut(rows, stored["seen_logits"], stored["frozen_logits"])


def pretrained(classes: Sequence[str], recipe: NetworkRecipe) -> WasteNet:
    """Return the pretrained network, its head not fitted to anything.

    Args:
        classes: names.
        recipe: the file, and whether the network has names.

    Raises:
        RecipeError: the recipe asks for names, and a class has none.
        BackboneError: the file cannot be used.
    """
    file = Path(recipe.backbone)
    names = pretrained_names(file, classes) if recipe.names else None
    return WasteNet(load_edgetpu(file), FEATURES, len(classes), dropout=0.2, names=names)


def _with_first_head(labelled: Labelled, rows: NDArray[np.int64], recipe: NetworkRecipe, folder: Path) -> WasteNet:
    network = pretrained(labelled.classes, recipe)
    return _with_head(network, lambda: labelled.pretrained[rows], labelled, rows, recipe, folder / "first-head.pt")


def _with_head(
    network: WasteNet,
    seen: Callable[[], NDArray[np.float32]],
    labelled: Labelled,
    rows: NDArray[np.int64],
    recipe: NetworkRecipe,
    kept: Path,
) -> WasteNet:
    """Return the network with a head fitted to what it sees in these rows; the head is kept in a file."""

    def fitted(part: Path) -> None:
        fit_head(network, seen(), labelled, rows, recipe)
        torch.save(network.head.state_dict(), part)

    once(kept, fitted, first=is_first(recipe.trainer))
    network.head.load_state_dict(torch.load(kept, weights_only=True))
    return network
