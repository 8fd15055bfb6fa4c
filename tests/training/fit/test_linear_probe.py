"""What a network sees in photos, its first head, and the groups that are left out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ecosorter.errors import DatasetError
from ecosorter.evaluation.metrics import macro_recall
from ecosorter.evaluation.protocols import check_groups
from ecosorter.training.fit.linear_probe import Labelled, fit_head, fit_linear, look, whole_features
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.pixels import Photos
from ecosorter.training.network_recipe import NetworkRecipe, load_network_recipe


def network() -> WasteNet:
    """A body that gives each channel's mean, pixel by pixel."""
    body = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        body.weight.copy_(torch.eye(3)[:, :, None, None])
        assert body.bias is not None
        body.bias.zero_()
    return WasteNet(body, 3, 2)


def recipe() -> NetworkRecipe:
    return load_network_recipe(
        "ecosorter", overrides={"names": False, "preprocess.size": 32, "finetune.head_strength": 10}
    )


def labelled(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> Labelled:
    nothing = Photos(pixels, np.full(len(pixels), -1), np.empty((0, 1, 1, 4), np.uint8))
    sources = np.array(["a", "b"] * (len(pixels) // 2))
    return Labelled(nothing, labels, sources, ("kaca", "kertas", "logam"), np.empty((len(pixels), 0), np.float32))


def test_views_are_the_middle_of_the_photo() -> None:
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    pixels[:, 16:48, 16:48] = 255
    seen = look(network(), pixels, 32, (1.0, 0.5))
    assert seen.features.shape == (2, 2, 3)
    assert seen.logits.shape == (2, 2, 2)
    assert seen.features[0, 0] == pytest.approx([-0.5] * 3, abs=0.05)  # a quarter is white
    assert seen.features[0, 1] == pytest.approx([1] * 3, abs=0.05)


def test_the_head_tells_the_classes_that_it_was_shown() -> None:
    random = np.random.default_rng(0)
    labels = 2 * (np.arange(40) % 2)  # the class in the middle has no photos
    pixels = random.integers(0, 40, (40, 64, 64, 3))
    pixels[labels == 0, :, :, 0] += 200
    net = WasteNet(network().body, 3, 3)
    features = whole_features(net, pixels.astype(np.uint8), recipe())
    fit_head(net, features, labelled(pixels.astype(np.uint8), labels), np.arange(40), recipe())
    seen = look(net, pixels.astype(np.uint8), 32, (1.0,))
    assert (seen.logits[:, 0].argmax(axis=1) == labels).all()


def test_scores_of_names_are_added_less_their_means() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    own = random.normal(size=(60, 4))
    own[:, 0] += 0.5 * labels
    scores = np.stack([random.normal(8, 1, 60), random.normal(2, 1, 60), np.full(60, 30.0)], axis=1)
    features = np.hstack([own, scores]).astype(np.float32)
    sources = np.array(["a"] * 60)
    plain = load_network_recipe("ecosorter", overrides={"names": False})
    weight, bias = fit_linear(features[:, :4], labels, sources, 3, plain)
    both = fit_linear(features, labels, sources, 3, load_network_recipe("ecosorter", overrides={"names": True}))
    found = features @ both[0].T + both[1]
    assert (found.argmax(axis=1) < 2).all()  # the third class has no photos, however high its score
    wanted = features[:, :4] @ weight.T + bias + scores - scores.mean(axis=0)
    np.testing.assert_allclose(found[:, :2], wanted[:, :2], atol=1e-4)


@pytest.mark.parametrize(
    ("groups", "match"),
    [((("a",),), "b"), ((("a", "b"), ("c",)), "c"), ((("a", "b"), ("b",)), "b")],
    ids=["missing", "unknown", "twice"],
)
def test_groups_hold_every_source_once(groups: tuple[tuple[str, ...], ...], match: str) -> None:
    check_groups((("b",), ("a",)), ["a", "b", "a"])
    with pytest.raises(DatasetError, match=match):
        check_groups(groups, ["a", "b", "a"])


def test_macro_recall_counts_only_classes_that_are_there() -> None:
    assert macro_recall(np.array([0, 0, 1, 2]), np.array([0, 0, 0, 2])) == pytest.approx((2 / 3 + 1) / 2)


def test_the_groups_of_the_recipe_are_the_shared_sources(shared: Path) -> None:
    check_groups(load_network_recipe("ecosorter").hold_out, [path.name for path in (shared / "photos").glob("*/")])
