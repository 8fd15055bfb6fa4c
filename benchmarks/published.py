"""One epoch of `resnet50-softmax` as it was published: the frozen backbone runs over every photo in every epoch.

A plain script, the way it is usually written: Pillow decodes in a DataLoader with two workers, torch computes in
float32 as it comes. ``python -m benchmarks.published MANIFEST BACKBONE`` prints a JSON object.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModel

from benchmarks.plain_pixels import SIDE, plain_pixels
from ecosorter.datasets.dataset import load_dataset

BATCH = 32
WORKERS = 2


class Photos(Dataset[tuple[Tensor, int]]):
    """Photos as float32 [3, 224, 224] in -1..1 and labels: shorter side 256, centre crop, as MobileNetV2 wants them."""

    def __init__(self, paths: Sequence[Path], labels: Sequence[int]) -> None:
        self._paths, self._labels = paths, labels

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = plain_pixels(self._paths[index]).astype(np.float32)
        return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1), self._labels[index]


def main(manifest: Path, folder: Path) -> None:
    """Train one epoch on 80 % of the photos, and look at the 10 % of the validation part, as early stopping needs."""
    torch.manual_seed(42)
    data = load_dataset([manifest])
    paths, labels = [row.path for row in data.rows], data.labels.tolist()
    order = torch.randperm(len(paths)).tolist()
    train, validation = order[: len(order) * 8 // 10], order[len(order) * 8 // 10 : len(order) * 9 // 10]

    def loader(part: list[int], *, shuffle: bool) -> DataLoader[tuple[Tensor, int]]:
        photos = Photos([paths[i] for i in part], [labels[i] for i in part])
        return DataLoader(photos, batch_size=BATCH, shuffle=shuffle, num_workers=WORKERS)

    backbone = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    backbone.requires_grad_(requires_grad=False)
    network = nn.Sequential(nn.Flatten(), nn.LazyLinear(len(data.classes)))
    network(backbone(torch.zeros(1, 3, SIDE, SIDE)).last_hidden_state)  # now the layer knows its width
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    right = 0

    start = time.perf_counter()
    for images, targets in loader(train, shuffle=True):
        loss = nn.functional.cross_entropy(network(backbone(images).last_hidden_state), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        for images, targets in loader(validation, shuffle=False):
            right += int((network(backbone(images).last_hidden_state).argmax(1) == targets).sum())
    seconds = time.perf_counter() - start
    figures = {
        "seconds": seconds,
        "train": len(train),
        "validation": len(validation),
        "validation_accuracy": right / max(1, len(validation)),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
