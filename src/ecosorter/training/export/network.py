"""Turns a network that was trained end to end into the float graph of a bundle."""

import tempfile
from pathlib import Path

import onnx
from torch import Tensor, nn

from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.backbones.convert import convert
from ecosorter.training.export.export import assemble
from ecosorter.training.fit.heads import Head
from ecosorter.training.fit.network import WasteNet


class _Mapped(nn.Module):
    """A `WasteNet` without its head, that answers as `convert` expects."""

    def __init__(self, network: WasteNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features ``[n, d]`` and the map ``[n, d, h, w]`` of images float32 ``[n, 3, s, s]``."""
        return self.network.features(images)


def float_graph(network: WasteNet, spec: PreprocessSpec) -> bytes:
    """Write a trained network as the ONNX model of a bundle, all of it float32.

    What it says is to be compared with the network itself by `export.check_parity`.

    Args:
        network: trained, float32, on the CPU; left as it is, but for being set to evaluation.
        spec: preprocessing; its normalisation must be the one that the network was trained with.

    Returns:
        The model, serialised: `pixels` uint8 ``[n, size, size, 3]`` in; `logits` ``[n, classes]``, `features`
        ``[n, d]`` and `cam` ``[n, classes, h, w]`` out.
    """
    network.eval()
    head = Head([network.head.in_features, network.head.out_features], 0.0)
    head.linear[0].load_state_dict(network.head.state_dict())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "body.onnx"
        convert(_Mapped(network).eval(), spec.size, path)
        body = onnx.load(path)
    return assemble(spec, body, head, flattened=False)
