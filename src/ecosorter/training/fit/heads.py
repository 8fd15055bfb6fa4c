"""The trainable part: a perceptron on pooled features, or one dense layer on the flattened map.

Both give logits; softmax is left to the loss and to the decision, which divide by the temperature first.
"""

import itertools

import numpy as np
from onnx import ModelProto
from torch import Tensor, nn

from ecosorter.training.backbones.graphs import Layer, flat_head_graph, pooled_head_graph
from ecosorter.training.recipe import Head as HeadRecipe


class Head(nn.Module):
    """Fully connected layers, ReLU and dropout between them.

    Args:
        widths: numbers of inputs, hidden units … and classes; two of them make a single layer.
        dropout: share of hidden units left out while training, 0..1.
    """

    def __init__(self, widths: list[int], dropout: float) -> None:
        super().__init__()
        self.linear = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
        self.layers = nn.ModuleList(self.linear)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits float32 [n, classes] of features [n, d]."""
        values: Tensor = features.float()
        for layer in self.linear[:-1]:
            values = self.dropout(layer(values).relu())
        logits: Tensor = self.linear[-1](values)
        return logits

    def graph(self, map_shape: tuple[int, int, int] | None, *, flattened: bool) -> ModelProto:
        """Return this head as an ONNX graph with a class-activation map.

        Args:
            map_shape: (d, h, w) of the backbone's map; None when it has none.
            flattened: whether the head was trained on the flattened map.
        """
        last = len(self.linear) - 1
        layers = [
            Layer(_array(layer.weight), _array(layer.bias), relu=number < last)
            for number, layer in enumerate(self.linear)
        ]
        if flattened and map_shape:
            return flat_head_graph(layers[0], map_shape)
        return pooled_head_graph(layers, map_shape[0] if map_shape else None)


def make_head(recipe: HeadRecipe, features: int, classes: int) -> Head:
    """Make an untrained head for features of a given width."""
    hidden = list(recipe.hidden) if recipe.kind == "perceptron" else []
    return Head([features, *hidden, classes], recipe.dropout)


def _array(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return tensor.detach().cpu().numpy().astype(np.float32)
