"""What a pretrained network calls things, read as classes of waste.

ImageNet has no class "plastic", but pop bottles, plastic bags and packets. The probability that a photo shows any of
them is the sum of theirs, and its logarithm, but for a constant that all classes share, is the logarithm of the sum of
the exponentials of their logits. It knows nothing of the sources of photos of waste, so it errs elsewhere than what is
fitted to them; the two together are right more often on photos from elsewhere (docs/experiments.md).
"""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor, nn

from ecosorter.errors import BackboneError, RecipeError
from ecosorter.training.backbones.edgetpu import convolutions

_BACKGROUND = 1  # outputs before ImageNet's first class
_OUTPUTS = 1001


class Names(nn.Module):
    """Scores of classes by the names of things that belong to each.

    Args:
        features: number of channels of a map of features.
        sizes: how many names each class has.
    """

    def __init__(self, features: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.things = nn.Conv2d(features, sum(sizes), 1)
        self.sizes = list(sizes)

    def forward(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of the classes, of the whole and at each place.

        Args:
            places: a map of features ``[n, features, h, w]``.

        Returns:
            Of its mean over places ``[n, classes]``, and ``[n, classes, h, w]``.
        """
        with torch.autocast(places.device.type, enabled=False):
            things: Tensor = self.things(places.float())
        # The mean of what is linear is that of the mean, and in 8-bit integers more exact.
        return self._together(things.mean((2, 3))), self._together(things)

    def _together(self, things: Tensor) -> Tensor:
        return torch.stack([part.logsumexp(1) for part in torch.split(things, self.sizes, dim=1)], dim=1)


def names_of(classes: Sequence[str]) -> list[dict[str, int]]:
    """Return the names of the things of each class of waste, with their numbers among ImageNet's classes.

    Raises:
        RecipeError: a class has none.
    """
    known = tomllib.loads((files("ecosorter.training.backbones") / "imagenet_names.toml").read_text(encoding="utf-8"))
    if without := [name for name in classes if name not in known]:
        raise RecipeError(
            f"There are no names of things for the class '{without[0]}', only for {', '.join(known)}; use "
            "--set names=false."
        )
    return [known[name] for name in classes]


def pretrained_names(file: Path, classes: Sequence[str]) -> Names:
    """Build the scores of classes from the classification layer of a pretrained network.

    Args:
        file: ONNX; its last convolution gives the logits of a background and of ImageNet's classes.
        classes: of waste.

    Raises:
        RecipeError: a class has no names.
        BackboneError: the file is missing, or has no such layer.
    """
    things = names_of(classes)
    last = (convolutions(file) or [()])[-1]
    if len(last) != 2 or len(last[1]) != _OUTPUTS:
        raise BackboneError(f"{file} does not end in a layer with a background and the 1,000 classes of ImageNet.")
    weight, bias = last
    rows = [_BACKGROUND + number for known in things for number in known.values()]
    names = Names(weight.shape[1], [len(known) for known in things])
    names.things.load_state_dict({"weight": torch.tensor(weight[rows]), "bias": torch.tensor(bias[rows])})
    return names
