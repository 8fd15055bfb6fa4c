"""A body of any kind, with a head."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.edgetpu import MobileNetEdgeTPU
from ecosorter.training.backbones.efficientnet_lite import SIZES, EfficientNetLite
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.backbones.imagenet_scores import imagenet_scores
from ecosorter.training.export.network import float_graph
from ecosorter.training.features import normalised
from ecosorter.training.fit.blocks import parameters_by_block
from ecosorter.training.fit.network import WasteNet, feature_width
from tests.training import networks

SPEC = PreprocessSpec(size=32, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
CLASSES = ("kaca", "organik", "plastik")


def resnet(folder: Path) -> Backbone:
    return find_backbone(str(networks.resnet_folder(folder, classes=1000)))


def mobilenet(folder: Path) -> Backbone:
    return find_backbone(str(networks.mobilenet_folder(folder, classes=1001)))


def vit(folder: Path) -> Backbone:
    return find_backbone(str(networks.vit_folder(folder, classes=1000)))


def whole(backbone: Backbone, side: int = 32) -> WasteNet:
    body = backbone.body()
    scores = imagenet_scores(backbone, CLASSES)
    return WasteNet(body, feature_width(body, side), len(CLASSES), 0.2, scores)


@pytest.mark.parametrize("make", [resnet, vit])  # of other kinds, the export of a body is tested with its kind
def test_the_graph_says_what_the_network_says(make: Callable[[Path], Backbone], tmp_path: Path) -> None:
    network = whole(make(tmp_path)).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    with torch.inference_mode():
        wanted = network(normalised(torch.from_numpy(pixels), SPEC)).numpy()
    session = onnxruntime.InferenceSession(float_graph(network, SPEC))
    logits, cam = session.run(["logits", "cam"], {"pixels": pixels})
    np.testing.assert_allclose(logits, wanted, rtol=1e-3, atol=1e-4)
    assert cam.shape[:2] == (3, 3)


@pytest.mark.parametrize("make", [resnet, mobilenet, vit])
def test_every_layer_learns_and_batch_norms_keep_their_means(make: Callable[[Path], Backbone], tmp_path: Path) -> None:
    network = whole(make(tmp_path)).train()
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    with torch.autocast("cpu", torch.bfloat16):
        loss = network.pooled(torch.rand(4, 3, 32, 32)).square().mean()
    loss.backward()
    silent = [name for name, value in network.body.named_parameters() if value.requires_grad and value.grad is None]
    assert silent == []
    assert all(torch.equal(value, buffers[name]) for name, value in network.named_buffers())


def test_depthwise_convolutions_stay_float32(tmp_path: Path) -> None:
    network = whole(mobilenet(tmp_path))
    kinds: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    for module in network.body.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, _, output: kinds[module.groups > 1].add(output.dtype))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        network.pooled(torch.rand(2, 3, 32, 32))
    assert kinds == {True: {torch.float32}, False: {torch.bfloat16}}


@pytest.mark.parametrize(
    ("make", "blocks"),
    [
        (lambda _: MobileNetEdgeTPU(), 23),  # stem, 21 blocks, top
        (lambda _: EfficientNetLite(SIZES["efficientnet-lite1"]), 23),
        (lambda folder: resnet(folder).body(), 3),  # embeddings, a block in each of two stages
        (lambda folder: mobilenet(folder).body(), 18),  # stem with its block, 16 blocks, top
        (lambda folder: vit(folder).body(), 4),  # embeddings, two layers, the last norm
        (lambda _: networks.small_wastenet().body, 1),
    ],
    ids=["edgetpu", "lite", "resnet", "mobilenet", "vit", "no list of blocks"],
)
def test_each_parameter_is_in_one_block_in_order(
    make: Callable[[Path], torch.nn.Module], blocks: int, tmp_path: Path
) -> None:
    body = make(tmp_path)
    found = parameters_by_block(body)
    names = {value: name for name, value in body.named_parameters() if value.requires_grad}
    assert [names[value] for block in found for value in block] == list(names.values())
    assert len(found) == blocks
