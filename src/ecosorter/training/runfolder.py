"""The folder of one training run: what it was asked to do, how far it is, what it found.

::

    run.json        what was asked: recipe, photos by fingerprint, options (decides whether a rerun goes on)
    metrics.jsonl   every epoch as it happened (journal.py)
    checkpoints/    while it runs
    bundle/         the model
    report.html     for people
    result.json     every figure; written last, so that a run with it is finished
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecosorter.errors import RunError
from ecosorter.files import FOLDER_LOCK, check_place, lock_folder, write_text
from ecosorter.training.results import RunResult
from ecosorter.training.waiting import once, wait_for


class RunFolder:
    """One run's folder.

    Args:
        path: the folder; made by `claim`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bundle = path / "bundle"
        self.report = path / "report.html"
        self.checkpoints = path / "checkpoints"
        self._request = path / "run.json"
        self._result = path / "result.json"

    @property
    def id(self) -> str:
        """The run's name: that of its folder."""
        return self.path.resolve().name

    def check(self) -> None:
        """Find out before any work whether the folder can be written.

        Raises:
            OSError: it cannot be made or written, or the disk is full.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        check_place(self._request)

    @contextmanager
    def locked(self, *, rank: int = 0) -> Iterator[None]:
        """Keep every other run away while a block runs.

        Args:
            rank: of this process; the first one, 0, keeps others away for all that train with it.

        Raises:
            RunError: another run is at work in the folder.
        """
        if rank:
            yield
            return
        try:
            descriptor = lock_folder(self.path)
        except BlockingIOError as error:
            raise RunError(
                f"Another run is at work in {self.path}. Wait for its end, or choose another --out."
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)

    def claim(self, request: dict[str, Any], *, rank: int = 0) -> str:
        """Take the folder for a run, or go on with the same run.

        Args:
            request: everything that decides the figures, as plain JSON data.
            rank: of this process; the first one, 0, takes the folder, and any other waits for it.

        Returns:
            When the run was first started, ISO 8601 in UTC.

        Raises:
            RunError: when the folder holds another run, or something else.
        """
        once(self._request, lambda part: self._take(part, request), rank=rank)
        try:
            known = json.loads(self._request.read_text(encoding="utf-8"))
            created: str = known.pop("created")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._damaged(self._request) from error
        different = _differences(known, json.loads(json.dumps(request)))
        if different:
            raise RunError(
                f"{self.path} holds another run: {'; '.join(different[:5])}. "
                "Choose another --out, or remove that folder to start over."
            )
        return created

    def _take(self, part: Path, request: dict[str, Any]) -> None:
        if any(entry.name != FOLDER_LOCK for entry in self.path.iterdir()):
            raise RunError(f"{self.path} is not empty and holds no run of EcoSorter; choose another --out.")
        created = datetime.now(UTC).isoformat(timespec="seconds")
        part.write_text(json.dumps({"created": created, **request}, indent=2, ensure_ascii=False), encoding="utf-8")

    def finished(self) -> RunResult | None:
        """Return the result of a finished run, or None."""
        return self._read_result() if self._result.is_file() else None

    def wait(self) -> RunResult:
        """Return the result of this run once its first process has finished it, to another one of its processes."""
        wait_for(self._result)
        return self._read_result()

    def finish(self, result: RunResult) -> None:
        """Write the result and remove the checkpoints."""
        write_text(self._result, result.model_dump_json(indent=2))
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _read_result(self) -> RunResult:
        try:
            return RunResult.model_validate_json(self._result.read_bytes())
        except ValueError as error:
            raise self._damaged(self._result) from error

    def _damaged(self, file: Path) -> RunError:
        return RunError(
            f"{file} is damaged, or of another version of EcoSorter. Choose another --out, or remove {self.path} to "
            "start over."
        )


def _differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Name the places where two pieces of JSON data differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [text for key in keys for text in _differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))]
    return [] if old == new else [f"{path} is {_short(old)} there and {_short(new)} now"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
