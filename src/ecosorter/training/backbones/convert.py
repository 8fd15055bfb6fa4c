"""Turns a torch module into an ONNX graph."""

from pathlib import Path

import torch
from torch import nn

from ecosorter.training.backbones.graphs import OPSET
from ecosorter.training.quiet import quietly


def convert(body: nn.Module, side: int, path: Path) -> None:
    """Write a network as ONNX with a free batch size.

    Args:
        body: at rest (`eval`); from images float32 [n, 3, side, side] to (pooled [n, d], map [n, d, h, w]).
        side: of its input, in pixels.
        path: of the file, whose input is `images` and whose outputs are `pooled` and `map`.
    """
    with quietly("torch.onnx"):
        program = torch.onnx.export(
            body,
            (torch.zeros(2, 3, side, side),),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["pooled", "map"],
            dynamic_shapes=({0: "n"},),
        )
        if program is None:
            raise RuntimeError("torch gave no program")
        program.save(path)
