"""What every kind of training offers to a run: learn from some photos, then answer others.

A run (training/run.py) decides which photos are learnt from and which are measured on; it does not know whether a head
or a whole network learns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecosorter.datasets.photoset import Index
from ecosorter.progress import Advance
from ecosorter.texts.note import Note
from ecosorter.training.results import Epoch, OnEpoch, Part


@dataclass(frozen=True, slots=True)
class Job:
    """What one fit learns from and is measured on.

    Attributes:
        name: of its folder and of its curves.
        parts: rows of the photos; `validation` and `test` may be missing.
        before_split: whether SMOTE comes before the split of all these rows into parts, as one recipe was published.
    """

    name: str
    parts: Mapping[Part, Index]
    before_split: bool = False

    def rows(self, part: Part) -> Index:
        """Return the rows of a part; none where it is missing."""
        return self.parts.get(part, np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers to n photos.

    Attributes:
        logits: float32 ``[n, views, classes]``.
        labels: ``[n]``.
        photos: the row of each ``[n]``, -1 for a synthetic one.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    photos: Index


class Model(Protocol):
    """What is exported of what was learnt. It holds no photos and no features."""

    def graph(self, *, int8: bool) -> bytes:
        """Return the graph from `pixels` to `logits`, `features` and `cam`, serialised, perhaps in integers."""

    def features(self, rows: Index, advance: Advance, *, int8: bool) -> NDArray[np.float32]:
        """Return what that graph sees in photos, by their rows: features float32 ``[n, views, d]``."""

    def reference(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Say in float32 what was trained says of whole photos, by their rows: logits ``[n, classes]``."""


class Learnt(Protocol):
    """What was learnt in one job.

    Attributes:
        counts_before, counts_after: rows by class that it learnt from, before and after balancing.
        epochs: figures of each, where it learnt by epochs.
        best_epoch: the one whose weights it has, from 0.
        notes: what the reader must know.
        linear_probe: the same network with nothing but its head fitted, where all of it was trained.
    """

    counts_before: dict[str, int]
    counts_after: dict[str, int]
    epochs: list[Epoch]
    best_epoch: int
    notes: list[Note]

    @property
    def linear_probe(self) -> "Learnt | None":
        """See above."""

    def answers(self, part: Part) -> Answers:
        """Answer a part of the job; no rows where the job has no such part."""

    def predict(self, rows: Index) -> NDArray[np.float32]:
        """Return logits float32 ``[n, views, classes]`` of any photos."""

    @property
    def model(self) -> Model:
        """What is exported."""


class Learner(Protocol):
    """Learns from photos of a run."""

    def fit(self, job: Job, on_epoch: OnEpoch) -> Learnt:
        """Learn; go on where an earlier call for the same job was cut off."""
