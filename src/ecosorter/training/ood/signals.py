"""Signals for "this photo shows no waste", beside the probabilities, which are sure of cats and screenshots too.

Three numbers that fall when there is no waste, computed in the model's own graph, so that they travel with it:

- ``familiarity``: how much of what sets a photo's features apart from the mean lies in the main directions in which
  those of training photos differ (the principal space of ViM, Wang et al. 2022, https://arxiv.org/abs/2203.10807).
  Beside the linear score it refused 0.73 of pictures of kinds never seen, where the largest cosine with k-means
  prototypes (after Lee et al. 2018, https://arxiv.org/abs/1807.03888) refused 0.59, with 4 % of waste refused by both.
- ``waste``: a linear score of the features, fitted to tell training photos from pictures without waste (outlier
  exposure, Hendrycks et al. 2019, https://arxiv.org/abs/1812.04606, as a layer of its own).
- ``detail``: how much neighbouring pixels differ where they differ most; next to nothing in the dark, out of focus, or
  on a blank wall.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from ecosorter.datasets.sampling import source_balanced
from ecosorter.training.backbones.graphs import IR_VERSION, OPSET

NAMES = ("familiarity", "waste", "detail")
"""In the order of the output ``signals``."""

_PATCHES = 8  # along a side, for the detail
_LEVELS = 13  # of each threshold that `fit_least` tries
_CORNERS = ((0, 0), (0, 1), (1, 0))  # a pixel, its neighbour to the right, and the one below
_TINY = 1e-6  # the length below which a photo is just the mean

_Floats = NDArray[np.float32]
_Labels = NDArray[np.int64] | Sequence[str]
_Names = Sequence[str] | NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Signals:
    """What is fitted, all float32.

    Attributes:
        mean: of the features of training photos ``[d]``.
        directions: in which they differ most ``[k, d]``, orthonormal.
        weight: of the score `waste` ``[d]``.
        bias: of that score.
    """

    mean: _Floats
    directions: _Floats
    weight: _Floats
    bias: float

    def of_features(self, features: _Floats) -> _Floats:
        """Return familiarity, 0..1, and waste, any number, ``[n, 2]`` of features ``[n, d]``."""
        apart = features - self.mean
        explained = np.linalg.norm(apart @ self.directions.T, axis=1)
        familiarity = explained / np.maximum(np.linalg.norm(apart, axis=1), _TINY)
        return np.stack([familiarity, features @ self.weight + np.float32(self.bias)], axis=1)


def detail(pixels: NDArray[np.uint8]) -> _Floats:
    """Return the detail of photos ``[n, side, side, 3]``, as ``[n]``, 0..510.

    It is the mean difference between a pixel and its neighbours to the right and below, of green, which makes up most
    of brightness, in that of 8 x 8 patches which has the most of it.
    """
    green = pixels[..., 1].astype(np.float32)
    corner = green[:, :-1, :-1]
    change = abs(green[:, :-1, 1:] - corner) + abs(green[:, 1:, :-1] - corner)
    n, patch = len(pixels), _patch(pixels.shape[1])
    count = change.shape[1] // patch
    patches = change[:, : count * patch, : count * patch].reshape(n, count, patch, count, patch)
    most: _Floats = patches.mean(axis=(2, 4)).max(axis=(1, 2))
    return most


def fit_signals(
    features: _Floats, labels: _Labels, sources: _Names, negatives: _Floats, *, directions: int = 96
) -> Signals:
    """Fit the main directions and the linear score.

    Classes weigh the same, and in a class each source by the root of its number of photos: a large source neither
    drowns the others nor counts as one of them.

    Args:
        features: ``[n, d]`` of training photos.
        labels: ``[n]`` class of each.
        sources: ``[n]`` where each is from.
        negatives: ``[m, d]`` features of pictures without waste, with which to fit.
        directions: how many count as main, at most d / 2.
    """
    weights = source_balanced(labels, sources, 0.5)
    mean = weights @ features
    spans = np.linalg.eigh(np.cov((features - mean).T, aweights=weights)).eigenvectors  # the largest come last
    main = spans[:, -min(directions, features.shape[1] // 2) :].T

    both = np.concatenate([features, negatives])
    spread = features.std(axis=0) + 1e-3
    # Waste and no waste weigh the same, 10 in all; the strong penalty is since pictures without waste have few origins.
    sample_weight = 10 * np.concatenate([weights, np.full(len(negatives), 1 / len(negatives))])
    line = LogisticRegression(C=1e-3, max_iter=300)
    line.fit((both - mean) / spread, np.arange(len(both)) < len(features), sample_weight=sample_weight)
    weight = line.coef_[0] / spread
    return Signals(
        mean.astype(np.float32),
        np.ascontiguousarray(main, np.float32),
        weight.astype(np.float32),
        float(line.intercept_[0] - weight @ mean),
    )


def out_of_fold(
    features: _Floats,
    labels: _Labels,
    sources: _Names,
    negatives: _Floats,
    kinds: _Names,
    *,
    folds: int = 4,
    seed: int,
) -> tuple[_Floats, _Floats]:
    """Return familiarity and waste of photos and of pictures whose source or kind the signals were not fitted with.

    Args:
        features: ``[n, d]`` of training photos, with `labels` and `sources` as in `fit_signals`.
        labels: ``[n]``.
        sources: ``[n]``.
        negatives: ``[m, d]`` of pictures without waste.
        kinds: ``[m]`` what each shows.
        folds: into which the sources, and the kinds, are dealt, at least 2.
        seed: of the dealing.

    Returns:
        ``[n, 2]`` of the photos, ``[m, 2]`` of the pictures.
    """
    classes, names = np.asarray(labels), np.asarray(sources)
    fold, negative_fold = _deal(names, folds, seed), _deal(np.asarray(kinds), folds, seed)
    values = np.empty((len(features), 2), np.float32)
    negative_values = np.empty((len(negatives), 2), np.float32)
    for number in range(folds):
        rest, others = fold != number, negative_fold != number
        signals = fit_signals(features[rest], classes[rest], names[rest], negatives[others])
        values[~rest] = signals.of_features(features[~rest])
        negative_values[~others] = signals.of_features(negatives[~others])
    return values, negative_values


def fit_least(values: _Floats, sources: _Names, negatives: _Floats, *, share: float) -> tuple[float, ...]:
    """Return the least value of each signal at which most pictures without waste are refused, and few photos.

    A photo is refused when it has less of any signal; the share that may be is divided among the signals as serves
    best, by trying.

    Args:
        values: ``[n, k]`` signals of photos of waste, of sources that the signals were not fitted with.
        sources: ``[n]`` of each. The share is a mean over sources, since a new photo is of a new one.
        negatives: ``[m, k]`` signals of pictures without waste, of kinds that the signals were not fitted with.
        share: of the photos of waste that may be refused in all, 0..1.
    """
    _, source, counts = np.unique(np.asarray(sources), return_inverse=True, return_counts=True)
    weights = 1 / counts[source] / len(counts)
    levels = [_quantiles(column, weights, np.linspace(0, share, _LEVELS)) for column in values.T]
    best, least = -1.0, tuple(float(level[0]) for level in levels)
    for tried in itertools.product(*levels):
        if weights @ (values < tried).any(axis=1) > share:
            continue
        refused = float((negatives < tried).any(axis=1).mean())
        if refused > best:
            best, least = refused, tuple(float(value) for value in tried)
    return least


def signals_graph(signals: Signals, side: int) -> ModelProto:
    """Return the graph from `pixels` uint8 ``[n, side, side, 3]`` and `pooled` ``[n, d]`` to `signals` ``[n, 3]``."""
    constants: dict[str, NDArray[Any]] = {
        "mean": signals.mean,
        "directions": np.ascontiguousarray(signals.directions.T),
        "weight": signals.weight[:, None],
        "bias": np.array([signals.bias], np.float32),
        "tiny": np.array(_TINY, np.float32),
        "one": np.array([1], np.int64),
        "green_channel": np.array(1, np.int64),
        "sides": np.array([2, 3], np.int64),
        **{f"{row}{column}": np.array([row, column], np.int64) for row, column in _CORNERS},
        **{f"{row}{column}_end": np.array([row, column], np.int64) + side - 1 for row, column in _CORNERS},
    }
    node, patch = helper.make_node, [_patch(side)] * 2
    nodes = [
        node("Sub", ["pooled", "mean"], ["apart"]),
        node("MatMul", ["apart", "directions"], ["main"]),
        node("ReduceL2", ["main", "one"], ["explained"], keepdims=1),
        node("ReduceL2", ["apart", "one"], ["raw_length"], keepdims=1),
        node("Max", ["raw_length", "tiny"], ["length"]),
        node("Div", ["explained", "length"], ["familiarity"]),
        node("MatMul", ["pooled", "weight"], ["product"]),
        node("Add", ["product", "bias"], ["waste"]),
        node("Gather", ["pixels", "green_channel"], ["green_bytes"], axis=3),
        node("Cast", ["green_bytes"], ["green_plane"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["green_plane", "one"], ["green"]),
        *(node("Slice", ["green", place, f"{place}_end", "sides"], [f"green{place}"]) for place in ("00", "01", "10")),
        node("Sub", ["green01", "green00"], ["across"]),
        node("Sub", ["green10", "green00"], ["down"]),
        node("Abs", ["across"], ["across_size"]),
        node("Abs", ["down"], ["down_size"]),
        node("Add", ["across_size", "down_size"], ["change"]),
        node("AveragePool", ["change"], ["patches"], kernel_shape=patch, strides=patch),
        node("ReduceMax", ["patches", "sides"], ["detail"], keepdims=0),
        node("Concat", list(NAMES), ["signals"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "signals",
        [
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", side, side, 3]),
            helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", len(signals.weight)]),
        ],
        [helper.make_tensor_value_info("signals", TensorProto.FLOAT, ["n", len(NAMES)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _patch(side: int) -> int:
    """Return the side of a patch, in pixels."""
    return max(1, (side - 1) // _PATCHES)


def _deal(names: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row; rows of one name stay together, and folds get about as many rows."""
    different, place, counts = np.unique(names, return_inverse=True, return_counts=True)
    fold, rows = np.empty(len(different), np.int64), np.zeros(folds)
    shuffled = np.random.default_rng(seed).permutation(len(different))
    for name in shuffled[np.argsort(-counts[shuffled], kind="stable")]:  # the largest first
        fold[name] = rows.argmin()
        rows[fold[name]] += counts[name]
    return fold[place]


def _quantiles(values: _Floats, weights: NDArray[np.float64], shares: NDArray[np.float64]) -> _Floats:
    """Return for each share the largest value below which at most that share of the weight lies."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) - weights[order]
    return values[order[np.searchsorted(below, shares + 1e-12, side="right") - 1]]
