"""Several processes that train one network together: the first of them writes files, the others wait for those.

Lightning says which process is the first, whoever started them: Lightning itself, torchrun, Slurm or a person.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
from torch import distributed

from ecosorter.errors import RunError
from ecosorter.files import write_whole
from ecosorter.training.quiet import quietly
from ecosorter.training.recipe import Trainer

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_WORDS = 300

_log = logging.getLogger(__name__)


def is_first(trainer: Trainer) -> bool:
    """Tell whether this process is the first of those that train together, as one that trains alone is."""
    with quietly("lightning.pytorch"):
        runner = lightning.Trainer(
            **trainer.model_dump(),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    return runner.is_global_zero


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


def once(path: Path, make: Callable[[Path], object], *, first: bool = True) -> None:
    """Make a file that is not there yet: the first process makes it, any other waits until it is there.

    Args:
        path: the file, in a folder that all processes see.
        make: as in `write_whole`.
        first: whether this process is the first.

    Raises:
        RunError: the first process has ended without making it.
    """
    if not first:
        wait_for(path)
    elif not path.is_file():
        write_whole(path, make)


def wait_for(path: Path) -> None:
    """Wait until the first process has made a file, however long its work takes.

    When the first process ends, those that have trained with it know. Before they have, whoever started them must end
    them, as torchrun and Slurm do; so they say what they wait for.

    Raises:
        RunError: the first process has ended without making it.
    """
    next_word = time.monotonic() + _SECONDS_BETWEEN_WORDS
    while not path.is_file():
        if not _first_is_there() and not path.is_file():
            raise RunError(f"The first of the processes has ended without making {path}; see what it said.")
        if time.monotonic() >= next_word:
            _log.warning("waiting for the first of the processes to make %s", path)
            next_word += _SECONDS_BETWEEN_WORDS
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _first_is_there() -> bool:
    """Tell whether the store of torch's process group answers, which the first process keeps; True without a group."""
    if not distributed.is_available() or not distributed.is_initialized():
        return True
    try:
        distributed.distributed_c10d._get_default_store().check(["any"])  # torch has no public way
    except distributed.DistError:
        return False
    return True
