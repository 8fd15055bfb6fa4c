"""One network in every form that `benchmarks.peers` compares: MobileNetV2 with the same head of the seven classes.

``python -m benchmarks.peer_networks BACKBONE PHOTOS OUT`` writes to OUT: transformers/, for transformers and torch;
bundle/, our float bundle, whose model.onnx also serves plain ONNX Runtime; int8/, the same in 8 bits. And the photos:
large/, enlarged to 12 megapixels.

The head is fitted to some of PHOTOS, which lie in folders named by class: the answers of a random one would hang on
every bit.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import serving_bundle
from benchmarks.serving import large_photos
from benchmarks.timing import evenly
from ecosorter import Classifier
from ecosorter.bundle import load_bundle, write_bundle
from ecosorter.folders import find_photos
from ecosorter.training.export.quantize import quantize

_FITTED = 384  # photos that the head is fitted to
_RANGES, _BATCH = 64, 16  # photos for the ranges of the activations, and how many at a time
_RIDGE = 1.0


def main(backbone: Path, photos: Path, out: Path) -> None:
    """Write the network in every form, and the large photos."""
    (out / "large").mkdir()
    for number, data in enumerate(large_photos(photos)):
        (out / "large" / f"{number}.jpg").write_bytes(data)

    serving_bundle.main(backbone, out)
    classifier = Classifier.load(out / "bundle")
    some = evenly(list(find_photos([photos])), _FITTED)
    with ThreadPoolExecutor() as pool:
        pixels = np.concatenate(list(pool.map(classifier.decode, some)))
    serving_bundle.main(backbone, out, fitted(classifier, pixels, [path.parent.name for path in some]))

    full = load_bundle(out / "bundle")
    ranges = np.array_split(pixels[:: len(pixels) // _RANGES], _RANGES // _BATCH)
    small = quantize(full.model_path.read_bytes(), ranges)
    info = full.info.model_copy(update={"name": "int8"})
    write_bundle(out / "int8", small, info, "# MobileNetV2\n\nFor benchmarks only.\n", replace=True)


def fitted(classifier: Classifier, pixels: NDArray[np.uint8], labels: Sequence[str]) -> Tensor:
    """Return weights [classes, features] of a linear head, by ridge regression on the classes."""
    session = onnxruntime.InferenceSession(classifier.bundle.model_path)
    batches = np.array_split(pixels, len(pixels) // _BATCH)
    features = np.concatenate([session.run(["features"], {"pixels": batch})[0] for batch in batches])
    wanted = np.array([[label == name for name in classifier.bundle.info.classes] for label in labels], np.float32)
    products = features @ features.T + _RIDGE * len(features) * np.eye(len(features), dtype=np.float32)
    return torch.from_numpy((features.T @ np.linalg.solve(products, 10 * wanted)).T.copy())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
