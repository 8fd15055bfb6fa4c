"""What costs seconds is made once for all tests: networks become ONNX graphs, pictures without waste are drawn.

Most of what a test of a small training costs is torch's exporter, and most of what a test of a backbone costs is a
process that imports it. `in_a_process_of_its_own` is for those that are about that process.
"""

import functools
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from torch import nn
from torch.onnx._internal.exporter._registration import ONNXRegistry

from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.convert import convert
from ecosorter.training.ood.negatives import Part, negatives

_IN_A_PROCESS_OF_ITS_OWN = Backbone._converted


@pytest.fixture(scope="session", autouse=True)
def graphs(for_all: Path) -> Iterator[None]:
    """Keep graphs by all that the exporter is given, for every process of the tests.

    The exporter's table of operators, which it builds anew at each export, is built once in a process.
    """
    folder = for_all / "graphs"
    folder.mkdir(exist_ok=True)

    def convert_once(body: nn.Module, side: int, path: Path) -> None:
        kept = folder / f"{_fingerprint(body)}-{side}.onnx"
        _made_once(kept, lambda part: convert(body, side, part))
        shutil.copyfile(kept, path)

    def converted(backbone: Backbone, side: int) -> onnx.ModelProto:
        path = folder / f"{os.getpid()}.onnx"
        convert_once(backbone.body().eval(), side, path)
        return onnx.load(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecosorter.training.export.network.convert", convert_once)
        patch.setattr(Backbone, "_converted", converted)
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="session", autouse=True)
def pictures_without_waste(for_all: Path) -> Iterator[None]:
    """Keep what `negatives` draws for a run, for every process of the tests."""

    def drawn_once(part: Part, side: int, seed: int) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        def draw(file: Path) -> None:
            pixels, kinds = negatives(part, side, seed)
            np.savez(file, pixels=pixels, kinds=kinds)

        kept = for_all / f"negatives-{part}-{side}-{seed}.npz"
        _made_once(kept, draw)
        with np.load(kept) as found:
            return found["pixels"], tuple(found["kinds"].tolist())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecosorter.training.ood.fit.negatives", drawn_once)
        yield


@pytest.fixture
def in_a_process_of_its_own(graphs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert as the program does."""
    monkeypatch.setattr(Backbone, "_converted", _IN_A_PROCESS_OF_ITS_OWN)


def _made_once(kept: Path, make: Callable[[Path], object]) -> None:
    """Make a file unless it is there, whichever process of the tests comes first."""
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            part = kept.with_name(f"part-of-{kept.name}")
            make(part)
            part.rename(kept)


def _fingerprint(body: nn.Module) -> str:
    """Return what tells a module from any other: its shape, its state, and whether each part is at rest."""
    digest = hashlib.sha256(repr(body).encode())
    digest.update(bytes(module.training for module in body.modules()))
    for name, value in body.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
