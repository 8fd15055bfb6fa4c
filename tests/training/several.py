"""Several processes that train together, on this machine."""

import multiprocessing
import os
import socket
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any


def started(target: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> list[BaseProcess]:
    """Call a function of a test module in a process for each tuple of arguments, and wait for all."""
    context = multiprocessing.get_context("forkserver")
    # What the processes import takes seconds, and their server imports it once for all: the first call starts it, so
    # that call names what the others need too.
    context.set_forkserver_preload(["tests.training.test_run_network", "tests.training.fit.test_finetune"])
    processes = [context.Process(target=target, args=arguments) for arguments in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
        process.kill()  # one that hangs; its exit code tells
        process.join()
    return list(processes)


def nodes(number: int) -> list[dict[str, str]]:
    """Return the environments of processes that stand for so many computers, each with one device."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [{**meeting, "NODE_RANK": str(rank)} for rank in range(number)]


def as_node(environ: dict[str, str]) -> None:
    """Let this process, which must be one of its own, stand for a computer."""
    os.environ.update(environ)
