"""A network that is trained end to end: a convolutional body, the mean over places, one linear layer."""

import torch
from torch import Tensor, nn

from ecosorter.training.names import Names


class WasteNet(nn.Module):
    """Body and head. The class-activation map of each class is the head applied at every place.

    Args:
        body: from images ``[n, 3, h, w]`` to a map of features ``[n, d, h', w']``.
        features: d.
        classes: number of outputs.
        dropout: share of the means over places left out while training, 0..1.
        names: makes scores of the classes of a map; they are features too, behind the others.
    """

    def __init__(
        self, body: nn.Module, features: int, classes: int, dropout: float = 0.0, names: Names | None = None
    ) -> None:
        super().__init__()
        body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on CPUs
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.names = names
        self.head = nn.Linear(features + (classes if names else 0), classes)

    def with_scores(self, places: Tensor) -> Tensor:
        """Return a map ``[n, d, h, w]`` with the scores of the names behind it, if there are any."""
        return places if self.names is None else torch.cat([places, self.names(places)], dim=1)

    def pooled(self, images: Tensor) -> Tensor:
        """Return the mean of the map over places and its scores, float32 ``[n, d or d + classes]``."""
        places: Tensor = self.body(images)
        mean = self.dropout(places.float().mean((2, 3), keepdim=True))
        return self.with_scores(mean).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 ``[n, classes]``."""
        logits: Tensor = self.head(self.pooled(images))
        return logits
