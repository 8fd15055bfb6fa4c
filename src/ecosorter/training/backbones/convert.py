"""Turns a transformers vision model into an ONNX graph; run as a program by backbones.py."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from ecosorter.errors import EcoSorterError
from ecosorter.training.backbones.graphs import OPSET
from ecosorter.training.quiet import quietly


class MappedNetwork(nn.Module):
    """A transformers vision model that answers with pooled features and the map they are the mean of."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features [n, d] and map [n, d, h, w] of images float32 [n, 3, s, s]."""
        output = self.model(pixel_values=images)
        states: Tensor = output.last_hidden_state
        if states.dim() == 4:
            pooled = getattr(output, "pooler_output", None)
            return (states.mean(dim=(2, 3)) if pooled is None else pooled.flatten(1)), states
        # Transformers give tokens [n, prefix + h * w, d]. Their pooler_output is not used: checkpoints often lack
        # the pooler's weights, and transformers then makes them up at random.
        side = int(states.shape[1] ** 0.5)
        prefix = states.shape[1] - side * side
        places = states[:, prefix:]
        pooled = states[:, 0] if prefix else places.mean(dim=1)
        return pooled, places.transpose(1, 2).reshape(states.shape[0], -1, side, side)


def convert(network: nn.Module, side: int, path: Path) -> None:
    """Write a network as ONNX with a free batch size: `images` [n, 3, side, side] in, `pooled` and `map` out."""
    with quietly("torch.onnx"):
        program = torch.onnx.export(
            network,
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


def main() -> None:
    """Convert the network in a folder: `python -m ecosorter.training.backbones.convert FOLDER SIDE FILE`."""
    from ecosorter.training.backbones.find import find_backbone  # noqa: PLC0415  # it imports this module

    folder, side, path = sys.argv[1:]
    try:
        convert(find_backbone(folder).network(), int(side), Path(path))
    except EcoSorterError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
