"""The trainable part: a perceptron on pooled features, or one dense layer on the flattened map.

Both give logits; softmax is left to the loss and to the decision, which divide by the temperature first.
"""

import itertools
import math

import numpy as np
import torch
from onnx import ModelProto
from torch import Generator, Tensor, nn

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
        self._kept = 1 - dropout

    def forward(self, features: Tensor, dropout: Generator | None = None) -> Tensor:
        """Return logits float32 [n, classes] of features [n, d].

        Args:
            features: float32 or float16.
            dropout: in training, draws the hidden units that are left out.
        """
        values: Tensor = features.float()
        for layer in self.linear[:-1]:
            values = layer(values).relu()
            if dropout is not None:
                kept = torch.empty_like(values).bernoulli_(self._kept, generator=dropout)
                values = values * kept.div_(self._kept)
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


def make_head(recipe: HeadRecipe, features: int, classes: int, seed: int) -> Head:
    """Make an untrained head for features of a given width, with the first weights that a seed gives."""
    hidden = list(recipe.hidden) if recipe.kind == "perceptron" else []
    head = Head([features, *hidden, classes], recipe.dropout)
    # torch's own first weights, but not by its one generator for all: heads may be made in several threads at once.
    generator = Generator().manual_seed(seed)
    for layer in head.linear:
        nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
        bound = 1 / math.sqrt(layer.in_features)
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return head


def _array(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return tensor.detach().cpu().numpy().astype(np.float32)
