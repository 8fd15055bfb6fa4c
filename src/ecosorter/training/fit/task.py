"""What Lightning trains: a head, on rows of features that are in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import lightning.pytorch as lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from ecosorter.training.fit.heads import Head
from ecosorter.training.recipe import Fit
from ecosorter.training.results import Epoch

Part = Literal["train", "validation", "test"]
Batch = tuple[Tensor, Tensor]

_EVALUATION_NUMBERS = 12_800_000  # in a batch that is only looked at: 77 MB, as float16 and as float32

_STEPS_AT_ONCE = 8
"""Optimizer steps in one of Lightning's: a step of a head takes less time than Lightning's bookkeeping for it."""


@dataclass(frozen=True, slots=True)
class Rows:
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
    def evaluation_batch(self) -> int:
        """How many rows at once to look at: as many as do not need much memory."""
        width: int = self.features.shape[1]
        return max(1, _EVALUATION_NUMBERS // width)

    def take(self, numbers: list[int]) -> Batch:
        """Return some of the rows as tensors: features [k, d], labels [k]."""
        rows = np.asarray(numbers) if self.index is None else self.index[numbers]
        return torch.from_numpy(self.features[rows]), torch.from_numpy(self.labels[rows])


class _Batches(Dataset[Batch]):
    """Rows for a DataLoader that asks for a whole batch at once, which is much faster than row by row."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, numbers: list[int]) -> Batch:
        return self._rows.take(numbers)


def _as_is(batch: Any) -> Any:
    """Pass on what `__getitems__` made: a batch already."""
    return batch


class HeadTask(lightning.LightningModule):
    """The training step, the figures of every epoch, and the optimizer of one head.

    Attributes:
        head: the module that is trained.
        epochs: what each finished epoch gave; it travels in the checkpoint, so a resumed run has all of it.
    """

    def __init__(
        self, head: Head, recipe: Fit, parts: Mapping[Part, Rows], *, class_weights: Tensor | None, seed: int
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.head = head
        self.epochs: list[Epoch] = []
        self._recipe, self._parts, self._seed = recipe, dict(parts), seed
        self._loss = nn.CrossEntropyLoss(weight=class_weights)
        self._watched: list[Part] = [part for part in ("validation", "test") if part in parts]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return shuffled batches; the order depends on seed and epoch only, so a resumed run repeats it."""
        data = _Batches(self._parts["train"])
        world, rank = self.trainer.world_size, self.trainer.global_rank
        sampler: DistributedSampler[Batch] = DistributedSampler(data, num_replicas=world, rank=rank, seed=self._seed)
        return DataLoader(data, batch_size=_STEPS_AT_ONCE * self._recipe.batch_size, sampler=sampler, collate_fn=_as_is)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Return the parts that every epoch is looked at on, in a fixed order."""
        parts = [self._parts[part] for part in self._watched]
        return [DataLoader(_Batches(rows), batch_size=rows.evaluation_batch, collate_fn=_as_is) for rows in parts]

    def on_train_epoch_start(self) -> None:
        """Begin to sum up the epoch."""
        # In place: a small tensor kept of each step would lie between the large ones, whose room, free again, would be
        # too small for the next. Flattened features took twice the memory.
        self._rows = 0
        self._loss_sum = torch.zeros((), device=self.device)
        self._right = torch.zeros((), dtype=torch.int64, device=self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one optimizer step for each `batch_size` rows."""
        if batch_idx == 0:  # dropout too depends on seed and epoch only; drawing the order has used some numbers by now
            torch.manual_seed((self._seed << 16) + self.current_epoch)
        optimizer = self.optimizers()
        size = self._recipe.batch_size
        for features, labels in zip(*(torch.split(part, size) for part in batch), strict=True):
            logits = self.head(features)
            loss = self._loss(logits, labels)
            optimizer.zero_grad()  # type: ignore[union-attr]  # one optimizer
            self.manual_backward(loss)
            optimizer.step()  # type: ignore[union-attr]
            self._rows += len(labels)
            self._loss_sum.add_(loss.detach(), alpha=len(labels))
            self._right.add_((logits.argmax(1) == labels).sum())

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002
        """Measure one batch of a part that is only looked at."""
        features, labels = batch
        logits, part = self.head(features), self._watched[dataloader_idx]
        right = (logits.argmax(1) == labels).float().mean()
        figures = {f"{part}_loss": self._loss(logits, labels), f"{part}_accuracy": right}
        self.log_dict(figures, batch_size=len(labels), add_dataloader_idx=False, sync_dist=self._spread)

    @property
    def _spread(self) -> bool:
        return self.trainer.world_size > 1

    def on_train_epoch_end(self) -> None:
        """Write down the epoch."""
        figures = {"train_loss": self._loss_sum / self._rows, "train_accuracy": self._right / self._rows}
        self.log_dict(figures, sync_dist=self._spread)
        seen = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        if self._recipe.plateau:
            self.lr_schedulers().step(self.trainer.callback_metrics["validation_loss"])  # type: ignore[union-attr, arg-type]
        self.epochs.append(Epoch(epoch=self.current_epoch, learning_rate=rate, **seen))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the figures of the epochs travel in the checkpoint."""
        checkpoint["epochs"] = [epoch.model_dump() for epoch in self.epochs]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the figures of the epochs back."""
        self.epochs = [Epoch(**epoch) for epoch in checkpoint["epochs"]]

    def configure_optimizers(self) -> Any:
        """Return the optimizer of the recipe, with its learning-rate plateau where it has one."""
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        optimizer = kinds[self._recipe.optimizer](
            self.head.parameters(),
            lr=self._recipe.learning_rate,
            weight_decay=self._recipe.weight_decay,
            fused=True,  # several times as fast on a CPU
        )
        plateau = self._recipe.plateau
        if plateau is None:
            return optimizer
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=plateau.factor, patience=plateau.patience, min_lr=plateau.min_learning_rate
        )
        return [optimizer], [scheduler]
