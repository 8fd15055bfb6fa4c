"""Who writes a file, and who waits for it."""

import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from torch import distributed

from ecosorter.errors import RunError
from ecosorter.training import waiting
from ecosorter.training.waiting import once, once_read, wait_for
from tests.training.several import as_node, nodes, started


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


def test_a_file_that_cannot_be_read_is_set_aside_and_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    assert once_read(path, lambda part: part.write_text("[1]"), _json) == [1]
    assert (tmp_path / "a.damaged.json").read_text() == "{"
    assert str(path) in caplog.text
    assert once_read(path, lambda part: part.write_text("[2]"), _json) == [1]


def test_who_finds_a_damaged_file_waits_until_the_first_has_made_it_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(once_read, path, lambda part: part.write_text("[9]"), _json, rank=1)
        time.sleep(0.1)
        once_read(path, lambda part: part.write_text("[1]"), _json)
        assert other.result(timeout=30) == [1]


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_who_waits_says_so_and_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, said = tmp_path / "a.txt", list[str]()

    class TheFirst(logging.Handler):
        """Makes the file as soon as somebody says that it waits."""

        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            path.write_text("from the first")

    monkeypatch.setattr(waiting, "_SECONDS_BETWEEN_WORDS", 0)
    handler = TheFirst()
    logging.getLogger(waiting.__name__).addHandler(handler)
    try:
        once(path, lambda part: part.write_text("from another"), rank=1)
    finally:
        logging.getLogger(waiting.__name__).removeHandler(handler)
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
