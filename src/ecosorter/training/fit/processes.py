"""Several processes that train one network together: the first of them writes files, the others wait for those.

Lightning says which process is the first, whoever started them: Lightning itself, torchrun, Slurm or a person.
"""

from pathlib import Path
from typing import Any

import lightning.pytorch as lightning

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


def run(task: lightning.LightningModule, trainer: Trainer, last: Path, **more: Any) -> None:
    """Let Lightning train, without a word, from the last checkpoint or from the start.

    Args:
        task: what is trained.
        trainer: accelerator, devices, nodes and strategy.
        last: the checkpoint, which need not be there; its folder is Lightning's.
        more: arguments of `lightning.Trainer`.
    """
    runner = lightning.Trainer(
        **trainer.model_dump(),
        default_root_dir=last.parent,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **more,
    )
    runner.fit(task, ckpt_path=last if last.is_file() else None, weights_only=True)
