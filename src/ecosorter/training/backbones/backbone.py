"""What every pretrained network offers, of whatever kind it is."""

import hashlib
import json
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.texts.note import Note
from ecosorter.training.backbones.processor import read_processor

PROCESSOR = "preprocessor_config.json"
"""Name of the file in which a network says how it wants its photos; it may lie beside the weights of any kind."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageNetLayer:
    """The classification layer of a network that was trained on ImageNet.

    Attributes:
        weight: float32 ``[1000, d]``, of the classes in ImageNet's usual order, without a background class.
        bias: float32 ``[1000]``.
        of_mean: whether the pooled features are the mean of the map, so that the layer may be applied at each place.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    of_mean: bool = True


@dataclass(frozen=True)
class Backbone(ABC):
    """A pretrained network that was found on disk; nothing is loaded before it is asked for.

    Attributes:
        name: as the user asked for it.
        files: the files that define what it computes: weights and configuration.
        processor: its `preprocessor_config.json`, or None.
    """

    name: str
    files: tuple[Path, ...]
    processor: Path | None

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 of everything that decides what the network computes."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @property
    def trainable(self) -> bool:
        """Whether there is a torch module, so that every layer can be trained."""
        return True

    def preprocess(self) -> tuple[PreprocessSpec, list[Note]]:
        """Return the network's own preprocessing, and a note when it had to be assumed.

        Raises:
            BackboneError: an ONNX file brings no rule: any guess would be silent nonsense.
        """
        return (read_processor(_json(self.processor)), []) if self.processor else self._own_rule()

    @abstractmethod
    def body(self) -> nn.Module:
        """Load the torch module: `images` float32 [n, 3, s, s] in, (`pooled` [n, d], `map` [n, d, h, w]) out.

        Raises:
            BackboneError: it cannot be built, or there is none.
        """

    @abstractmethod
    def imagenet(self) -> ImageNetLayer | None:
        """Load the classification layer, which takes the pooled features; None when the network has none.

        Raises:
            BackboneError: the files cannot be read.
        """

    def graph(self, side: int, cache: Cache) -> onnx.ModelProto:
        """Return the network's ONNX graph: `images` [n, 3, side, side] in, `pooled` and perhaps `map` out.

        A torch module is converted once and kept in the cache.

        Args:
            side: the square input's side in pixels.
            cache: where converted graphs are kept.

        Raises:
            BackboneError: the network cannot be loaded or converted, or takes another input size.
        """
        key = f"graph-v1:{self.fingerprint}:{side}:{torch.__version__}"
        for _, value in cache.get_many([key]):
            return onnx.load_from_string(value)
        model = self._converted(side)
        cache.put_many({key: model.SerializeToString()})
        return model

    @abstractmethod
    def _own_rule(self) -> tuple[PreprocessSpec, list[Note]]:
        """Return the preprocessing of a network without a `preprocessor_config.json`."""

    def _converted(self, side: int) -> onnx.ModelProto:
        """Convert in a process of its own: torch's exporter keeps hundreds of megabytes."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "backbone.onnx"
            command = [sys.executable, "-m", "ecosorter.training.backbones", self._place, str(side), str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
                raise BackboneError(f"{self.name} cannot be converted to ONNX: {reason}")
            return onnx.load(path)

    @property
    def _place(self) -> str:
        """The name under which another process finds the same network."""
        return str(self.files[0])


def _json(path: Path) -> dict[str, object]:
    try:
        content: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneError(f"{path} cannot be read: {error}") from error
    return content
