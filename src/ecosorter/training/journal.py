"""The diary of a run: ``metrics.jsonl``, one JSON object a line, written as things happen.

A line is written whole and flushed before training goes on, so a killed run keeps every epoch that it
finished. The only thing that a kill can spoil is the last line, which is dropped on reading and cut off
before the next line is written.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ecosorter.training.results import Epoch, RunResult

FILE_NAME = "metrics.jsonl"


class Journal:
    """Append events to ``metrics.jsonl`` and read them back.

    Args:
        folder: the run's folder; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._cut_torn_line()

    def append(self, event: str, fields: Mapping[str, Any]) -> None:
        """Write one line ``{"event": event, **fields}`` and flush it.

        Args:
            event: what happened, for example ``"epoch"``.
            fields: plain JSON data. Numbers that JSON has no word for (NaN, infinity) become null.
        """
        line = json.dumps(_finite({"event": event, **fields}), ensure_ascii=False, allow_nan=False)
        with self.path.open("ab") as file:
            file.write(line.encode() + b"\n")

    def epoch(self, fit: str, epoch: Epoch) -> None:
        """Write one epoch of one fit."""
        self.append("epoch", {"fit": fit, **epoch.model_dump()})

    def result(self, result: RunResult) -> None:
        """Write the end of a run: all its figures. The epochs stand above, the answers in the report."""
        self.append(
            "result",
            result.model_dump(mode="json", exclude={"answers": True, "fit": {"epochs"}, "compared": {"epochs"}}),
        )

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield every event in order, as plain data. A last line that a kill cut short is left out."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:  # bytes: a kill may cut a letter in two
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def epochs(self, fit: str) -> list[Epoch]:
        """Return the epochs of one fit in order. A loss that was no number reads as NaN."""
        found = []
        for line in self.read():
            if line["event"] == "epoch" and line["fit"] == fit:
                fields = {name: line[name] for name in Epoch.model_fields}
                for name in ("train_loss", "train_accuracy", "learning_rate"):  # never None in an Epoch
                    fields[name] = math.nan if fields[name] is None else fields[name]
                found.append(Epoch(**fields))
        return found

    def _cut_torn_line(self) -> None:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
