"""What every test may use: the shared photos where they are, and photos made on the spot."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# A process of the tests has one core: threads of numerical libraries would wait for those of the other processes. It is
# said before any of them is imported, and to the programs that tests start.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest  # noqa: E402

from ecosorter.datasets.cache import Cache  # noqa: E402


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real photos and backbones; the test is skipped where there is none."""
    folder = Path(os.environ.get("ECOSORTER_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "photos").is_dir():
        pytest.skip(f"needs the real photos, and {folder} is not there (set ECOSORTER_SHARED)")
    return folder


@pytest.fixture(scope="session")
def for_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is made once for all tests, those in other processes too."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def cache(for_all: Path) -> Cache:
    """One cache for all tests: to convert a network takes seconds."""
    return Cache(for_all / "cache")


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Let writing fail, as on a full disk, where a file gets larger than 64 kB."""
    if sys.platform == "win32":
        pytest.skip("Windows has no such limit")
    import resource  # noqa: PLC0415 - not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
