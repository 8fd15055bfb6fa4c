"""What a pretrained network calls things, read as classes of waste.

ImageNet has no class "plastic", but pop bottles, plastic bags and packets. The probability that a photo shows any of
them is the sum of theirs, and its logarithm, but for a constant that all classes share, is the logarithm of the sum of
the exponentials of their logits. It knows nothing of the sources of photos of waste, so it errs elsewhere than what is
fitted to them; the two together are right more often on photos from elsewhere (docs/experiments.md).
"""

import tomllib
from collections.abc import Sequence
from importlib.resources import files

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecosorter.errors import BackboneError, RecipeError
from ecosorter.training.backbones.backbone import Backbone


class ImageNetScores(nn.Module):
    """Scores of classes of waste by the things of ImageNet that belong to each.

    Args:
        features: d, the number of features and of channels of the map.
        sizes: how many things each class has.
        of_mean: whether the features are the mean of the map.
    """

    def __init__(self, features: int, sizes: Sequence[int], *, of_mean: bool = True) -> None:
        super().__init__()
        self.things = nn.Conv2d(features, sum(sizes), 1)
        self.sizes, self.of_mean = list(sizes), of_mean

    def forward(self, pooled: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of the classes, of the whole and at each place.

        Args:
            pooled: features ``[n, d]``.
            places: the map ``[n, d, h, w]``.

        Returns:
            Float32 ``[n, classes]`` and ``[n, classes, h, w]``.
        """
        with torch.autocast(places.device.type, enabled=False):
            things: Tensor = self.things(places.float())
            if self.of_mean:  # the mean of what is linear is that of the mean, and in 8-bit integers more exact
                whole = things.mean((2, 3))
            else:
                whole = functional.linear(pooled.float(), self.things.weight[:, :, 0, 0], self.things.bias)
        return self._together(whole), self._together(things)

    def _together(self, things: Tensor) -> Tensor:
        return torch.stack([part.logsumexp(1) for part in torch.split(things, self.sizes, dim=1)], dim=1)


def things_of(classes: Sequence[str]) -> list[dict[str, int]]:
    """Return the things of each class of waste, with their numbers among ImageNet's classes.

    Raises:
        RecipeError: a class has none.
    """
    known = tomllib.loads((files("ecosorter.training.backbones") / "imagenet_names.toml").read_text(encoding="utf-8"))
    if without := [name for name in classes if name not in known]:
        raise RecipeError(
            f"ImageNet has no things of the class '{without[0]}', only of {', '.join(known)}; use "
            "--set imagenet_scores=false."
        )
    return [known[name] for name in classes]


def imagenet_scores(backbone: Backbone, classes: Sequence[str]) -> ImageNetScores:
    """Build the scores of classes from the classification layer of a pretrained network.

    Args:
        backbone: the network.
        classes: of waste.

    Raises:
        RecipeError: a class has no things.
        BackboneError: the network has no classification layer for ImageNet.
    """
    things = things_of(classes)
    layer = backbone.imagenet()
    if layer is None:
        raise BackboneError(
            f"{backbone.name} has no classifier of ImageNet's 1,000 classes, so it cannot score classes of waste by "
            "them; use --set imagenet_scores=false."
        )
    rows = [number for known in things for number in known.values()]
    scores = ImageNetScores(layer.weight.shape[1], [len(known) for known in things], of_mean=layer.of_mean)
    weight, bias = torch.tensor(layer.weight[rows])[:, :, None, None], torch.tensor(layer.bias[rows])
    scores.things.load_state_dict({"weight": weight, "bias": bias})
    return scores
