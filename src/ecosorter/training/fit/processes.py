"""Several processes that train one network together: the first of them writes files, the others wait for those.

Lightning says which process is the first, whoever started them: Lightning itself, torchrun, Slurm or a person.
"""

from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
from lightning.fabric.plugins.io import TorchCheckpointIO

from ecosorter.training.fit.checkpoints import Checkpoints
from ecosorter.training.quiet import quietly
from ecosorter.training.recipe import Trainer


def global_rank(trainer: Trainer) -> int:
    """Return the rank of this process among those that train together; 0 for the first, and for one that is alone."""
    with quietly("lightning.pytorch"):
        runner = lightning.Trainer(
            **trainer.model_dump(),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    rank: int = runner.global_rank
    return rank


class _Written(TorchCheckpointIO):
    """Lets Lightning save by `Checkpoints`, and go on from a state that was loaded already.

    What forked processes hand over at their end lies elsewhere and is Lightning's own.
    """

    def __init__(self, store: Checkpoints, state: dict[str, Any] | None) -> None:
        super().__init__()
        self._store, self._state = store, state

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if Path(path) == self._store.last:
            self._store.save(checkpoint)
        else:
            super().save_checkpoint(checkpoint, path, storage_options)

    def load_checkpoint(self, path: Any, *more: Any, **named: Any) -> dict[str, Any]:
        if Path(path) == self._store.last:
            return self._state or {}
        found: dict[str, Any] = super().load_checkpoint(path, *more, **named)
        return found


def run(
    task: lightning.LightningModule, trainer: Trainer, store: Checkpoints, state: dict[str, Any] | None, **more: Any
) -> None:
    """Let Lightning train, without a word, from a checkpoint or from the start.

    Args:
        task: what is trained.
        trainer: accelerator, devices, nodes and strategy.
        store: where checkpoints are written.
        state: what was loaded from there, to go on from; None to begin.
        more: arguments of `lightning.Trainer`.

    Raises:
        RunError: a checkpoint cannot be written.
    """
    runner = lightning.Trainer(
        **trainer.model_dump(),
        default_root_dir=store.last.parent,
        plugins=_Written(store, state),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **more,
    )
    runner.fit(task, ckpt_path=None if state is None else store.last, weights_only=True)
