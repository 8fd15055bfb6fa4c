"""One way to classify photos, in a process of its own: ours, or a peer's the way its own documentation has it.

``python -m benchmarks.peer WAY NETWORKS LIST once`` classifies the files in a list, as a script does that starts, works
and ends. With ``steady``, it warms up, and tells how many photos a second it classified, and the median of the seconds
that it takes for a single one. The last line is a JSON object; NETWORKS is what `benchmarks.peer_networks` made.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.plain_pixels import plain_pixels

BATCH = 32
WORKERS = 2
WARM_UP, SINGLES = 8, 9
AT_LEAST = 2.0  # seconds: those who are quick classify the list several times

Classify = Callable[[Sequence[Path]], list[int]]
"""From photos to the index of each one's class."""


def ours(bundle: Path | None) -> Classify:
    """The library, as it comes."""
    from ecosorter import Classifier  # noqa: PLC0415 - every way loads only what it needs

    classifier = Classifier.load(bundle)
    classes = classifier.bundle.info.classes
    return lambda paths: [classes.index(str(prediction.best)) for prediction in classifier.stream(paths)]


def transformers_pipeline(folder: Path, **options: Any) -> Classify:
    """`pipeline("image-classification")`; reading the photos is its own business."""
    from transformers import pipeline  # noqa: PLC0415

    classify = pipeline("image-classification", model=str(folder))

    def work(paths: Sequence[Path]) -> list[int]:
        more = options if len(paths) > 1 else {}  # workers for one photo would only have to be started
        found = classify([str(path) for path in paths], top_k=1, **more)
        return [int(classify.model.config.label2id[best["label"]]) for (best,) in found]

    return work


class _Photos:
    """Photos for a DataLoader: float32 [3, 224, 224], -1..1."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return (plain_pixels(self._paths[index]).astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)


def torch_loader(folder: Path) -> Classify:
    """Torch eager, and Pillow in a DataLoader."""
    import torch  # noqa: PLC0415
    from torch.utils.data import DataLoader  # noqa: PLC0415
    from transformers import AutoModelForImageClassification  # noqa: PLC0415

    network = AutoModelForImageClassification.from_pretrained(folder, local_files_only=True).eval()

    @torch.inference_mode()
    def work(paths: Sequence[Path]) -> list[int]:
        workers = WORKERS if len(paths) > 1 else 0
        photos: Any = _Photos(paths)  # no Dataset, since other ways must not import torch
        loader: Any = DataLoader(photos, batch_size=BATCH, num_workers=workers)
        return [index for images in loader for index in network(images).logits.argmax(1).tolist()]

    return work


def plain_onnxruntime(model: Path) -> Classify:
    """ONNX Runtime with its own settings, and Pillow, in batches."""
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def work(paths: Sequence[Path]) -> list[int]:
        best: list[int] = []
        for start in range(0, len(paths), BATCH):
            pixels = np.stack([plain_pixels(path) for path in paths[start : start + BATCH]])
            best += session.run(["logits"], {"pixels": pixels})[0].argmax(1).tolist()
        return best

    return work


WAYS: dict[str, Callable[[Path], Classify]] = {
    "int8": lambda networks: ours(networks / "int8"),
    "float": lambda networks: ours(networks / "bundle"),
    "shipped": lambda networks: ours(None),  # noqa: ARG005 - whatever the others are given
    "pipeline": lambda networks: transformers_pipeline(networks / "transformers"),
    "pipeline-batches": lambda networks: transformers_pipeline(
        networks / "transformers", batch_size=BATCH, num_workers=WORKERS
    ),
    "torch": lambda networks: torch_loader(networks / "transformers"),
    "onnxruntime": lambda networks: plain_onnxruntime(networks / "bundle" / "model.onnx"),
}


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(way: str, networks: Path, listed: Path, mode: str) -> None:
    """Classify the photos in the list, and print what it took."""
    paths = [Path(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    classify = WAYS[way](networks)
    if mode == "once":
        print(json.dumps({"best": classify(paths)}))
        return
    classify(paths[:WARM_UP])
    single = median(seconds(partial(classify, [path])) for path in paths[:SINGLES])
    best: list[int] = []
    start = time.perf_counter()
    while (taken := time.perf_counter() - start) < AT_LEAST or not best:
        best += classify(paths)
    print(json.dumps({"best": best[: len(paths)], "single": single, "rate": len(best) / taken}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
