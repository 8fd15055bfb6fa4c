"""Measure processes: their time, their peak memory, several in turn; and write down what came out."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any, TypeVar

Item = TypeVar("Item")

PROGRAM = str(Path(sys.executable).with_name("ecosorter"))
"""The installed command."""

_PACKAGES = ("ecosorter", "numpy", "onnxruntime", "torch", "transformers", "lightning", "Pillow")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB on Linux


@dataclass(frozen=True, slots=True)
class Measured:
    """What a finished process took.

    Attributes:
        seconds: from its start to its end.
        peak_bytes: the most memory that it had in RAM, or the largest of its own child processes if that is more.
        output: what it printed.
    """

    seconds: float
    peak_bytes: int
    output: str

    def figures(self) -> dict[str, Any]:
        """Return the JSON object in the last line that it printed."""
        found: dict[str, Any] = json.loads(self.output.splitlines()[-1])
        return found


def measured(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end.

    Linux counts the memory of the process that starts a command as the command's until it is loaded: whoever calls
    this must be small itself, and load no torch.

    Args:
        command: program and arguments.
        environ: variables to set beside those there are. Settings of recipes (``ECOSORTER_…__…``) are left out.

    Raises:
        RuntimeError: when it fails; the message has the end of what it printed.
    """
    variables = {name: value for name, value in os.environ.items() if not _is_setting(name)}
    with TemporaryFile() as output, TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, env={**variables, **(environ or {})}, stdout=output, stderr=errors)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # Popen has not seen it end
        printed, complaints = _text(output), _text(errors)
    if process.returncode:
        raise RuntimeError(f"{command} failed ({process.returncode}):\n{(printed + complaints)[-3000:]}")
    return Measured(seconds, usage.ru_maxrss * _MAXRSS_UNIT, printed)


def in_turn(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Let contestants run one after the other, several rounds, so that a slow minute of the machine hits them all.

    Returns:
        The median of each one's figures.
    """
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            figures[name].append(contestant())
    return {name: median(values) for name, values in figures.items()}


def evenly(items: Sequence[Item], number: int) -> list[Item]:
    """Return `number` of the items, spread over all of them in their order; all of them when there are no more."""
    number = min(number, len(items))
    return [items[index * len(items) // number] for index in range(number)]


def parse_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line, with two options that several benchmarks have: ``--photos`` and ``--backbone``."""
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos/trashnet"))
    parser.add_argument("--backbone", type=Path, default=Path("../shared/backbones/mobilenet_v2_1.0_224"))
    options = parser.parse_args()
    for folder in (options.photos, options.backbone):
        if not folder.is_dir():
            parser.error(f"there is no {folder}; see --photos and --backbone")
    return options


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned right."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, marks, *rows])


def machine() -> str:
    """Return a sentence on the machine, its load in the last minute, and the versions in use."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load:.1f} before the start; {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _is_setting(name: str) -> bool:
    return name.startswith("ECOSORTER_") and "__" in name


def _text(file: Any) -> str:
    file.seek(0)
    text: str = file.read().decode("utf-8", "replace")
    return text
