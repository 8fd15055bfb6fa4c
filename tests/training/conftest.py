"""Networks become ONNX graphs once for all tests, and in a process that has torch already.

Most of what a test of a small training costs is torch's exporter, and most of what a test of a backbone costs is a
process that imports it. `in_a_process_of_its_own` is for those that are about that process.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from filelock import FileLock
from torch import nn

from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.convert import convert

_IN_A_PROCESS_OF_ITS_OWN = Backbone._converted


@pytest.fixture(scope="session", autouse=True)
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep graphs by all that the exporter is given, for every process of the tests."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "graphs"
    folder.mkdir(exist_ok=True)

    def convert_once(body: nn.Module, side: int, path: Path) -> None:
        kept = folder / f"{_fingerprint(body)}-{side}.onnx"
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                convert(body, side, path)
                part = kept.with_suffix(".part")
                shutil.copyfile(path, part)
                part.rename(kept)
        shutil.copyfile(kept, path)

    def converted(backbone: Backbone, side: int) -> onnx.ModelProto:
        path = folder / f"{os.getpid()}.onnx"
        convert_once(backbone.body().eval(), side, path)
        return onnx.load(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecosorter.training.export.network.convert", convert_once)
        patch.setattr(Backbone, "_converted", converted)
        yield


@pytest.fixture
def in_a_process_of_its_own(graphs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert as the program does."""
    monkeypatch.setattr(Backbone, "_converted", _IN_A_PROCESS_OF_ITS_OWN)


def _fingerprint(body: nn.Module) -> str:
    """Return what tells a module from any other: its shape, its state, and whether each part is at rest."""
    digest = hashlib.sha256(repr(body).encode())
    digest.update(bytes(module.training for module in body.modules()))
    for name, value in body.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
