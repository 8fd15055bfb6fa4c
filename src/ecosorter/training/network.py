"""A network that is trained end to end: a convolutional body, the mean over places, one linear layer."""

import torch
from torch import Tensor, nn


class WasteNet(nn.Module):
    """Body and head. The class-activation map of each class is the head applied at every place.

    Args:
        body: from images ``[n, 3, h, w]`` to a map of features ``[n, d, h', w']``.
        features: d.
        classes: number of outputs.
        dropout: share of the pooled features left out while training, 0..1.
    """

    def __init__(self, body: nn.Module, features: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on CPUs
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, classes)

    def pooled(self, images: Tensor) -> Tensor:
        """Return the mean of the map over places, float32 ``[n, d]``."""
        places: Tensor = self.body(images)
        return places.float().mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 ``[n, classes]``."""
        logits: Tensor = self.head(self.dropout(self.pooled(images)))
        return logits
