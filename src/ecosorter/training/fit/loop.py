"""Fits a head on features: early stopping, plateau, checkpoints, resume."""

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from ecosorter.errors import RunError
from ecosorter.training.fit.checkpoints import Checkpoints
from ecosorter.training.fit.device import head_device
from ecosorter.training.fit.heads import Head
from ecosorter.training.fit.rows import FeatureRows
from ecosorter.training.recipe import Fit, Trainer
from ecosorter.training.results import Epoch, OnEpoch, Part

_EPOCHS_BETWEEN_CHECKPOINTS = 5  # one takes as long as a tenth of an epoch of a small head
_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained head, the figures of its epochs, and the epoch (from 0) whose weights it has."""

    head: Head
    epochs: list[Epoch]
    best_epoch: int


def fit(
    head: Head,
    recipe: Fit,
    trainer: Trainer,
    parts: Mapping[Part, FeatureRows],
    *,
    class_weights: NDArray[np.float32] | None,
    seed: int,
    checkpoints: Path,
    on_epoch: OnEpoch,
) -> Fitted:
    """Train a copy of a head; go on from the last checkpoint when there is one.

    A run that was killed and started again gives the figures that it would have given uninterrupted.

    Args:
        head: untrained.
        recipe: optimizer, learning rate, batch size, epochs, early stopping, plateau.
        trainer: decides the device.
        parts: rows to train on and to look at; `validation` is needed for early stopping and plateau. Test
            rows are measured every epoch, as the published recipe does, and decide nothing.
        class_weights: float32 [classes] for the loss, or None.
        seed: decides order and dropout.
        checkpoints: folder of this fit's checkpoints.
        on_epoch: called with each epoch as it is finished; after a resume with those since the checkpoint.

    Returns:
        The head with the weights of the best epoch where early stopping watches one, else of the last.

    Raises:
        RecipeError: the device is not there.
        RunError: training diverged, the features are no numbers, or a checkpoint cannot be written.
    """
    device = head_device(trainer)
    weights = None if class_weights is None else torch.from_numpy(class_weights).to(device)
    loss = nn.CrossEntropyLoss(weight=weights)

    def training(state: dict[str, Any] | None = None) -> _Training:
        return _Training(copy.deepcopy(head).to(device), recipe, state)

    store = Checkpoints(checkpoints)
    run = store.load(training) or training()
    with _for_short_steps():
        while not run.is_over:
            on_epoch(run.add_epoch(parts, loss, seed))
            if run.is_over or len(run.epochs) % _EPOCHS_BETWEEN_CHECKPOINTS == 0:
                store.save(run.state())
    return Fitted(run.best_head().cpu(), run.epochs, run.best_epoch)


@torch.inference_mode()
def logits(head: Head, rows: FeatureRows) -> NDArray[np.float32]:
    """Return the head's logits [n, classes] on some rows."""
    parts = [head(rows.take(batch)[0]).numpy() for batch in rows.evaluation_batches]
    return np.concatenate(parts) if parts else np.empty((0, head.linear[-1].out_features), np.float32)


