"""What `ecosorter doctor` finds out: a function for each thing that it looks at.

None changes anything, and none tells a secret: people put what is found into public reports.
"""

import os
import platform
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ecosorter.bundle import shipped_bundles
from ecosorter.classifier import Classifier
from ecosorter.cli.extras import extra_of
from ecosorter.errors import EcoSorterError

State = Literal["good", "warning", "bad", "absent"]

_LIBRARIES = (
    *("numpy", "pillow", "pillow-heif", "simplejpeg", "onnxruntime", "pydantic", "typer", "rapidfuzz"),
    *("scipy", "scikit-learn", "onnx", "torch", "transformers", "lightning"),
    *("fastapi", "uvicorn", "SQLAlchemy", "alembic", "pyarrow", "fsspec", "ray"),
)
_TIMES = 9
_LITTLE = 1e9  # bytes of free disk: a run's checkpoints, or a cache, may need as much


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing.

    Attributes:
        key: of its name, and with the state of its sentence, in texts/doctor.toml.
        state: whether it is well; ``absent`` where it is not installed or not there yet.
        facts: plain data for the sentence and for `--json`.
    """

    key: str
    state: State
    facts: dict[str, Any] = field(default_factory=dict)


def examine(model: Path | None, database: str | None) -> Iterator[Finding]:
    """Look at everything, one thing after the other; what fails is a finding.

    Args:
        model: folder of a bundle; None for the one that comes along.
        database: of corrections, as for `ecosorter serve`.
    """
    looks: dict[str, Callable[[], Finding]] = {
        "versions": _versions,
        "devices": _devices,
        "model": lambda: _model(model),
        "cache": _cache,
        "store": lambda: _store(database),
        "page": _page,
        "disk": _disk,
        "settings": _settings,
    }
    for key, look in looks.items():
        try:
            yield look()
        except ModuleNotFoundError as error:
            yield Finding(key, "absent", {"module": error.name, "extra": extra_of(error.name or "") or ""})
        except (EcoSorterError, OSError, sqlite3.Error) as error:
            yield Finding(key, "bad", {"error": _without_home(str(error))})


def _versions() -> Finding:
    found: dict[str, str | None] = {}
    for name in ("ecosorter", *_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return Finding(
        "versions",
        "good",
        {"python": platform.python_version(), "system": platform.platform(), "packages": found},
    )


def _devices() -> Finding:
    import onnxruntime  # noqa: PLC0415 - costs a tenth of a second

    names = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    return Finding("devices", "good", {"cores": os.cpu_count(), "providers": names})


def _model(folder: Path | None) -> Finding:
    started = time.perf_counter()
    classifier = Classifier.load(folder)
    loaded = time.perf_counter() - started
    classifier.bundle.load_bank()
    info = classifier.bundle.info
    size = info.preprocess.size
    views = np.random.default_rng(0).integers(0, 256, (len(info.preprocess.zooms), size, size, 3), np.uint8)
    seconds = []
    for _ in range(_TIMES):
        before = time.perf_counter()
        classifier.predict([views])
        seconds.append(time.perf_counter() - before)
    place = "ecosorter.models" if folder is None and shipped_bundles() else _without_home(str(classifier.bundle.folder))
    facts: dict[str, Any] = {"name": info.name, "version": info.version, "folder": place, "sha256": info.sha256}
    facts |= {"load_seconds": round(loaded, 3), "milliseconds": round(1000 * statistics.median(seconds), 1)}
    return Finding("model", "good", facts)


def _cache() -> Finding:
    from ecosorter.datasets.cache import Cache  # noqa: PLC0415 - kept off the start-up of other commands

    cache = Cache()
    if not cache.path.exists():
        return Finding("cache", "absent", {"path": _without_home(str(cache.path))})
    usage = cache.usage()
    facts = {"path": _without_home(str(cache.path)), "entries": usage.entries, "bytes": usage.bytes}
    return Finding("cache", "good", {**facts, "max_bytes": usage.max_bytes, "megabytes": round(usage.bytes / 1e6, 1)})


def _store(database: str | None) -> Finding:
    from ecosorter.serving.store.database import database_url, look_at  # noqa: PLC0415 - SQLAlchemy

    url = database_url(database)
    shown = _without_home(url.render_as_string(hide_password=True))
    if url.get_backend_name() != "sqlite":
        shown = f"{url.get_backend_name()}://…"  # neither its host nor its user is anybody's business
    found = look_at(url)
    if found is None:
        return Finding("store", "absent", {"database": shown})
    facts = {"database": shown, "tables": found.tables, "newest": found.newest}
    return Finding("store", "good" if found.tables == found.newest else "warning", facts)


def _page() -> Finding:
    from ecosorter.serving.page import describe  # noqa: PLC0415 - FastAPI

    return Finding("page", "good", describe())


def _disk() -> Finding:
    from ecosorter.datasets.cache import default_folder  # noqa: PLC0415

    places = {"here": Path.cwd(), "cache": default_folder(), "temporary": Path(tempfile.gettempdir())}
    free = {name: shutil.disk_usage(_existing(place)).free for name, place in places.items()}
    least = min(free.values())
    facts = {"free_bytes": free, "gigabytes": round(least / 1e9, 1)}
    return Finding("disk", "good" if least > _LITTLE else "warning", facts)


def _settings() -> Finding:
    names = sorted(name for name in os.environ if name.startswith("ECOSORTER_"))
    return Finding("settings", "good" if names else "absent", {"names": names})


def _existing(place: Path) -> Path:
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_dir())


def _without_home(text: str) -> str:
    """Leave the user's name out of a path."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    return text.replace(home, "~") if len(home) > 1 else text
