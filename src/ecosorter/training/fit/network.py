"""A network that is trained end to end: a pretrained body that pools its map of features, and one linear layer."""

from collections.abc import Callable
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from ecosorter.training.backbones.imagenet_scores import ImageNetScores


class WasteNet(nn.Module):
    """Body and head. The class-activation map of each class is the head applied at every place.

    Args:
        body: from images ``[n, 3, s, s]`` to pooled features ``[n, d]`` and a map of features ``[n, d, h, w]``.
        features: d.
        classes: number of outputs.
        dropout: share of the pooled features left out while training, 0..1.
        imagenet_scores: makes scores of the classes of the body's output; they are features too, behind the others.
    """

    def __init__(
        self,
        body: nn.Module,
        features: int,
        classes: int,
        dropout: float = 0.0,
        imagenet_scores: ImageNetScores | None = None,
    ) -> None:
        super().__init__()
        body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on CPUs
        _keep_depthwise_float32(body)
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.imagenet_scores = imagenet_scores
        self.head = nn.Linear(features + (classes if imagenet_scores else 0), classes)

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation. Batch norms keep the means and variances that they came with.

        A batch of changed photos, mixed with one another, says little of those of whole photos, for which the head
        is fitted before training and after.
        """
        super().train(mode)
        for module in self.body.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()
        return self

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the head is applied to, of the whole and at each place, with ImageNet's scores behind it.

        Returns:
            Float32 ``[n, d or d + classes]``, and ``[n, d or d + classes, h, w]``.
        """
        pooled, places = self.body(images)
        kept = self.dropout(pooled.float())
        if self.imagenet_scores is None:
            return kept, places
        scores, scores_of_places = self.imagenet_scores(pooled, places)
        return torch.cat([kept, scores], dim=1), torch.cat([places, scores_of_places], dim=1)

    def pooled(self, images: Tensor) -> Tensor:
        """Return the features of the whole, float32 ``[n, d or d + classes]``."""
        return self.features(images)[0]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 ``[n, classes]``."""
        logits: Tensor = self.head(self.pooled(images))
        return logits


def feature_width(body: nn.Module, side: int) -> int:
    """Return d, the number of features that a body gives of images of that side, by running it once."""
    with torch.inference_mode():
        pooled: Tensor = body(torch.zeros(1, 3, side, side))[0]
    return pooled.shape[1]


def _keep_depthwise_float32(body: nn.Module) -> None:
    """Let no autocast on CPUs reach depthwise convolutions: in bfloat16, torch 2.13 takes ten times as long backwards.

    The modules stay themselves, since transformers looks at their attributes.
    """
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = partial(_in_float32, type(module).forward, module)  # type: ignore[method-assign]


def _in_float32(forward: Callable[[nn.Conv2d, Tensor], Tensor], module: nn.Conv2d, x: Tensor) -> Tensor:
    if x.device.type != "cpu":
        return forward(module, x)
    with torch.autocast("cpu", enabled=False):
        return forward(module, x.float())
