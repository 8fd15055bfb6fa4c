"""Starts `ecosorter improve` in a process of its own, beside the service and behind it in line for the processor."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ecosorter.serving.logs import log
from ecosorter.serving.store import Store

_REST = 3600.0  # seconds


class Job:
    """How this service starts the command.

    Args:
        store: whose corrections and registry it works on.
        model: the bundle with which an empty registry begins; None for the one that comes along.
    """

    def __init__(self, store: Store, model: Path | None) -> None:
        self._store, self._model = store, model
        self._resting_until = 0.0
        self._process: subprocess.Popen[str] | None = None

    def start(self, who: str, every_hours: float = 0) -> None:
        """Start it. Where one is under way in any process, the new one sees that and ends.

        Args:
            who: asks for it.
            every_hours: it does nothing when the last one began less than this ago.
        """
        command = [
            sys.executable,
            "-m",
            "ecosorter.cli",
            "improve",
            "--quiet",
            "--who",
            who,
            "--every",
            str(every_hours),
        ]
        if self._model is not None:
            command += ["--model", str(self._model)]
        environment = self._environment()
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._wait, args=(self._process,), name="ecosorter-improve", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether the process that this one has started is there."""
        return self._process is not None and self._process.poll() is None

    def may_be_scheduled(self) -> bool:
        """Tell whether to start it by schedule: not while it runs, nor in the hour after it has failed."""
        return not self.running and time.monotonic() >= self._resting_until

    def _wait(self, process: "subprocess.Popen[str]") -> None:
        """Wait for the end, and write into the log what it has said."""
        _, said = process.communicate()
        if process.returncode:
            self._resting_until = time.monotonic() + _REST
            log.error("improve_failed", extra={"exit_code": process.returncode, "problem": said.strip()[-1000:]})
        else:
            log.info("improve_ended")

    def _environment(self) -> Mapping[str, str]:
        """Return the variables: others of the machine can see a command line, and a URL may have a password."""
        url, place = self._store.addresses
        mine = {"ECOSORTER_DATABASE": url, "ECOSORTER_PHOTOS_AT": place}
        others = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
        return others | mine