class _Training:
    """A head in training, and all that decides how it goes on.

    Args:
        head: on its device.
        recipe: optimizer, early stopping, plateau.
        state: of a checkpoint, to go on from.

    Attributes:
        epochs: what each finished epoch gave.
    """

    def __init__(self, head: Head, recipe: Fit, state: dict[str, Any] | None = None) -> None:
        self._head, self._recipe, self._device = head, recipe, head.linear[0].weight.device
        self._optimizer = _OPTIMIZERS[recipe.optimizer](
            head.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,  # several times as fast on a CPU
        )
        rule = recipe.plateau
        self._plateau = rule and torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._optimizer, factor=rule.factor, patience=rule.patience, min_lr=rule.min_learning_rate
        )
        self.epochs: list[Epoch] = []
        self._best_weights: dict[str, Tensor] = {}
        if state is not None:
            self._restore(state)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {
            "epochs": [epoch.model_dump() for epoch in self.epochs],
            "head": self._head.state_dict(),
            "best": self._best_weights,
            "optimizer": self._optimizer.state_dict(),
            "plateau": self._plateau and self._plateau.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._head.load_state_dict(state["head"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._plateau:
            self._plateau.load_state_dict(state["plateau"])
        self._best_weights = state["best"]
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self.best_head()  # fails now where the best weights are not this head's

    @property
    def best_epoch(self) -> int:
        """The first epoch that no other is better than, by what early stopping watches; without it the last."""
        stopping = self._recipe.early_stopping
        if not stopping:
            return len(self.epochs) - 1
        sign = -1 if stopping.monitor.endswith("loss") else 1
        return int(np.argmax([sign * getattr(epoch, stopping.monitor) for epoch in self.epochs]))

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or early stopping has said stop."""
        done, stopping = len(self.epochs), self._recipe.early_stopping
        if stopping and done and done - 1 - self.best_epoch >= stopping.patience:
            return True
        return done >= self._recipe.epochs

    def best_head(self) -> Head:
        """Return a head with the weights of the best epoch."""
        head = copy.deepcopy(self._head)
        if self._recipe.early_stopping:
            head.load_state_dict(self._best_weights)
        return head

    def add_epoch(self, parts: Mapping[Part, FeatureRows], loss: nn.Module, seed: int) -> Epoch:
        """Train for one epoch, measure, and return the figures.

        Order and dropout depend on seed and epoch only, so a resumed run repeats them.
        """
        number, rate = len(self.epochs), self._optimizer.param_groups[0]["lr"]
        order = torch.randperm(len(parts["train"]), generator=Generator().manual_seed(seed + number)).numpy()
        dropout = Generator(self._device).manual_seed((seed << 16) + number)
        figures: dict[str, float] = {}
        figures["train_loss"], figures["train_accuracy"] = self._train(parts["train"], order, dropout, loss)
        watched: tuple[Part, ...] = ("validation", "test")
        for part in watched:
            if part in parts:
                figures[f"{part}_loss"], figures[f"{part}_accuracy"] = self._measure(parts[part], loss)
        if self._plateau:
            self._plateau.step(figures["validation_loss"])
        epoch = Epoch(epoch=number, learning_rate=rate, **figures)
        self.epochs.append(epoch)
        if self._recipe.early_stopping and self.best_epoch == number:
            self._best_weights = copy.deepcopy(self._head.state_dict())
        return epoch

    def _train(
        self, rows: FeatureRows, order: NDArray[np.int64], dropout: Generator, loss: nn.Module
    ) -> tuple[float, float]:
        """Take a step for each batch of the rows in order; return the mean loss and the accuracy."""
        total, right = 0.0, 0
        for start in range(0, len(order), self._recipe.batch_size):
            features, labels = self._batch(rows, order[start : start + self._recipe.batch_size])
            logits = self._head(features, dropout)
            value = loss(logits, labels)
            self._optimizer.zero_grad()
            value.backward()
            total += len(labels) * _number(value, features)
            self._optimizer.step()
            right += int((logits.argmax(1) == labels).sum())
        return total / len(order), right / len(order)

    @torch.inference_mode()
    def _measure(self, rows: FeatureRows, loss: nn.Module) -> tuple[float, float]:
        """Return the mean loss and the accuracy on rows that are only looked at."""
        total, right = 0.0, 0
        for batch in rows.evaluation_batches:
            features, labels = self._batch(rows, batch)
            logits = self._head(features)
            total += len(labels) * _number(loss(logits, labels), features)
            right += int((logits.argmax(1) == labels).sum())
        return total / len(rows), right / len(rows)

    def _batch(self, rows: FeatureRows, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        features, labels = rows.take(numbers)
        return features.to(self._device), labels.to(self._device)


def _number(loss: Tensor, features: Tensor) -> float:
    """Return the loss of some features as a number, or say why it is none."""
    value = loss.item()
    if math.isfinite(value):
        return value
    if not features.isfinite().all():
        raise RunError(
            "Some features are no numbers, so nothing can be learned from them. "
            "Choose another features.backbone, or features.output 'pooled' where it is 'flattened'."
        )
    raise RunError(
        "Training diverged: the loss is no longer a number. "
        "Lower fit.learning_rate, to a tenth perhaps, and start again with another --out."
    )


@contextmanager
def _for_short_steps() -> Iterator[None]:
    """Set torch up for steps of a millisecond.

    One thread: waiting for a second one costs more than it gives, and on a busy machine ten times as much. Numbers too
    small for float32's normal range count as 0: a head that is sure of its rows has gradients of that kind, and
    processors are slow with them. Both hold for the calling thread alone.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
