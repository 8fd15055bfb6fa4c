"""Turns the float graph of a bundle into one that computes its convolutions in 8-bit integers.

Static quantisation with ONNX Runtime's tools, as Jacob et al. 2018 (https://arxiv.org/abs/1712.05877): weights int8,
one scale for each output channel; activations uint8, one scale each, from their ranges on training photos. These are
the choices that ONNX Runtime computes fast on x86-64: with int8 activations it fused none of the residual additions
and not all of the convolutions, and the network was slower than in float.

Weights use 7 of their 8 bits. Processors without VNNI add two products of bytes in 16 bits, which overflows when all 8
are used: features were then far from those of other machines (ONNX Runtime's documentation of quantization, "reduce
range"). With 7 bits the sums fit everywhere.

Convolutions and the additions of residual blocks become integers; what is in front of them and behind (normalisation,
the mean over places, head, class-activation map, signals) stays float.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from ecosorter.decision import softmax
from ecosorter.training.quiet import quietly

Pixels = NDArray[np.uint8]

_ACTIVATIONS = ("Relu", "Clip")  # ONNX Runtime makes them a part of the convolution in front
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an 8-bit model compares with the float one on the same photos.

    Attributes:
        photos: compared.
        agreement: share of photos on which both find the same class most probable, 0..1.
        difference: the largest in any class's probability, 0..1.
        mean_difference: in the probability of the class that the float model finds most probable, 0..1.
        accuracy_lost: accuracy of the float model less that of the 8-bit one, -1..1; None without labels.
    """

    photos: int
    agreement: float
    difference: float
    mean_difference: float
    accuracy_lost: float | None


def quantize(model: bytes, batches: Iterable[Pixels], keep_float: Sequence[str] = ()) -> bytes:
    """Quantise the convolutions of a bundle's graph.

    The range of an activation is the mean over batches of its least and its largest value: that clips what is rare.
    On MobileNetEdgeTPU it lost fewer answers than the ranges of all photos together (1.4 to 2 % instead of 2.2 %).

    Args:
        model: the float graph, serialised.
        batches: training photos, each ``[n, side, side, 3]``, n about 16; ten batches are enough.
        keep_float: names of convolutions, as `rank_by_error` gives them, that stay float.

    Returns:
        The graph with the same inputs and outputs, serialised.
    """
    prepared = _prepared(model)
    return _quantized(prepared, batches, set(_convolutions(prepared)) - set(keep_float))


def rank_by_error(model: bytes, batches: Sequence[Pixels]) -> list[tuple[str, float]]:
    """Return the convolutions by the error that each alone causes when it is quantised, the worst first.

    Each is quantised by itself and the graph run on the first batch, so it takes about a second a convolution.

    Args:
        model: the float graph, serialised.
        batches: training photos, as for `quantize`; give one or two.

    Returns:
        Names, and the mean square error of the logits by the variance of the float model's.
    """
    prepared = _prepared(model)
    float_logits = _logits(prepared.SerializeToString(), batches[0])
    found = []
    for name in _convolutions(prepared):
        logits = _logits(_quantized(prepared, batches, {name}), batches[0])
        found.append((name, float(((logits - float_logits) ** 2).mean() / float_logits.var())))
    return sorted(found, key=lambda pair: -pair[1])


def compare(
    float_model: bytes, int8_model: bytes, pixels: Pixels, labels: NDArray[np.int64] | None = None
) -> Comparison:
    """Run a float bundle graph and its 8-bit version on the same photos.

    Args:
        float_model: serialised.
        int8_model: serialised.
        pixels: ``[n, side, side, 3]``, n at least 1.
        labels: ``[n]`` indices of the classes, if known.
    """
    wanted, found = (softmax(_logits(model, pixels), 1.0) for model in (float_model, int8_model))
    best, answered = wanted.argmax(axis=1), found.argmax(axis=1)
    rows = np.arange(len(pixels))
    return Comparison(
        photos=len(pixels),
        agreement=float((best == answered).mean()),
        difference=float(abs(wanted - found).max()),
        mean_difference=float(abs(wanted - found)[rows, best].mean()),
        accuracy_lost=None if labels is None else float((best == labels).mean() - (answered == labels).mean()),
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    """Gives ONNX Runtime the photos to calibrate with."""

    def __init__(self, batches: Iterable[Pixels]) -> None:
        self._batches: Iterator[Pixels] = iter(batches)

    def get_next(self) -> dict[str, Pixels] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def _prepared(model: bytes) -> ModelProto:
    """Fuse what can be, infer shapes, and give every node a name to choose it by."""
    with tempfile.TemporaryDirectory() as folder:
        given, path = Path(folder) / "given.onnx", Path(folder) / "prepared.onnx"
        given.write_bytes(model)
        quant_pre_process(given, path, skip_symbolic_shape=True)
        prepared = onnx.load(path)
    opset = next(entry.version for entry in prepared.opset_import if entry.domain in ("", "ai.onnx"))
    del prepared.opset_import[:]  # ONNX Runtime lists the same one several times, and others that nothing uses
    prepared.opset_import.append(helper.make_opsetid("", opset))
    for number, node in enumerate(prepared.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return prepared


def _convolutions(prepared: ModelProto) -> list[str]:
    return [node.name for node in prepared.graph.node if node.op_type == "Conv"]


def _with_followers(prepared: ModelProto, chosen: set[str]) -> list[str]:
    """Return the chosen convolutions and what becomes integer with them: activations and residual additions."""
    makers: set[str] = set()  # names of values that come from what is chosen
    names = []
    for node in prepared.graph.node:  # in the order of computation
        follows = node.op_type in (*_ACTIVATIONS, "Add") and makers.intersection(node.input)
        if node.name in chosen or follows:
            names.append(node.name)
            makers.update(node.output)
    return names


def _quantized(prepared: ModelProto, batches: Iterable[Pixels], chosen: set[str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder, quietly(logging.getLogger().name):
        given, path = Path(folder) / "given.onnx", Path(folder) / "quantized.onnx"
        onnx.save(prepared, given)  # a model that is given in memory would be left without its weights
        quantize_static(
            given,
            path,
            _Reader(batches),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_quantize=_with_followers(prepared, chosen),
            extra_options={"CalibMovingAverage": True},
        )
        return path.read_bytes()


def _logits(model: bytes, pixels: Pixels) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    batches = (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))
    return np.concatenate([session.run(["logits"], {"pixels": batch})[0] for batch in batches])
