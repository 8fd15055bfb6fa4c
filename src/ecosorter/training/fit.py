"""Fits a head on features. Lightning runs the loop: early stopping, plateau, checkpoints, resume, devices."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from ecosorter.training.heads import Head
from ecosorter.training.quiet import quietly
from ecosorter.training.recipe import EarlyStopping as EarlyStoppingRule
from ecosorter.training.recipe import Fit, Trainer
from ecosorter.training.results import Epoch

Part = Literal["train", "validation", "test"]
Batch = tuple[Tensor, Tensor]
OnEpoch = Callable[[Epoch], None]

_EVALUATION_BATCH = 512


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
        return DataLoader(data, batch_size=self._recipe.batch_size, sampler=sampler, collate_fn=_as_is)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Return the parts that every epoch is looked at on, in a fixed order."""
        return [
            DataLoader(_Batches(self._parts[part]), batch_size=_EVALUATION_BATCH, collate_fn=_as_is)
            for part in self._watched
        ]

    def on_train_epoch_start(self) -> None:
        """Begin to add up the epoch's figures."""
        self._seen = torch.zeros(3, device=self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        if batch_idx == 0:  # dropout too depends on seed and epoch only; drawing the order has used some numbers by now
            torch.manual_seed((self._seed << 16) + self.current_epoch)
        loss, correct = self._measured(batch)
        # Added up here: Lightning's own bookkeeping costs more than a step of a head does.
        self._seen += torch.stack(
            [loss.detach() * len(batch[1]), correct * len(batch[1]), loss.new_tensor(len(batch[1]))]
        )
        return loss

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:  # noqa: ARG002
        """Measure one batch of a part that is only looked at."""
        loss, correct = self._measured(batch)
        part = self._watched[dataloader_idx]
        figures = {f"{part}_loss": loss, f"{part}_accuracy": correct}
        self.log_dict(figures, batch_size=len(batch[1]), add_dataloader_idx=False, sync_dist=self._spread)

    def _measured(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss, and the share of right answers."""
        features, labels = batch
        logits = self.head(features)
        return self._loss(logits, labels), (logits.detach().argmax(1) == labels).float().mean()

    @property
    def _spread(self) -> bool:
        return self.trainer.world_size > 1

    def on_train_epoch_end(self) -> None:
        """Write down the epoch."""
        loss, correct, rows = self._seen
        self.log_dict({"train_loss": loss / rows, "train_accuracy": correct / rows}, sync_dist=self._spread)
        seen = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]  # one optimizer
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
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "validation_loss"},
        }


class _Tell(Callback):
    """Tell somebody of each epoch, once its figures are written down and its checkpoint is on the disk."""

    def __init__(self, on_epoch: OnEpoch) -> None:
        self._on_epoch = on_epoch

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Tell of the epoch before this one."""
        if trainer.is_global_zero and isinstance(pl_module, HeadTask) and pl_module.epochs:
            self._on_epoch(pl_module.epochs[-1])

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Tell of the last epoch."""
        self.on_train_epoch_start(trainer, pl_module)


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
    parts: Mapping[Part, Rows],
    *,
    class_weights: NDArray[np.float32] | None,
    seed: int,
    checkpoints: Path,
    on_epoch: OnEpoch,
) -> Fitted:
    """Train a head; go on from the last checkpoint when there is one.

    A run that was killed and started again gives the figures that it would have given uninterrupted.

    Args:
        head: untrained.
        recipe: optimizer, learning rate, batch size, epochs, early stopping, plateau.
        trainer: Lightning's own accelerator, devices, nodes and strategy.
        parts: rows to train on and to look at; `validation` is needed for early stopping and plateau. Test
            rows are measured every epoch, as the published recipe does, and decide nothing.
        class_weights: float32 [classes] for the loss, or None.
        seed: decides weights, order and dropout.
        checkpoints: folder of this fit's checkpoints.
        on_epoch: called with each finished epoch, again for the last one after a resume.

    Returns:
        The head with the weights of the best epoch where early stopping watches one, else of the last.
    """
    finished, last, best = (checkpoints / f"{name}.ckpt" for name in ("finished", "last", "best"))
    weights = None if class_weights is None else torch.from_numpy(class_weights)
    task = HeadTask(head, recipe, parts, class_weights=weights, seed=seed)
    if not finished.is_file():
        _run(task, recipe, trainer, last, on_epoch)
        kept = best if recipe.early_stopping else last
        _combined(kept, last, checkpoints).replace(finished)
    state = _load(finished)
    task.load_state_dict(state["state_dict"])
    task.on_load_checkpoint(state)
    stopping = recipe.early_stopping
    return Fitted(head.eval().cpu(), task.epochs, _best(task.epochs, stopping) if stopping else len(task.epochs) - 1)


def _run(task: HeadTask, recipe: Fit, trainer: Trainer, last: Path, on_epoch: OnEpoch) -> None:
    """Train from the last checkpoint, or from the start, to the end."""
    stopping = recipe.early_stopping
    if last.is_file() and stopping:
        # Lightning forgets across a resume that early stopping had already said stop.
        task.on_load_checkpoint(_load(last))
        if len(task.epochs) - 1 - _best(task.epochs, stopping) >= stopping.patience:
            return
    keep: Any = {"dirpath": last.parent, "save_on_train_epoch_end": True, "enable_version_counter": False}
    callbacks: list[Callback] = [_Tell(on_epoch)]
    if stopping:
        watched, mode = stopping.monitor, "min" if stopping.monitor.endswith("loss") else "max"
        callbacks += [
            EarlyStopping(watched, patience=stopping.patience, mode=mode, check_on_train_epoch_end=True),
            ModelCheckpoint(filename="best", monitor=watched, mode=mode, **keep),
        ]
    callbacks.append(ModelCheckpoint(filename="last", **keep))
    with quietly("lightning.pytorch"), _one_thread():
        runner = lightning.Trainer(
            accelerator=trainer.accelerator,
            devices=trainer.devices,
            num_nodes=trainer.num_nodes,
            strategy=trainer.strategy,
            max_epochs=recipe.epochs,
            callbacks=callbacks,
            default_root_dir=last.parent,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        runner.fit(task, ckpt_path=last if last.is_file() else None, weights_only=True)


def _best(epochs: list[Epoch], stopping: EarlyStoppingRule) -> int:
    """Return the first epoch that no other is better than, by what early stopping watches."""
    sign = -1 if stopping.monitor.endswith("loss") else 1
    return int(np.argmax([sign * getattr(epoch, stopping.monitor) for epoch in epochs]))


def _combined(kept: Path, last: Path, folder: Path) -> Path:
    """Write one file with the weights of the epoch that is kept and the figures of all epochs."""
    weights, everything = _load(kept), _load(last)
    path = folder / "finished.part"
    torch.save({"state_dict": weights["state_dict"], "epochs": everything["epochs"]}, path)
    return path


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


@torch.inference_mode()
def logits(head: Head, rows: Rows) -> NDArray[np.float32]:
    """Return the head's logits [n, classes] on some rows."""
    starts = range(0, len(rows), _EVALUATION_BATCH)
    parts = [head(rows.take(list(range(s, min(s + _EVALUATION_BATCH, len(rows)))))[0]).numpy() for s in starts]
    return np.concatenate(parts) if parts else np.empty((0, head.linear[-1].out_features), np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: a step of a head is so short that waiting for a second one costs more than it gives.

    On a busy machine it costs ten times as much.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
