"""MobileNetEdgeTPU as a torch module, which neither transformers nor torchvision has.

The network of Gupta and Akin, "Accelerator-aware Neural Network Design using AutoML" (2020,
https://arxiv.org/abs/2003.02838): early blocks use one full 3 x 3 convolution where MobileNetV2 has a 1 x 1 and a
depthwise one. Batch normalisation is folded into the convolutions, as in the ONNX file that `load_edgetpu` reads.
"""

from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecosorter.errors import BackboneError

FEATURES = 1280
# Each block: output channels, expansion, kernel, stride, fused. The first block of a stage has no residual.
_Block = tuple[int, int, int, int, bool]
_BLOCKS: tuple[_Block, ...] = (
    (32, 8, 3, 2, True),
    *[(32, 4, 3, 1, True)] * 3,
    (48, 8, 3, 2, True),
    *[(48, 4, 3, 1, True)] * 3,
    (96, 8, 3, 2, False),
    *[(96, 4, 3, 1, False)] * 3,
    (96, 8, 3, 1, False),
    *[(96, 4, 3, 1, False)] * 3,
    (160, 8, 5, 2, False),
    *[(160, 4, 5, 1, False)] * 3,
    (192, 8, 3, 1, False),
)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding: with stride 2, the odd pixel goes to the right and bottom.

    For inputs whose sides are even wherever the stride is 2. Depthwise ones stay float32 under CPU autocast: the
    backward pass of torch 2.13 takes about ten times as long for them in bfloat16.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        around = 0 if stride == 2 else kernel // 2
        super().__init__(inputs, outputs, kernel, stride, around, groups=groups)
        total = kernel - 2
        self.odd = (total // 2, total - total // 2) * 2 if stride == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[n, outputs, h / stride, w / stride]`` for ``[n, inputs, h, w]``."""
        if self.odd is not None:
            x = nn.functional.pad(x, self.odd)
        if self.groups == 1 or x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class Block(nn.Module):
    """Expand, filter, project; the input is added where shapes allow and the expansion is 4."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int, fused: bool) -> None:
        super().__init__()
        inside = inputs * expansion
        if fused:
            layers: list[nn.Module] = [SameConv(inputs, inside, kernel, stride), nn.ReLU(inplace=True)]
        else:
            layers = [
                SameConv(inputs, inside, 1),
                nn.ReLU(inplace=True),
                SameConv(inside, inside, kernel, stride, groups=inside),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, SameConv(inside, outputs, 1))
        self.residual = expansion == 4

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[n, outputs, h / stride, w / stride]``."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class MobileNetEdgeTPU(nn.Module):
    """The network without its classification layer: from pixels to a map of features.

    Its input is ``[n, 3, h, w]`` RGB, ``(x - 127.5) / 127.5``, sides multiples of 32; its output
    ``[n, 1280, h / 32, w / 32]``, at least 0.
    """

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels = 16
        for outputs, expansion, kernel, stride, fused in _BLOCKS:
            blocks.append(Block(channels, outputs, expansion, kernel, stride, fused))
            channels = outputs
        self.stem = nn.Sequential(SameConv(3, 32, 3, 2), nn.ReLU(inplace=True), SameConv(32, 16, 1))
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Sequential(SameConv(channels, FEATURES, 1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of features."""
        y: Tensor = self.top(self.blocks(self.stem(x)))
        return y


def convolutions(file: Path) -> list[tuple[NDArray[np.float32], ...]]:
    """Return the weight and the bias of every convolution of an ONNX file, in its order.

    What is no initialiser is left out: a convolution may then have less, or nothing.

    Raises:
        BackboneError: the file is missing.
    """
    if not file.is_file():
        raise BackboneError(f"There is no file {file}; give the path of MobileNetEdgeTPU's model.onnx.")
    graph = onnx.load(file).graph
    weights = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer}
    given = [node.input[1:] for node in graph.node if node.op_type == "Conv"]
    return [tuple(weights[name] for name in names if name in weights) for names in given]


def load_edgetpu(file: Path) -> MobileNetEdgeTPU:
    """Build the network with the pretrained weights of an ONNX file.

    Args:
        file: with the float weights of every convolution as initialisers, in the order of the network.

    Raises:
        BackboneError: the file is missing, or its convolutions are not those of this network.
    """
    given = convolutions(file)
    network = MobileNetEdgeTPU()
    wanted = [module for module in network.modules() if isinstance(module, SameConv)]
    shapes = [found[0].shape for found in given if found]
    if shapes[: len(wanted)] != [tuple(module.weight.shape) for module in wanted]:
        raise BackboneError(f"{file} does not hold MobileNetEdgeTPU 1.0; the shapes of its convolutions differ.")
    for module, (weight, bias) in zip(wanted, given, strict=False):  # the last one given is the classifier
        module.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return network
