"""MobileNetEdgeTPU: its size, the weights of the file, and any side."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ecosorter.datasets.cache import Cache
from ecosorter.training.backbones.edgetpu import FEATURES, MobileNetEdgeTPU
from ecosorter.training.backbones.find import find_backbone
from tests.training.networks import edgetpu_file, onnx_file


def test_it_has_the_size_that_its_authors_state() -> None:
    network = MobileNetEdgeTPU()
    parameters = sum(value.numel() for value in network.parameters())
    assert parameters + FEATURES * 1001 + 1001 == pytest.approx(4.07e6, rel=0.01)
    with torch.inference_mode():
        pooled, places = network(torch.zeros(1, 3, 64, 96))
    assert (pooled.shape, places.shape) == ((1, FEATURES), (1, FEATURES, 2, 3))


def test_it_is_known_by_its_convolutions(tmp_path: Path) -> None:
    backbone = find_backbone(str(edgetpu_file(tmp_path / "any.onnx")))
    assert backbone.trainable
    assert backbone.preprocess()[0].mean == (0.5, 0.5, 0.5)
    assert not find_backbone(str(onnx_file(tmp_path / "other/model.onnx"))).trainable


def test_it_gives_what_the_file_gives(shared: Path) -> None:
    folder = shared / "backbones" / "mobilenet_edgetpu_1.0_224"
    backbone = find_backbone(str(folder))
    images = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        found = backbone.body()(images)[0].numpy()
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    features, logits = session.run(["features", "logits"], {"input": images.numpy()})
    np.testing.assert_allclose(found, features, atol=1e-4)
    layer = backbone.imagenet()
    assert layer is not None
    np.testing.assert_allclose(features @ layer.weight.T + layer.bias, logits[:, 1:], atol=1e-3)


def test_its_graph_takes_another_side_than_the_file(tmp_path: Path, cache: Cache) -> None:
    backbone = find_backbone(str(edgetpu_file(tmp_path / "model.onnx")))
    images = torch.rand(2, 3, 32, 32)  # the side of test_run_frozen.py: it becomes a graph once for both
    session = onnxruntime.InferenceSession(backbone.graph(32, cache).SerializeToString())
    with torch.inference_mode():
        wanted = backbone.body()(images)
    for ours, theirs in zip(session.run(["pooled", "map"], {"images": images.numpy()}), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
