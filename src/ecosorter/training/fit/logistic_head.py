"""Logistic heads on features of a network as it came.

The features are those of the very graph that ships, so what is measured is what ships.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.progress import Progress
from ecosorter.texts.note import Note
from ecosorter.training.fit.head_model import HeadModel
from ecosorter.training.fit.heads import Head
from ecosorter.training.fit.learner import Answers, Job
from ecosorter.training.fit.linear_probe import fit_linear
from ecosorter.training.front import Front
from ecosorter.training.recipe import Recipe
from ecosorter.training.results import Epoch, OnEpoch, Part


class LogisticHeadLearner:
    """Fits logistic heads to features.

    Args:
        photos: of the run.
        front: what gives the features.
        recipe: head and balance.
        progress: is told of each photo.
    """

    def __init__(self, photos: PhotoSet, front: Front, recipe: Recipe, progress: Progress) -> None:
        self.photos, self.front, self.recipe = photos, front, recipe
        zooms = front.spec.zooms
        with progress.stage("features", len(photos.rows)) as advance:
            found = front.features(advance, zooms)
        self.features: NDArray[np.float32] = found.reshape(len(photos.rows), len(zooms), -1).astype(np.float32)
        self._sources = np.array([row.source for row in photos.rows])

    def fit(self, job: Job, on_epoch: OnEpoch) -> "LogisticHead":  # noqa: ARG002  # it learns in no epochs
        """Fit a head to the training part, seen as a whole."""
        rows = job.parts["train"]
        weight, bias = fit_linear(
            self.features[rows, 0],
            self.photos.labels[rows],
            self._sources[rows],
            len(self.photos.classes),
            c=self.recipe.head.c,
            source_power=self.recipe.balance.source_power,
            scores_weight=self.recipe.scores_weight,
        )
        return LogisticHead(self, job, weight, bias)


class LogisticHead:
    """A fitted logistic head: see `learner.Learnt`."""

    linear_probe = None

    def __init__(
        self, learner: LogisticHeadLearner, job: Job, weight: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        self._learner, self._job, self._weight, self._bias = learner, job, weight, bias
        self.counts_before = self.counts_after = learner.photos.count(job.parts["train"])
        self.epochs: list[Epoch] = []
        self.best_epoch = 0
        self.notes: list[Note] = []

    def answers(self, part: Part) -> Answers:
        """Answer a part of the job."""
        rows = self._job.rows(part)
        return Answers(self.predict(rows), self._learner.photos.labels[rows], rows)

    def predict(self, rows: Index) -> NDArray[np.float32]:
        """Return logits of photos by view."""
        found: NDArray[np.float32] = self._learner.features[rows] @ self._weight.T + self._bias
        return found

    @property
    def model(self) -> HeadModel:
        """What is exported."""
        head = Head([self._weight.shape[1], len(self._bias)], 0.0)
        head.linear[0].load_state_dict({"weight": torch.from_numpy(self._weight), "bias": torch.from_numpy(self._bias)})
        return HeadModel(self._learner.front, head, self._learner.photos.files)
