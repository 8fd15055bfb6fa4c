"""What a network says of photos: on the pixels of the bundle, in every view."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ecosorter.preprocess import PreprocessSpec, load_views
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.predict import predict, whole_features
from tests.training.networks import Pooled
from tests.training.pictures import photo

HALVES = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
STRETCH = PreprocessSpec(size=32, resize="stretch", zooms=(1.0, 0.5), **HALVES)


def channel_means() -> WasteNet:
    """A body that gives each channel's mean, pixel by pixel."""
    body = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        body.weight.copy_(torch.eye(3)[:, :, None, None])
        assert body.bias is not None
        body.bias.zero_()
    return WasteNet(Pooled(body), 3, 2)


def test_views_are_the_middle_of_the_photo(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[16:48, 16:48] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    told: list[int] = []
    said = predict(channel_means(), [tmp_path / "a.png"] * 70, STRETCH, told.append)
    assert said.features.shape == (70, 2, 3)
    assert said.logits.shape == (70, 2, 2)
    assert said.features[0, 0] == pytest.approx([-0.5] * 3, abs=0.05)  # a quarter is white
    assert said.features[0, 1] == pytest.approx([1] * 3, abs=0.05)
    assert sum(told) == 70
    np.testing.assert_array_equal(said.features, np.repeat(said.features[:1], 70, axis=0))


@pytest.mark.parametrize(
    "spec",
    [
        STRETCH,
        PreprocessSpec(size=32, resize="crop", shorter_side=48, zooms=(1.0, 0.8), **HALVES),
        PreprocessSpec(size=32, resize="stretch", grey=True, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
    ],
    ids=["stretch", "crop", "grey, another mean"],
)
def test_it_sees_the_pixels_of_the_bundle(spec: PreprocessSpec, tmp_path: Path) -> None:
    files = [photo(tmp_path / f"{seed}.jpg", seed) for seed in range(5)]
    said = predict(channel_means(), files, spec, lambda _: None)
    for features, file in zip(said.features, files, strict=True):
        values = load_views(file, spec) / 255
        if spec.grey:
            values = np.repeat((values @ [0.299, 0.587, 0.114])[..., None], 3, axis=3)
        wanted = ((values - spec.mean) / spec.std).mean(axis=(1, 2))
        np.testing.assert_allclose(features, wanted, atol=0.01)
    whole = whole_features(channel_means(), files, spec, lambda _: None)
    np.testing.assert_allclose(whole, said.features[:, 0], atol=0.01)
    other = spec.model_copy(update={"resize": "crop", "shorter_side": 90, "grey": not spec.grey})
    assert abs(predict(channel_means(), files, other, lambda _: None).features - said.features).max() > 0.02


def test_no_photos_are_no_answers() -> None:
    said = predict(channel_means(), [], STRETCH, lambda _: None)
    assert said.logits.shape == (0, 2, 2)
