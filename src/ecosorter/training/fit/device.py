"""Says on which device a head is trained."""

import torch

from ecosorter.errors import RecipeError
from ecosorter.training.recipe import Trainer


def head_device(trainer: Trainer) -> torch.device:
    """Return the one device that a head is trained on.

    Args:
        trainer: its `accelerator` is ``"auto"``, ``"cpu"``, ``"gpu"``, or torch's name of an accelerator.

    Raises:
        RecipeError: it asks for several devices or computers, or for one that is not there.
    """
    if trainer.devices not in (1, "auto") or trainer.num_nodes != 1 or trainer.strategy != "auto":
        raise RecipeError(
            "A head is trained on one device. Leave trainer.devices, trainer.num_nodes and trainer.strategy "
            "out of its recipe: they are for whole networks."
        )
    there = torch.accelerator.current_accelerator(check_available=True)
    if there and trainer.accelerator in ("auto", "gpu", there.type):
        return there
    if trainer.accelerator in ("auto", "cpu"):
        return torch.device("cpu")
    names = "'auto' or 'cpu'" if there is None else f"'auto', 'cpu' or '{there.type}'"
    raise RecipeError(f"There is no device {trainer.accelerator!r} here for trainer.accelerator: choose {names}.")
