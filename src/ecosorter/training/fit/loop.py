"""Fits a head on features. Lightning runs the loop: early stopping, plateau, checkpoints, resume, devices."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from numpy.typing import NDArray

from ecosorter.files import write_whole
from ecosorter.training.fit.heads import Head
from ecosorter.training.fit.task import HeadTask, Part, Rows
from ecosorter.training.quiet import quietly
from ecosorter.training.recipe import EarlyStopping as EarlyStoppingRule
from ecosorter.training.recipe import Fit, Trainer
from ecosorter.training.results import Epoch

OnEpoch = Callable[[Epoch], None]

_EPOCHS_BETWEEN_CHECKPOINTS = 5  # one takes as long as a tenth of an epoch of a small head


class _Tell(Callback):
    """Tell somebody of each epoch once its figures are written down; keep the last one."""

    def __init__(self, on_epoch: OnEpoch, last: Path) -> None:
        self._on_epoch, self._last = on_epoch, last

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Tell of the epoch before this one."""
        if trainer.is_global_zero and isinstance(pl_module, HeadTask) and pl_module.epochs:
            self._on_epoch(pl_module.epochs[-1])

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Tell of the last epoch and write its checkpoint."""
        self.on_train_epoch_start(trainer, pl_module)
        trainer.save_checkpoint(self._last)


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
        write_whole(finished, lambda part: torch.save(_combined(kept, last), part))
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
    callbacks: list[Callback] = [_Tell(on_epoch, last)]
    if stopping:
        watched, mode = stopping.monitor, "min" if stopping.monitor.endswith("loss") else "max"
        callbacks += [
            EarlyStopping(watched, patience=stopping.patience, mode=mode, check_on_train_epoch_end=True),
            ModelCheckpoint(filename="best", monitor=watched, mode=mode, **keep),
        ]
    callbacks.append(ModelCheckpoint(filename="last", every_n_epochs=_EPOCHS_BETWEEN_CHECKPOINTS, **keep))
    with quietly("lightning.pytorch"), _for_short_steps():
        run(task, trainer, last, max_epochs=recipe.epochs, callbacks=callbacks)


def run(task: lightning.LightningModule, trainer: Trainer, last: Path, **more: Any) -> None:
    """Let Lightning train, without a word, from the last checkpoint or from the start.

    Args:
        task: what is trained.
        trainer: accelerator, devices, nodes and strategy.
        last: the checkpoint, which need not be there; its folder is Lightning's.
        more: arguments of `lightning.Trainer`.
    """
    runner = lightning.Trainer(
        accelerator=trainer.accelerator,
        devices=trainer.devices,
        num_nodes=trainer.num_nodes,
        strategy=trainer.strategy,
        default_root_dir=last.parent,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **more,
    )
    runner.fit(task, ckpt_path=last if last.is_file() else None, weights_only=True)


def _best(epochs: list[Epoch], stopping: EarlyStoppingRule) -> int:
    """Return the first epoch that no other is better than, by what early stopping watches."""
    sign = -1 if stopping.monitor.endswith("loss") else 1
    return int(np.argmax([sign * getattr(epoch, stopping.monitor) for epoch in epochs]))


def _combined(kept: Path, last: Path) -> dict[str, Any]:
    """Return the weights of the epoch that is kept and the figures of all epochs."""
    weights, everything = _load(kept), _load(last)
    return {"state_dict": weights["state_dict"], "epochs": everything["epochs"]}


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


@torch.inference_mode()
def logits(head: Head, rows: Rows) -> NDArray[np.float32]:
    """Return the head's logits [n, classes] on some rows."""
    size = rows.evaluation_batch
    starts = range(0, len(rows), size)
    parts = [head(rows.take(list(range(s, min(s + size, len(rows)))))[0]).numpy() for s in starts]
    return np.concatenate(parts) if parts else np.empty((0, head.linear[-1].out_features), np.float32)


def can_fit_meanwhile(trainer: Trainer) -> bool:
    """Tell whether `meanwhile` may be used: a spare core, and no device but the processor, which forks badly."""
    if sys.platform != "linux" or torch.accelerator.is_available():
        return False
    return len(os.sched_getaffinity(0)) > 1 and trainer.devices == 1 and trainer.num_nodes == 1


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Do work in a second process while the block runs, and wait for it at the end.

    Only what the work leaves on disk comes back, as the checkpoints of a fit do. The work may end early: with the
    block, by an error, or because it takes far longer than the block. So whoever needs it calls it again after the
    block, and it goes on from what it left.
    """
    # A fork has the libraries, which take seconds to load, and the rows, as torch's own loaders have.
    process = multiprocessing.get_context("fork").Process(target=_apart, args=(work,), daemon=True)
    process.start()
    start = time.monotonic()
    try:
        yield
        process.join(10 + 2 * (time.monotonic() - start))
    finally:
        process.kill()
        process.join()


def _apart(work: Callable[[], object]) -> None:
    """Do work in a forked process that ends with its parent, however that ends."""
    torch.set_num_threads(1)  # the threads of the parent's pool are not in the fork
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # for mypy

    def end_with_parent() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(Exception):  # it comes again in the parent, which can tell of it
        work()


@contextmanager
def _for_short_steps() -> Iterator[None]:
    """Set torch up for steps of a millisecond.

    One thread: waiting for a second one costs more than it gives, and on a busy machine ten times as much. Numbers too
    small for float32's normal range count as 0: a head that is sure of its rows has gradients of that kind, and
    processors are slow with them. Products may use a processor's bfloat16 units where it has some; sums stay float32.
    """
    threads = torch.get_num_threads()
    precision = torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
