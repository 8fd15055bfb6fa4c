"""ImageNet scores (imagenet_scores.py tells what they are) of a network as it came, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.imagenet_scores import imagenet_layer, things_of


@dataclass(frozen=True, slots=True, eq=False)
class ScoresLayer:
    """The rows of a classification layer that are things of some class of waste.

    Attributes:
        weight: float32 ``[things, d]``, class by class.
        bias: float32 ``[things]``.
        sizes: how many things each class has.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    sizes: tuple[int, ...]

    def beside(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features ``[n, d]``, means of maps, with the scores of the classes behind them."""
        things = features @ self.weight.T + self.bias
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        scores = [
            np.logaddexp.reduce(things[:, start : start + size], axis=1)
            for start, size in zip(starts[:-1], self.sizes, strict=True)
        ]
        return np.column_stack([features, *scores]).astype(np.float32)


def scores_layer(backbone: Backbone, classes: Sequence[str]) -> ScoresLayer:
    """Return the scores that a network's classification layer gives classes of waste.

    Raises:
        BackboneError: the network has no such layer.
        RecipeError: a class has no names of things.
    """
    things = [list(known.values()) for known in things_of(classes)]
    layer = imagenet_layer(backbone)
    rows = [number for known in things for number in known]
    return ScoresLayer(layer.weight[rows], layer.bias[rows], tuple(len(known) for known in things))
