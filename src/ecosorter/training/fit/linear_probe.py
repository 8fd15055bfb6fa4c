"""What a recipe gives on photos of sources that training never saw: each source is left out once.

Sources of one group are left out together, which is harder than leaving out one at a time: a network is then trained
on fewer sources. It is also what makes the rule affordable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from ecosorter.datasets.sampling import source_balanced
from ecosorter.progress import Advance
from ecosorter.training.fit.finetune import finetune
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.pixels import Photos
from ecosorter.training.network_recipe import NetworkRecipe

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos, and what is known of them before a network is trained.

    Attributes:
        photos: all of them.
        labels: class indices ``[n]``.
        sources: names ``[n]``.
        classes: names.
        pretrained: float32 ``[n, d]``, the features that the pretrained network sees in each whole photo.
    """

    photos: Photos
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    classes: tuple[str, ...]
    pretrained: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network sees in photos: logits float32 ``[n, views, classes]``, features ``[n, views, d]``."""

    logits: NDArray[np.float32]
    features: NDArray[np.float32]


@torch.no_grad()
def look(network: WasteNet, pixels: NDArray[np.uint8], size: int, zooms: Sequence[float]) -> Seen:
    """Run a network over photos, every view of each.

    Args:
        network: trained.
        pixels: RGB uint8 ``[n, h, w, 3]``; may lie on disk.
        size: of the network's input.
        zooms: the views, as in `PreprocessSpec`.
    """
    network.eval()
    features = np.empty((len(pixels), len(zooms), network.head.in_features), np.float32)
    side = pixels.shape[1]
    for start in range(0, len(pixels), _BATCH):
        whole = torch.from_numpy(np.array(pixels[start : start + _BATCH])).permute(0, 3, 1, 2).float()
        for view, zoom in enumerate(zooms):
            cut = round(side * (1 - zoom) / 2)
            images = functional.interpolate(
                whole[:, :, cut : side - cut, cut : side - cut], (size, size), mode="bilinear", antialias=True
            )
            images = (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                features[start : start + _BATCH, view] = network.pooled(images).numpy()
    logits: NDArray[np.float32] = network.head(torch.from_numpy(features)).numpy()
    return Seen(logits, features)


def whole_features(network: WasteNet, pixels: NDArray[np.uint8], recipe: NetworkRecipe) -> NDArray[np.float32]:
    """Return what a network sees in whole photos ``[n, h, w, 3]``, not in their other views: float32 ``[n, d]``."""
    return look(network, pixels, recipe.preprocess.size, (1.0,)).features[:, 0]


def fit_head(
    network: WasteNet,
    features: NDArray[np.float32],
    labelled: Labelled,
    rows: NDArray[np.int64],
    recipe: NetworkRecipe,
) -> None:
    """Fit a network's head to its body as it is, in place.

    Before training: a head that starts at random would tear the body apart (Kumar et al. 2022,
    https://arxiv.org/abs/2202.10054). After it: a head held as firmly as this one does better on unknown sources than
    the one that was trained along.

    Args:
        network: its head is replaced.
        features: ``[n, d]``, what it sees in the photos to fit the head to.
        labelled: all photos.
        rows: ``[n]``, those to fit the head to.
        recipe: how sources are weighed, and how firmly the head is held.
    """
    weight, bias = fit_linear(features, labelled.labels[rows], labelled.sources[rows], len(labelled.classes), recipe)
    network.head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})


def fit_linear(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    sources: NDArray[np.str_],
    classes: int,
    recipe: NetworkRecipe,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit one linear layer to features: logistic regression, in which classes weigh the same.

    Scores of names are logits already. They are added to those of the regression, which knows nothing of them, less
    their means over these photos: two experts multiply what they think (Hinton 1999, "Products of experts"). Fitted
    together with the other features they would drown.

    Args:
        features: ``[n, d]``, with ``recipe.names`` the scores of the classes last.
        labels: ``[n]``, of at least two classes.
        sources: ``[n]``.
        classes: number of outputs; those without photos are never the answer.
        recipe: whether there are scores, how sources are weighed, and how firmly the layer is held.

    Returns:
        Weight ``[classes, d]`` and bias ``[classes]``.
    """
    weights = source_balanced(labels, sources, recipe.finetune.source_power) * len(labels)
    own = features[:, :-classes] if recipe.names else features
    weight, bias = _regression(own, labels, weights, classes, recipe.finetune.head_strength)
    if not recipe.names:
        return weight, bias
    seen = np.isin(np.arange(classes), labels)
    bias -= np.where(seen, np.average(features[:, -classes:], axis=0, weights=weights), 0)
    return np.hstack([weight, np.diag(seen).astype(np.float32)]), bias.astype(np.float32)


def _regression(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    classes: int,
    strength: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300)).fit(
        features, labels, logisticregression__sample_weight=weights
    )
    scaler, regression = fitted[0], fitted[1]
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # scikit-learn then keeps one row, for the second class against the first
        coefficients, intercepts = np.vstack([0 * coefficients, coefficients]), np.append(0.0, intercepts)
    weight = np.zeros((classes, features.shape[1]))
    bias = np.full(classes, -100.0)  # a class without photos is never the answer
    weight[regression.classes_] = coefficients / scaler.scale_
    bias[regression.classes_] = intercepts - (coefficients / scaler.scale_) @ scaler.mean_
    return weight.astype(np.float32), bias.astype(np.float32)


def train_on(
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
        trainer=recipe.trainer,
        seed=recipe.seed,
        folder=folder,
        advance=advance,
        scores=labelled.pretrained[rows, -len(labelled.classes) :] if recipe.names else None,
    )
