"""The logistic head, ImageNet's scores beside it, and the groups that are left out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ecosorter.errors import DatasetError
from ecosorter.evaluation.metrics import macro_recall
from ecosorter.evaluation.protocols import check_groups
from ecosorter.training.fit.linear_probe import fit_head, fit_linear
from ecosorter.training.network_recipe import load_network_recipe
from tests.training.networks import small_wastenet

HELD = {"strength": 10.0, "source_power": 0.5}


def test_the_head_tells_the_classes_that_it_was_shown() -> None:
    random = np.random.default_rng(0)
    labels = 2 * (np.arange(40) % 2)  # the class in the middle has no photos
    features = random.normal(size=(40, 12)).astype(np.float32)
    features[labels == 0, 0] += 6
    network = small_wastenet()
    fit_head(network, features, labels, np.array(["a", "b"] * 20), **HELD)
    with torch.inference_mode():
        assert (network.head(torch.from_numpy(features)).argmax(1).numpy() == labels).all()


def test_imagenets_scores_are_added_less_their_means() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    own = random.normal(size=(60, 4))
    own[:, 0] += 0.5 * labels
    scores = np.stack([random.normal(8, 1, 60), random.normal(2, 1, 60), np.full(60, 30.0)], axis=1)
    features = np.hstack([own, scores]).astype(np.float32)
    sources = np.array(["a"] * 60)
    weight, bias = fit_linear(features[:, :4], labels, sources, 3, **HELD, imagenet_scores=False)
    both = fit_linear(features, labels, sources, 3, **HELD, imagenet_scores=True)
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
