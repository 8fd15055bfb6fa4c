"""Which process is the first."""

import pytest

from ecosorter.training.fit.processes import global_rank
from ecosorter.training.recipe import Trainer

ALONE = Trainer(accelerator="cpu")
NODES = Trainer(accelerator="cpu", num_nodes=2, strategy="ddp")
DEVICES = Trainer(accelerator="cpu", devices=2, strategy="ddp")


@pytest.mark.parametrize(
    ("trainer", "environ", "first"),
    [
        (ALONE, {}, True),
        (ALONE, {"SLURM_PROCID": "3"}, True),  # one of several runs that have nothing to do with one another
        (NODES, {}, True),
        (NODES, {"NODE_RANK": "1"}, False),
        (DEVICES, {}, True),
        (DEVICES, {"LOCAL_RANK": "1"}, False),
        (DEVICES, {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}, False),
        (NODES, {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, False),
    ],
)
def test_the_first_is_who_lightning_says(
    trainer: Trainer, environ: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert (global_rank(trainer) == 0) is first
