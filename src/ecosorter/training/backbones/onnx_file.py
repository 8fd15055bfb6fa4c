"""ONNX files as backbones: any network frozen, MobileNetEdgeTPU as a torch module too."""

from dataclasses import dataclass
from pathlib import Path

import onnx
from torch import nn

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.texts.note import Note
from ecosorter.training.backbones.backbone import PROCESSOR, Backbone, ImageNetLayer
from ecosorter.training.backbones.edgetpu import convolutions, is_edgetpu, load_edgetpu
from ecosorter.training.backbones.graphs import backbone_graph, input_side

_BACKGROUND = 1  # outputs of MobileNetEdgeTPU's classifier before ImageNet's first class
_EDGETPU_RULE = PreprocessSpec(size=224, resize="crop", shorter_side=256, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def onnx_backbone(name: str, file: Path, processor: Path | None) -> Backbone:
    """Return the backbone in an ONNX file: MobileNetEdgeTPU when its convolutions are that network's.

    Raises:
        BackboneError: the file cannot be read.
    """
    kind = EdgeTPU if is_edgetpu(convolutions(load_onnx(file))) else OnnxFile
    return kind(name, (file,), processor)


def load_onnx(path: Path) -> onnx.ModelProto:
    """Read an ONNX file.

    Raises:
        BackboneError: it is missing or no ONNX file.
    """
    try:
        return onnx.load(path)
    except Exception as error:  # onnx raises protobuf's own errors, which share no public base class
        raise BackboneError(f"{path} is no readable ONNX file: {error}") from error


@dataclass(frozen=True)
class OnnxFile(Backbone):
    """A network that is known by its ONNX graph alone: it gives features and stays frozen."""

    @property
    def trainable(self) -> bool:
        """False: there is no torch module."""
        return False

    def body(self) -> nn.Module:
        """Refuse."""
        raise BackboneError(f"{self.name} is an ONNX file: it can give features but cannot be trained.")

    def imagenet(self) -> ImageNetLayer | None:
        """Return None: which of its outputs would be ImageNet's classes is unknown."""
        return None

    def graph(self, side: int, cache: Cache) -> onnx.ModelProto:  # noqa: ARG002  # nothing is converted
        """Return the file's own graph, without its classification layer."""
        model = backbone_graph(load_onnx(self.files[0]))
        fixed = input_side(model)
        if fixed not in (None, side):
            raise BackboneError(f"{self.name} takes {fixed} x {fixed} pixels, but the recipe asks for {side} x {side}.")
        return model

    def _own_rule(self) -> tuple[PreprocessSpec, list[Note]]:
        raise BackboneError(
            f"{self.name} does not say how it wants its photos. Put a {PROCESSOR} beside it, "
            "or give [features.preprocess] in the recipe."
        )


@dataclass(frozen=True)
class EdgeTPU(Backbone):
    """MobileNetEdgeTPU, whose weights are in an ONNX file; its input may have any side."""

    def body(self) -> nn.Module:
        """Load the torch module."""
        return load_edgetpu(convolutions(load_onnx(self.files[0]))).eval()

    def imagenet(self) -> ImageNetLayer | None:
        """Return the file's last convolution, which has a background class first."""
        last = convolutions(load_onnx(self.files[0]))[-1]
        if len(last) != 2 or len(last[1]) != 1000 + _BACKGROUND:
            return None
        weight, bias = last
        return ImageNetLayer(weight[_BACKGROUND:, :, 0, 0], bias[_BACKGROUND:])

    def _own_rule(self) -> tuple[PreprocessSpec, list[Note]]:
        return _EDGETPU_RULE, []
