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
from ecosorter.datasets.sampling import source_balanced
from ecosorter.progress import Advance, Progress
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.backbones.imagenet_scores import imagenet_scores
from ecosorter.training.fit.finetune import FINISHED, finetune
from ecosorter.training.fit.linear_probe import fit_head
from ecosorter.training.fit.network import WasteNet, feature_width
from ecosorter.training.fit.pixels import Photos, store_photos
from ecosorter.training.fit.predict import predict, whole_features
from ecosorter.training.fit.processes import is_first, once
from ecosorter.training.network_recipe import NetworkRecipe

_SEEN = "seen.npz"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos, and what is known of them before a network is trained.

    Attributes:
        paths: of all photos.
        photos: the same to learn from.
        labels: class indices ``[n]``.
        sources: names ``[n]``.
        classes: names.
        pretrained: float32 ``[n, d]``, the features that the pretrained network sees in each whole photo.
    """

    paths: Sequence[Path]
    photos: Photos
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    classes: tuple[str, ...]
    pretrained: NDArray[np.float32]

    def paths_of(self, rows: NDArray[np.int64]) -> list[Path]:
        """Return the paths of some photos."""
        return [self.paths[row] for row in rows]


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
        RecipeError: the recipe asks for ImageNet's scores, and it has no things of a class.
        BackboneError: the network cannot be trained, or has no such scores.
    """
    network = pretrained(photos.classes, recipe)  # before hours of work, to learn whether it can be had
    first = is_first(recipe.trainer)
    paths = [row.path for row in photos.rows]
    on_board = np.array([row.source in recipe.on_board for row in photos.rows])
    with progress.stage("decode", len(paths)) as advance:
        stored = store_photos(paths, on_board, recipe.preprocess, folder, advance, first=first)
    seen = folder / "pretrained.npy"
    with progress.stage("features", len(paths)) as advance:
        once(seen, lambda part: np.save(part, whole_features(network, paths, recipe.preprocess, advance)), first=first)
    sources = np.array([row.source for row in photos.rows])
    return Labelled(paths, stored, photos.labels, sources, photos.classes, np.load(seen))


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
        losses = _train_on(network, labelled, rows, recipe, folder, advance)
    (folder / "losses.json").write_text(json.dumps([round(loss, 4) for loss in losses]), encoding="utf-8")

    def seen() -> NDArray[np.float32]:
        return whole_features(network, labelled.paths_of(rows), recipe.preprocess, lambda _: None)

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
            _train_on(network, labelled, rows, recipe, folder, lambda _: None)


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
        paths = labelled.paths_of(rows)
        with progress.stage(f"predict {folder.name}", 2 * len(paths)) as advance:
            logits, frozen = (predict(net, paths, recipe.preprocess, advance).logits for net in (network, before))
        np.savez(part, seen_logits=logits, frozen_logits=frozen)

    once(kept, see)
    with np.load(kept) as stored:
        return HeldOut(rows, stored["seen_logits"], stored["frozen_logits"])


def pretrained(classes: Sequence[str], recipe: NetworkRecipe) -> WasteNet:
    """Return the pretrained network, its head not fitted to anything.

    Args:
        classes: names.
        recipe: the network, and whether it scores classes by those of ImageNet.

    Raises:
        RecipeError: the recipe asks for ImageNet's scores, and it has no things of a class.
        BackboneError: the network cannot be found or trained, or has no such scores.
    """
    backbone = find_backbone(recipe.backbone)
    body = backbone.body()
    scores = imagenet_scores(backbone, classes) if recipe.imagenet_scores else None
    return WasteNet(body, feature_width(body, recipe.preprocess.size), len(classes), 0.2, scores)


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
        fit_head(
            network,
            seen(),
            labelled.labels[rows],
            labelled.sources[rows],
            strength=recipe.finetune.head_strength,
            source_power=recipe.finetune.source_power,
        )
        torch.save(network.head.state_dict(), part)

    once(kept, fitted, first=is_first(recipe.trainer))
    network.head.load_state_dict(torch.load(kept, weights_only=True))
    return network


def _train_on(
    network: WasteNet,
    labelled: Labelled,
    rows: NDArray[np.int64],
    recipe: NetworkRecipe,
    folder: Path,
    advance: Advance,
) -> list[float]:
    """Fine-tune a network on some of the photos, in place; return the loss of each step."""
    weights = source_balanced(labelled.labels[rows], labelled.sources[rows], recipe.finetune.source_power)
    return finetune(
        network,
        labelled.photos.take(rows),
        labelled.labels[rows],
        weights,
        recipe=recipe.finetune,
        rule=recipe.augment,
        spec=recipe.preprocess,
        trainer=recipe.trainer,
        seed=recipe.seed,
        folder=folder,
        advance=advance,
        scores=labelled.pretrained[rows, -len(labelled.classes) :] if recipe.imagenet_scores else None,
    )
