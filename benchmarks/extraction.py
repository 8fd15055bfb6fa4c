"""Pooled features of the same photos with the same network, in one of several ways.

``python -m benchmarks.extraction WAY MANIFEST BACKBONE FEATURES.npy`` prints a JSON object. Loading the network and
a first batch of zeros are not in the time; decoding the photos is. Each way is a process of its own: thread
pools of two libraries in one process get in each other's way.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import AutoModel, pipeline

from benchmarks.plain_pixels import SIDE
from benchmarks.published import BATCH, WORKERS, Photos
from ecosorter.datasets.cache import Cache
from ecosorter.datasets.dataset import load_dataset
from ecosorter.training.backbones.find import find_backbone
from ecosorter.training.backbones.graphs import front_graph
from ecosorter.training.features import FeatureSource, OnnxEngine, extract

Features = NDArray[np.floating[Any]]


def ours(paths: list[Path], folder: Path) -> Callable[[], Features]:
    """`extract` with an empty cache, as a training run computes them; the converted graph is kept from run to run."""
    backbone = find_backbone(str(folder))
    spec, _ = backbone.preprocess()
    engine = OnnxEngine(front_graph(spec, backbone.graph(spec.size, Cache())))
    engine(np.zeros((BATCH, spec.size, spec.size, 3), np.uint8))
    source = FeatureSource(backbone, spec, "pooled")
    photos = [(path, str(path)) for path in paths]  # any key that tells photos apart; a run has their hashes already

    def work() -> Features:
        with TemporaryDirectory() as cache:
            return extract(source, photos, lambda: engine, engine.name, Cache(Path(cache)), batch_size=BATCH)

    return work


def torch_loader(
    paths: list[Path], folder: Path, memory_format: torch.memory_format, *, bfloat16: bool = False
) -> Callable[[], Features]:
    """Torch and a DataLoader, as a plain script has it; perhaps with products in bfloat16."""
    network = AutoModel.from_pretrained(folder, local_files_only=True).eval().to(memory_format=memory_format)
    loader = DataLoader(Photos(paths, [0] * len(paths)), batch_size=BATCH, num_workers=WORKERS)

    def compute(images: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            found: Tensor = network(images.contiguous(memory_format=memory_format)).pooler_output
        return found.float()

    def work() -> Features:
        return torch.cat([compute(images) for images, _ in loader]).flatten(1).numpy()

    compute(torch.zeros(BATCH, 3, SIDE, SIDE))
    return work


def transformers_pipeline(paths: list[Path], folder: Path) -> Callable[[], Features]:
    """The pipeline of transformers for image features, with its own reading and preprocessing."""
    compute = pipeline("image-feature-extraction", model=str(folder), batch_size=BATCH)
    names = [str(path) for path in paths]
    compute(names[:1], pool=True)

    def work() -> Features:
        found = compute(names, pool=True, return_tensors=True, num_workers=WORKERS)
        return torch.cat(found).flatten(1).numpy()

    return work


WAYS: dict[str, Callable[[list[Path], Path], Callable[[], Features]]] = {
    "ours": ours,
    "torch": lambda paths, folder: torch_loader(paths, folder, torch.contiguous_format),
    "torch-channels-last": lambda paths, folder: torch_loader(paths, folder, torch.channels_last),
    "torch-bfloat16": lambda paths, folder: torch_loader(paths, folder, torch.channels_last, bfloat16=True),
    "transformers": transformers_pipeline,
}


def main(way: str, manifest: Path, folder: Path, features: Path) -> None:
    """Compute the features one way, save them, print photos and seconds."""
    paths = [row.path for row in load_dataset([manifest]).rows]
    work = WAYS[way](paths, folder)
    start = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - start
    np.save(features, found)
    print(json.dumps({"seconds": seconds, "photos": len(paths)}))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
