"""A network that is trained end to end: a convolutional body, the mean over places, one linear layer."""

import torch
from torch import Tensor, nn

from ecosorter.training.backbones.imagenet_scores import Names


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

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the head is applied to, of the whole and at each place, with the scores of names behind it.

        Returns:
            Float32 ``[n, d or d + classes]``, and ``[n, d or d + classes, h', w']``.
        """
        places: Tensor = self.body(images)
        mean = self.dropout(places.float().mean((2, 3)))
        if self.names is None:
            return mean, places
        scores, scores_of_places = self.names(places)
        return torch.cat([mean, scores], dim=1), torch.cat([places, scores_of_places], dim=1)

    def pooled(self, images: Tensor) -> Tensor:
        """Return the features of the whole, float32 ``[n, d or d + classes]``."""
        return self.features(images)[0]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 ``[n, classes]``."""
        logits: Tensor = self.head(self.pooled(images))
        return logits
