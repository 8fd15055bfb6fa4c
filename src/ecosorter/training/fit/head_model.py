"""A fitted head behind its front: what is exported of it, and what the export is held against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ecosorter.datasets.photoset import Index
from ecosorter.progress import Advance
from ecosorter.training.export.assemble import assemble
from ecosorter.training.export.views import view_outputs
from ecosorter.training.fit.heads import Head
from ecosorter.training.front import Files, Front


@dataclass(frozen=True, slots=True)
class HeadModel:
    """See `learner.Model`.

    Attributes:
        front: what gives the features.
        head: fitted to them.
        files: every photo of the run.
        flattened: whether the features are a flattened map.
    """

    front: Front
    head: Head
    files: Files
    flattened: bool = False

    def graph(self, *, int8: bool) -> bytes:  # noqa: ARG002  # the front is made of integers, or is not
        """Join front and head."""
        return assemble(self.front.model, self.head, flattened=self.flattened)

    def features(self, rows: Index, advance: Advance, *, int8: bool) -> NDArray[np.float32]:
        """Return the features of its front, which lie in the cache."""
        zooms = self.front.spec.zooms
        if self.flattened:  # the head's features are then not those that the graph gives
            paths = [self.files[row][0] for row in rows]
            return view_outputs(self.graph(int8=int8), "features", paths, self.front.spec, advance)
        found = self.front.features(advance, zooms)[rows]
        return found.reshape(len(rows), len(zooms), -1).astype(np.float32, copy=False)

    def reference(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Answer whole photos by the network itself and the head in torch."""
        features = self.front.reference([self.files[row] for row in rows])
        with torch.inference_mode():
            found: NDArray[np.float32] = self.head(torch.from_numpy(features)).numpy()
        return found
