"""Whole networks: each is trained from the pretrained one, its head fitted to it before and after."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecosorter.datasets.photoset import Index, PhotoSet
from ecosorter.datasets.sampling import source_balanced
from ecosorter.files import write_text
from ecosorter.preprocess import PreprocessSpec, decode_pixels
from ecosorter.progress import Advance, Progress
from ecosorter.texts.note import Note
from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.imagenet_scores import imagenet_scores
from ecosorter.training.export.network import float_graph
from ecosorter.training.export.quantize import quantize
from ecosorter.training.export.views import range_batches, view_outputs
from ecosorter.training.features import normalised
from ecosorter.training.fit.answers_file import load_answers
from ecosorter.training.fit.checkpoints import loaded, saved
from ecosorter.training.fit.finetune import finetune, finished
from ecosorter.training.fit.learner import Answers, Job
from ecosorter.training.fit.linear_probe import fit_linear
from ecosorter.training.fit.network import WasteNet, feature_width
from ecosorter.training.fit.pixels import store_photos
from ecosorter.training.fit.predict import predict, whole_features
from ecosorter.training.fit.processes import global_rank
from ecosorter.training.recipe import Finetune, Recipe
from ecosorter.training.results import Epoch, OnEpoch, Part
from ecosorter.training.waiting import once_read

_DROPOUT = 0.2


class NetworkLearner:
    """Trains networks end to end. Photos are decoded once for all fits, and the pretrained network sees them once.

    Args:
        photos: of the run.
        recipe: every choice.
        rule: its `finetune`.
        backbone: the pretrained network.
        spec: from a photo to pixels.
        folder: of the decoded photos and of the checkpoints.
        progress: is told of each photo.

    Raises:
        BackboneError: the network cannot be trained, or has no ImageNet classes where their scores are asked for.
        RecipeError: the scores are asked for, and a class has no names of things.
    """

    def __init__(
        self,
        photos: PhotoSet,
        recipe: Recipe,
        rule: Finetune,
        backbone: Backbone,
        spec: PreprocessSpec,
        folder: Path,
        progress: Progress,
    ) -> None:
        self.photos, self.recipe, self.rule, self.spec, self.folder = photos, recipe, rule, spec, folder
        self._backbone, self.progress = backbone, progress
        self.rank = global_rank(recipe.trainer)
        network = self.pretrained()  # before hours of work, to learn whether it can be had
        self.paths = [row.path for row in photos.rows]
        self.sources = np.array([row.source for row in photos.rows])
        on_board = np.isin(self.sources, recipe.augment.boards)
        with progress.stage("decode", len(self.paths)) as advance:
            self.stored = store_photos(self.paths, on_board, spec, folder / "photos", advance, rank=self.rank)
        seen = folder / "photos" / "pretrained.npy"
        self._seen_before: NDArray[np.float32] = once_read(
            seen, lambda part: np.save(part, self.see(network, self.paths)), np.load, rank=self.rank
        )

    def fit(self, job: Job, on_epoch: OnEpoch) -> "LearntNetwork":
        """Train a network on the training part; go on where an earlier call was cut off."""
        place, rows = self.folder / job.name, job.parts["train"]
        torch.manual_seed(self.recipe.seed)
        before, network = (self._with_first_head(rows, place) for _ in range(2))
        with self.progress.stage(f"train {job.name}", round(self.rule.epochs * len(rows))) as advance:
            losses = self._train(network, rows, place, advance)
        write_text(place / "losses.json", json.dumps([round(loss, 4) for loss in losses]))
        epochs = _epochs(losses, self.rule, len(rows))
        for epoch in epochs:
            on_epoch(epoch)
        self._with_head(
            network, lambda: self.see(network, [self.paths[row] for row in rows]), rows, place / "last-head.pt"
        )
        return LearntNetwork(self, job, network, epochs, before)

    def help(self, job: Job) -> None:
        """Take part in the training of a network, as another process than the first, which does all else.

        Raises:
            RunError: the first process has ended.
        """
        place, rows = self.folder / job.name, job.parts["train"]
        if load_answers(place, rank=self.rank) is None and finished(place, rank=self.rank) is None:
            torch.manual_seed(self.recipe.seed)
            self._train(self._with_first_head(rows, place), rows, place, lambda _: None)

    def pretrained(self) -> WasteNet:
        """Return the pretrained network, its head not fitted to anything."""
        body, classes = self._backbone.body(), self.photos.classes
        scores = imagenet_scores(self._backbone, classes) if self.recipe.features.imagenet_scores else None
        return WasteNet(body, feature_width(body, self.spec.size), len(classes), _DROPOUT, scores)

    def see(self, network: WasteNet, paths: Sequence[Path]) -> NDArray[np.float32]:
        """Return what a network makes of whole photos: features float32 ``[n, d]``."""
        return whole_features(network, paths, self.spec, lambda _: None)

    def _train(self, network: WasteNet, rows: Index, place: Path, advance: Callable[[int], None]) -> list[float]:
        labels, classes = self.photos.labels[rows], len(self.photos.classes)
        scores = self._seen_before[rows, -classes:] if self.recipe.features.imagenet_scores else None
        return finetune(
            network,
            self.stored.take(rows),
            labels,
            source_balanced(labels, self.sources[rows], self.recipe.balance.source_power),
            spec=self.spec,
            recipe=self.rule,
            rule=self.recipe.augment,
            trainer=self.recipe.trainer,
            seed=self.recipe.seed,
            folder=place,
            advance=advance,
            scores=scores,
        )

    def _with_first_head(self, rows: Index, place: Path) -> WasteNet:
        network = self.pretrained()
        self._with_head(network, lambda: self._seen_before[rows], rows, place / "first-head.pt")
        return network

    def _with_head(self, network: WasteNet, seen: Callable[[], NDArray[np.float32]], rows: Index, kept: Path) -> None:
        """Give a network a head that is fitted to what it sees in these photos; the head is kept in a file."""

        def fitted(part: Path) -> None:
            weight, bias = fit_linear(
                seen(),
                self.photos.labels[rows],
                self.sources[rows],
                len(self.photos.classes),
                c=self.recipe.head.c,
                source_power=self.recipe.balance.source_power,
                scores_weight=self.recipe.scores_weight,
            )
            part.write_bytes(saved({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)}))

        once_read(kept, fitted, lambda path: network.head.load_state_dict(loaded(path)), rank=self.rank)


class LearntNetwork:
    """A trained network: see `learner.Learnt`."""

    def __init__(
        self, learner: NetworkLearner, job: Job, network: WasteNet, epochs: list[Epoch], before: WasteNet | None
    ) -> None:
        self._learner, self._job, self._network, self._before = learner, job, network, before
        self.counts_before = self.counts_after = learner.photos.count(job.parts["train"])
        self.epochs, self.best_epoch = epochs, max(0, len(epochs) - 1)
        self.notes: list[Note] = []

    @property
    def linear_probe(self) -> "LearntNetwork | None":
        """The pretrained network with a fitted head."""
        return LearntNetwork(self._learner, self._job, self._before, [], None) if self._before else None

    @cached_property
    def model(self) -> "NetworkModel":
        """What is exported."""
        learner = self._learner
        return NetworkModel(self._network, learner.spec, learner.paths, self._job.parts["train"], learner.recipe.seed)

    def answers(self, part: Part) -> Answers:
        """Answer a part of the job."""
        rows = self._job.rows(part)
        return Answers(self.predict(rows), self._learner.photos.labels[rows], rows)

    def predict(self, rows: Index) -> NDArray[np.float32]:
        """Return logits of photos by view; by the integers where those are what ships."""
        learner = self._learner
        paths = [learner.paths[row] for row in rows]
        if not paths:
            return np.empty((0, len(learner.spec.zooms), len(learner.photos.classes)), np.float32)
        if not learner.recipe.export.int8:
            return predict(self._network, paths, learner.spec, lambda _: None).logits
        return view_outputs(self.model.graph(int8=True), "logits", paths, learner.spec, lambda _: None)


@dataclass(frozen=True, eq=False)
class NetworkModel:
    """See `learner.Model`. A graph is made once, when it is first asked for.

    Attributes:
        network: trained.
        spec: from a photo to pixels.
        paths: every photo of the run.
        train: rows of the photos that it learnt from; of them come the ranges of the integers.
        seed: draws those.
    """

    network: WasteNet
    spec: PreprocessSpec
    paths: list[Path]
    train: Index
    seed: int

    def graph(self, *, int8: bool) -> bytes:
        """Convert the network; in integers where those are asked for."""
        return self._integers if int8 else self._floats

    @cached_property
    def _floats(self) -> bytes:
        return float_graph(self.network, self.spec)

    @cached_property
    def _integers(self) -> bytes:
        return quantize(self._floats, range_batches([self.paths[row] for row in self.train], self.spec, self.seed))

    def features(self, rows: Index, advance: Advance, *, int8: bool) -> NDArray[np.float32]:
        """Compute the features of photos."""
        paths = [self.paths[row] for row in rows]
        return view_outputs(self.graph(int8=int8), "features", paths, self.spec, advance)

    def reference(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Answer whole photos by the network in float32."""
        pixels = np.stack([decode_pixels(self.paths[row], self.spec) for row in rows])
        with torch.inference_mode():
            found: NDArray[np.float32] = self.network(normalised(torch.from_numpy(pixels), self.spec)).numpy()
        return found


def _epochs(losses: Sequence[float], rule: Finetune, photos: int) -> list[Epoch]:
    """Return the mean loss of each pass over the photos; the last may be a part of one."""
    steps = max(1, round(photos / rule.batch_size))
    return [
        Epoch(epoch=number, train_loss=float(np.mean(losses[start : start + steps])), learning_rate=rule.learning_rate)
        for number, start in enumerate(range(0, len(losses), steps))
    ]
