"""The logistic head on what a body sees: fitted to all photos at once, with sources and classes balanced."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecosorter.datasets.sampling import source_balanced
from ecosorter.training.fit.network import WasteNet


def fit_head(
    network: WasteNet,
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    sources: NDArray[np.str_],
    *,
    strength: float,
    source_power: float,
) -> None:
    """Fit a network's head to its body as it is, in place.

    Before training: a head that starts at random would tear the body apart (Kumar et al. 2022,
    https://arxiv.org/abs/2202.10054). After it: a head held as firmly as this one does better on unknown sources than
    the one that was trained along.

    Args:
        network: its head is replaced.
        features: ``[n, d]``, what it sees in the photos to fit the head to.
        labels: class indices ``[n]``, of at least two classes.
        sources: names ``[n]``.
        strength: inverse of the regularisation (scikit-learn's C).
        source_power: how sources are weighed (`source_balanced`).
    """
    weight, bias = fit_linear(
        features,
        labels,
        sources,
        network.head.out_features,
        strength=strength,
        source_power=source_power,
        imagenet_scores=network.imagenet_scores is not None,
    )
    network.head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})


def fit_linear(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    sources: NDArray[np.str_],
    classes: int,
    *,
    strength: float,
    source_power: float,
    imagenet_scores: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit one linear layer to features: logistic regression, in which classes weigh the same.

    ImageNet's scores are logits already. They are added to those of the regression, which knows nothing of them, less
    their means over these photos: two experts multiply what they think (Hinton 1999, "Products of experts"). Fitted
    together with the other features they would drown.

    Args:
        features: ``[n, d]``, with `imagenet_scores` those of the classes last.
        labels: ``[n]``, of at least two classes.
        sources: ``[n]``.
        classes: number of outputs; those without photos are never the answer.
        strength: inverse of the regularisation (scikit-learn's C).
        source_power: how sources are weighed (`source_balanced`).
        imagenet_scores: whether there are such scores.

    Returns:
        Weight ``[classes, d]`` and bias ``[classes]``.
    """
    weights = source_balanced(labels, sources, source_power) * len(labels)
    own = features[:, :-classes] if imagenet_scores else features
    weight, bias = _regression(own, labels, weights, classes, strength)
    if not imagenet_scores:
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
