"""MobileNetEdgeTPU as a torch module, which neither transformers nor torchvision has.

The network of Gupta and Akin, "Accelerator-aware Neural Network Design using AutoML" (2020,
https://arxiv.org/abs/2003.02838): early blocks use one full 3 x 3 convolution where MobileNetV2 has a 1 x 1 and a
depthwise one. Batch normalisation is folded into the convolutions, as in the ONNX file that its weights come from.
"""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecosorter.training.backbones.same_conv import SameConv

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
    """The network without its classification layer.

    Its input is ``[n, 3, h, w]`` RGB, ``(x - 127.5) / 127.5``, of any side.
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

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return float32 features ``[n, 1280]``, and the map ``[n, 1280, h / 32, w / 32]`` they are the mean of."""
        places: Tensor = self.top(self.blocks(self.stem(images)))
        return places.float().mean((2, 3)), places


def convolutions(model: onnx.ModelProto) -> list[tuple[NDArray[np.float32], ...]]:
    """Return the weight and the bias of every convolution of an ONNX network, in its order.

    What is no initialiser is left out: a convolution may then have less, or nothing.
    """
    weights = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
    given = [node.input[1:] for node in model.graph.node if node.op_type == "Conv"]
    return [tuple(weights[name] for name in names if name in weights) for names in given]


def is_edgetpu(given: Sequence[tuple[NDArray[np.float32], ...]]) -> bool:
    """Tell whether the `convolutions` of a file are those of this network; the last one may be its classifier."""
    with torch.device("meta"):  # shapes alone
        wanted = [tuple(module.weight.shape) for module in MobileNetEdgeTPU().modules() if isinstance(module, SameConv)]
    found = [values[0].shape for values in given if len(values) == 2]
    return found[: len(wanted)] == wanted


def load_edgetpu(given: Sequence[tuple[NDArray[np.float32], ...]]) -> MobileNetEdgeTPU:
    """Build the network with pretrained weights.

    Args:
        given: the `convolutions` of a file for which `is_edgetpu` holds.
    """
    network = MobileNetEdgeTPU()
    wanted = [module for module in network.modules() if isinstance(module, SameConv)]
    for module, (weight, bias) in zip(wanted, given, strict=False):  # the last one given is the classifier
        module.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return network
