"""Holds an exported model against what was trained, on photo files; where they disagree, nothing is written."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ecosorter.decision import softmax
from ecosorter.errors import ExportError
from ecosorter.preprocess import PreprocessSpec, decode_pixels

TOLERANCE = 1e-3
"""Largest difference in any class's probability between ONNX Runtime and what was trained."""

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the exported model is from the trained one: photos compared, largest difference in probability."""

    photos: int
    difference: float


def check_parity(
    model: bytes,
    spec: PreprocessSpec,
    photos: Sequence[Path],
    trained: NDArray[np.float64],
    temperature: float,
) -> Parity:
    """Run the exported model on photo files and compare it with the trained one.

    Args:
        model: the serialised ONNX model.
        spec: resizing rule.
        photos: files.
        trained: probabilities [n, classes] of the whole photos, by what was trained.
        temperature: of the softmax.

    Raises:
        ExportError: when any probability differs by more than `TOLERANCE`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a batch in each thread is faster than each batch in all threads
    options.enable_cpu_mem_arena = False  # it would keep every thread's memory
    session = onnxruntime.InferenceSession(model, options)

    def probabilities(start: int) -> NDArray[np.float64]:
        pixels = np.stack([decode_pixels(path, spec) for path in photos[start : start + _BATCH]])
        return softmax(session.run(["logits"], {"pixels": pixels})[0], temperature)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(probabilities, range(0, len(photos), _BATCH)))
    difference = float(np.abs(np.concatenate(found) - trained).max()) if found else 0.0
    if not difference <= TOLERANCE:  # also true of NaN
        raise ExportError(
            f"The exported model differs from the trained one by {difference:.2g} in probability on {len(photos)} "
            f"photos; at most {TOLERANCE:g} is accepted. Nothing was written. Please report this with your recipe."
        )
    return Parity(len(photos), difference)
