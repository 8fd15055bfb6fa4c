"""What a head learns from: rows of features that are in memory."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_EVALUATION_NUMBERS = 12_800_000  # in a batch that is only looked at: 77 MB, as float16 and as float32


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Features and labels of one part: rows `index` of a matrix that is not copied.

    Attributes:
        features: float32 or float16 [n, d].
        labels: int64 [n].
        index: rows that belong to the part; None for all of them.
    """

    features: NDArray[np.floating]
    labels: NDArray[np.int64]
    index: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels) if self.index is None else len(self.index)

    @property
    def all_labels(self) -> NDArray[np.int64]:
        """The labels [k] of these rows."""
        return self.labels if self.index is None else self.labels[self.index]

    @property
    def evaluation_batches(self) -> list[NDArray[np.int64]]:
        """The numbers of all rows in order, in batches that do not need much memory."""
        width: int = self.features.shape[1]
        size = max(1, _EVALUATION_NUMBERS // width)
        numbers = np.arange(len(self))
        return [numbers[start : start + size] for start in range(0, len(self), size)]

    def take(self, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return some of the rows as tensors: features [k, d], labels [k]."""
        rows = numbers if self.index is None else self.index[numbers]
        return torch.from_numpy(self.features[rows]), torch.from_numpy(self.labels[rows])
