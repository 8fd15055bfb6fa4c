"""Starts `ecosorter improve` in a process of its own, beside the service and behind it in line for the processor."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ecosorter.serving.store import Store


class Job:
    """How this service starts the command.

    Args:
        store: whose corrections and registry it works on.
        model: the bundle with which an empty registry begins; None for the one that comes along.
    """

    def __init__(self, store: Store, model: Path | None) -> None:
        self._store, self._model = store, model
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, who: str, every_hours: float = 0) -> None:
        """Start it. Where one is under way in any process, the new one sees that and ends.

        Args:
            who: asks for it.
            every_hours: it does nothing when the last one began less than this ago.
        """
        if self._process is not None:
            self._process.poll()  # or it would stay a zombie
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
        self._process = subprocess.Popen(command, env=self._environment(), stdin=subprocess.DEVNULL)

    def _environment(self) -> Mapping[str, str]:
        """Return the variables: others of the machine can see a command line, and a URL may have a password."""
        url, place = self._store.addresses
        mine = {"ECOSORTER_DATABASE": url, "ECOSORTER_PHOTOS_AT": place}
        others = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
        return others | mine
