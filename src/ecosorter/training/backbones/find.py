"""Pretrained networks by name: short names, Hugging Face ids, local folders, ONNX files.

Whatever it was, a backbone ends as one ONNX graph (`images` -> `pooled`, `map`; see graphs.py). Features are
computed by that graph and the shipped model contains it, so training and serving cannot differ.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import nn

from ecosorter.datasets.cache import Cache
from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.texts.note import Note
from ecosorter.training.backbones.convert import MappedNetwork
from ecosorter.training.backbones.graphs import backbone_graph, input_side
from ecosorter.training.backbones.processor import IMAGENET, read_processor

SHORT_NAMES = {
    "resnet18": "microsoft/resnet-18",
    "resnet50": "microsoft/resnet-50",
    "mobilenet-v2": "google/mobilenet_v2_1.0_224",
}
"""Short names of recipes.md and the Hugging Face ids behind them."""

_PROCESSOR = "preprocessor_config.json"


@dataclass(frozen=True)
class Backbone:
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
    def is_onnx(self) -> bool:
        """Whether it is an ONNX file, which has no torch module and stays frozen."""
        return self.files[0].suffix == ".onnx"

    def preprocess(self) -> tuple[PreprocessSpec, list[Note]]:
        """Return the network's own preprocessing, and a note when it had to be assumed.

        Raises:
            BackboneError: when an ONNX file brings no rule: any guess would be silent nonsense.
        """
        if self.processor:
            return read_processor(_json(self.processor)), []
        if self.is_onnx:
            raise BackboneError(
                f"{self.name} does not say how it wants its photos. Put a {_PROCESSOR} beside it, "
                "or give [features.preprocess] in the recipe."
            )
        return IMAGENET, [Note(key="assumed_rule", values={"name": self.name})]

    def network(self) -> nn.Module:
        """Load the torch module: `images` float32 [n, 3, s, s] in, (`pooled` [n, d], `map` [n, d, h, w]) out.

        Raises:
            BackboneError: when transformers cannot build it, or it is an ONNX file.
        """
        if self.is_onnx:
            raise BackboneError(f"{self.name} is an ONNX file: it can give features but cannot be trained.")
        # Takes seconds, and is not needed while features and graph are in the cache.
        from transformers import AutoModel  # noqa: PLC0415
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415

        folder = self.files[0].parent
        transformers_logging.disable_progress_bar()  # it would draw over ours
        try:
            # safetensors only: the older format is a pickle, which runs code when it is read.
            model = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise BackboneError(f"transformers cannot load {self.name}: {error}") from error
        return MappedNetwork(model).eval()

    def graph(self, side: int, cache: Cache) -> onnx.ModelProto:
        """Return the backbone's ONNX graph; a torch module is converted once and kept in the cache.

        Args:
            side: the square input's side in pixels.
            cache: where converted graphs are kept.

        Raises:
            BackboneError: when the network cannot be loaded or converted, or takes another input size.
        """
        if self.is_onnx:
            model = backbone_graph(_onnx_file(self.files[0]))
            fixed = input_side(model)
            if fixed not in (None, side):
                raise BackboneError(
                    f"{self.name} takes {fixed} x {fixed} pixels, but the recipe asks for {side} x {side}."
                )
            return model
        key = f"graph-v1:{self.fingerprint}:{side}:{torch.__version__}"
        for _, value in cache.get_many([key]):
            return onnx.load_from_string(value)
        model = _converted(self, side)
        cache.put_many({key: model.SerializeToString()})
        return model


def find_backbone(name: str) -> Backbone:
    """Find a backbone by short name, Hugging Face id, local folder or ONNX file.

    A folder holds `config.json` and `*.safetensors` (Hugging Face layout), or one ONNX file.

    Raises:
        BackboneError: when there is no such folder or file, or the network is neither cached nor reachable;
            the message says which folder or variable would help.
    """
    path = Path(name).expanduser()
    if path.is_file() and path.suffix == ".onnx":
        return Backbone(name, (path,), _existing(path.parent / _PROCESSOR))
    if path.is_dir():
        return _in_folder(name, path)
    if name not in SHORT_NAMES and (name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise BackboneError(
            f"No backbone {name!r}: it is no folder, no .onnx file, none of {', '.join(SHORT_NAMES)}, "
            "and no Hugging Face id (owner/name)."
        )
    return _in_folder(name, _from_hub(name, SHORT_NAMES.get(name, name)))


def _from_hub(name: str, hub_id: str) -> Path:
    try:
        return Path(snapshot_download(hub_id, allow_patterns=["config.json", _PROCESSOR, "*.safetensors"]))
    except LocalEntryNotFoundError as error:
        raise BackboneError(
            f"{hub_id} is not in the Hugging Face cache and the hub cannot be reached. Pass --backbone FOLDER with "
            "config.json and model.safetensors in it, or set HF_HOME to a folder whose cache has this network"
            + (f" (or use {name} once while online)." if name == hub_id else f" ({name} is short for it).")
        ) from error
    except (HfHubHTTPError, HFValidationError) as error:
        raise BackboneError(f"The Hugging Face hub does not give {hub_id}: {error}") from error


def _in_folder(name: str, folder: Path) -> Backbone:
    processor = _existing(folder / _PROCESSOR)
    config, weights = folder / "config.json", sorted(folder.glob("*.safetensors"))
    if config.is_file() and weights:
        return Backbone(name, (config, *weights), processor)
    graphs = sorted(folder.glob("*.onnx"))
    if len(graphs) == 1:
        return Backbone(name, (graphs[0],), processor)
    found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
    raise BackboneError(
        f"{folder} holds no backbone: expected config.json with *.safetensors, or one .onnx file; found {found}."
    )


def _converted(backbone: Backbone, side: int) -> onnx.ModelProto:
    """Convert a torch backbone to ONNX in a process of its own: torch's exporter keeps hundreds of megabytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.onnx"
        command = [
            sys.executable,
            "-m",
            "ecosorter.training.backbones.convert",
            str(backbone.files[0].parent),
            str(side),
            str(path),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise BackboneError(f"{backbone.name} cannot be converted to ONNX: {reason}")
        return onnx.load(path)


def _onnx_file(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except Exception as error:  # onnx raises protobuf's own errors, which share no public base class
        raise BackboneError(f"{path} is no readable ONNX file: {error}") from error


def _json(path: Path) -> dict[str, object]:
    try:
        content: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneError(f"{path} cannot be read: {error}") from error
    return content


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None
