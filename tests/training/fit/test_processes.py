"""Which process is the first, who writes a file, and who waits for it."""

import logging
import os
from pathlib import Path

import pytest
from torch import distributed

from ecosorter.errors import RunError
from ecosorter.training.fit import processes
from ecosorter.training.fit.processes import is_first, once, wait_for
from ecosorter.training.recipe import Trainer
from tests.training.several import as_node, nodes, started

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
    assert is_first(trainer) is first


def test_a_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.txt"
    once(path, lambda part: part.write_text("first"))
    once(path, lambda part: part.write_text("second"))
    assert [(file.name, file.read_text()) for file in path.parent.iterdir()] == [("a.txt", "first")]


def test_a_file_that_is_not_finished_is_not_there(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        part.write_text("half")
        raise LookupError

    with pytest.raises(LookupError):
        once(tmp_path / "a.txt", fail)
    assert not (tmp_path / "a.txt").exists()


def test_who_waits_says_so_and_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, said = tmp_path / "a.txt", list[str]()

    class TheFirst(logging.Handler):
        """Makes the file as soon as somebody says that it waits."""

        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            path.write_text("from the first")

    monkeypatch.setattr(processes, "_SECONDS_BETWEEN_WORDS", 0)
    handler = TheFirst()
    logging.getLogger(processes.__name__).addHandler(handler)
    try:
        once(path, lambda part: part.write_text("from another"), first=False)
    finally:
        logging.getLogger(processes.__name__).removeHandler(handler)
    assert path.read_text() == "from the first"
    assert len(said) == 1
    assert str(path) in said[0]


def _meet_and_die(environ: dict[str, str], waited_for: Path) -> None:
    """Be one of two processes, of which the first dies and the other one waits for it."""
    as_node(environ)
    rank = int(environ["NODE_RANK"])
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    distributed.barrier()
    if rank == 0:
        os._exit(9)
    with pytest.raises(RunError, match="has ended without making"):
        wait_for(waited_for)


def test_who_waits_for_a_process_that_died_ends_with_an_error(tmp_path: Path) -> None:
    both = started(_meet_and_die, [(environ, tmp_path / "never") for environ in nodes(2)])
    assert [process.exitcode for process in both] == [9, 0]
