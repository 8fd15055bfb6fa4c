"""What a network says of photos: on the pixels of the bundle, in every view."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import nn

from ecosorter.decision import softmax
from ecosorter.preprocess import PreprocessSpec, decode_views
from ecosorter.training.export.network import float_graph
from ecosorter.training.fit.network import WasteNet
from ecosorter.training.fit.predict import predict, whole_features
from tests.training.networks import Pooled, small_wastenet
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
def test_it_is_what_the_bundle_says_of_the_same_files(spec: PreprocessSpec, tmp_path: Path) -> None:
    files = [photo(tmp_path / f"{seed}.jpg", seed) for seed in range(5)]
    network = small_wastenet(scored=True)
    network.head.weight.data *= 30  # so that photos differ
    said = predict(network, files, spec, lambda _: None)
    session = onnxruntime.InferenceSession(float_graph(network, spec))
    for number, file in enumerate(files):
        (logits,) = session.run(["logits"], {"pixels": decode_views(file, spec)})
        np.testing.assert_allclose(softmax(said.logits[number], 1.0), softmax(logits, 1.0), atol=0.02)
    assert np.ptp(softmax(said.logits[:, 0], 1.0), axis=0).max() > 0.1
    whole = whole_features(network, files, spec, lambda _: None)
    np.testing.assert_allclose(whole, said.features[:, 0], rtol=0.02, atol=0.02)


def test_no_photos_are_no_answers() -> None:
    said = predict(channel_means(), [], STRETCH, lambda _: None)
    assert said.logits.shape == (0, 2, 2)
