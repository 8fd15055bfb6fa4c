"""Several processes that train one network together: the first of them writes files, the others wait for those.

Lightning says which process is the first, whoever started them: Lightning itself, torchrun, Slurm or a person.
"""

import lightning.pytorch as lightning

from ecosorter.training.quiet import quietly
from ecosorter.training.recipe import Trainer


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
