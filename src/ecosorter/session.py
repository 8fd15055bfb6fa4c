"""Opens a bundle's model with ONNX Runtime on the device that is asked for, and checks that it is what it says."""

from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ecosorter.bundle import Bundle, BundleInfo
from ecosorter.decision import softmax
from ecosorter.errors import BundleError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Device = Literal["auto", "cpu", "cuda", "directml", "openvino", "coreml"]
"""What a model computes on; ``auto``: the best that is installed and gives the CPU's answers."""

SAME = 1e-3
"""Largest difference in any class's probability from what the CPU says, for ``auto`` to take another device."""

# Pictures that a model sees at a time: what it makes of many does not fit into a core's cache (`benchmarks.threads`).
_PIECE = 4
_CPU = "CPUExecutionProvider"
_PROVIDERS = {  # the best first: ONNX Runtime's execution provider, and the package that brings it
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime on macOS"),
}


def providers(device: Device, installed: Collection[str]) -> list[str]:
    """Return the execution providers to try before the CPU's, the best first.

    Args:
        device: what is asked for. ``auto`` leaves out CoreML: it comes with every ONNX Runtime for macOS without being
            asked for, and compiles the model at each start.
        installed: the providers that the installed ONNX Runtime has.

    Raises:
        BundleError: a device is asked for by name, and its provider is not installed.
    """
    if device == "auto":
        return [name for key, (name, _) in _PROVIDERS.items() if name in installed and key != "coreml"]
    if device == "cpu":
        return []
    provider, package = _PROVIDERS[device]
    if provider not in installed:
        raise BundleError(
            f"The ONNX Runtime that is installed does not compute on {device}, only with {', '.join(installed)}; "
            f"install {package} in its place, or choose another device."
        )
    return [provider]


def open_session(bundle: Bundle, threads: int | None = None, device: Device = "auto") -> "InferenceSession":
    """Open a bundle's model.

    Args:
        bundle: read already.
        threads: that the model may use on the CPU; None for one a core.
        device: what it computes on. Operators that a device lacks are computed on the CPU.

    Raises:
        BundleError: the model is damaged or does not fit its description, or the device cannot be used.
    """
    import onnxruntime  # noqa: PLC0415 - costs a tenth of a second, which `import ecosorter` need not pay

    session = _opened(bundle, threads, _CPU)
    if problem := _misfit(session, bundle.info):
        raise BundleError(f"{bundle.model_path} does not fit its bundle.json: {problem}.")
    for provider in providers(device, onnxruntime.get_available_providers()):
        try:
            other = _opened(bundle, threads, provider)
            if device != "auto" or difference(session, other, bundle.info) < SAME:
                return other
        except Exception:  # ONNX Runtime's own errors share no class
            if device != "auto":
                raise
    return session


def run_session(
    session: "InferenceSession", names: Sequence[str], pixels: NDArray[np.uint8], pool: Executor
) -> list[NDArray[np.float32]]:
    """Run a model on any number of pictures; on the CPU in pieces, each in a thread of its own.

    That is faster than several threads within every operator: they need not wait for each other. The numbers are the
    same.

    Args:
        session: an opened model.
        names: of the outputs.
        pixels: ``[n, size, size, 3]``.
        pool: threads for the pieces.

    Returns:
        The outputs, each ``[n, …]``.
    """
    if len(pixels) <= _PIECE or {name for name, _ in _PROVIDERS.values()}.intersection(session.get_providers()):
        outputs: list[NDArray[np.float32]] = session.run(names, {"pixels": pixels})
        return outputs
    pieces = [{"pixels": pixels[start : start + _PIECE]} for start in range(0, len(pixels), _PIECE)]
    found = pool.map(partial(session.run, names), pieces)
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def difference(one: "InferenceSession", other: "InferenceSession", info: BundleInfo) -> float:
    """Return the largest difference in any probability, 0..1, on a black picture and one of coloured squares."""
    squares = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    place = np.arange(info.preprocess.size) * 8 // info.preprocess.size
    coloured = squares[place][:, place]
    probe = np.stack([np.zeros_like(coloured), coloured])
    first, second = (softmax(each.run(["logits"], {"pixels": probe})[0], info.temperature) for each in (one, other))
    return float(abs(first - second).max())


def _opened(bundle: Bundle, threads: int | None, provider: str) -> "InferenceSession":
    import onnxruntime  # noqa: PLC0415 - see above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # Threads of the model that wait for work by spinning would take the cores from those that decode photos.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = list(dict.fromkeys([provider, _CPU]))
    try:
        session = onnxruntime.InferenceSession(bundle.model_path, options, providers=wanted, enable_fallback=0)
    except Exception as error:  # ONNX Runtime's own errors share no class
        raise BundleError(f"ONNX Runtime {onnxruntime.__version__} cannot open {bundle.model_path}: {error}") from error
    if session.get_providers()[0] != provider:
        raise BundleError(
            f"{provider} is installed but does not start here; look at what ONNX Runtime said above: its driver or "
            "libraries may be missing. Or choose another device."
        )
    return session


def _misfit(session: "InferenceSession", info: BundleInfo) -> str | None:
    """Return in which way the graph is not what a bundle's must be, or None. It runs on two blank photos."""
    inputs = [(value.name, value.type) for value in session.get_inputs()]
    if inputs != [("pixels", "tensor(uint8)")]:
        return f"its inputs are {inputs}, expected one 'pixels' of uint8"
    names = [value.name for value in session.get_outputs()]
    size, classes = info.preprocess.size, len(info.classes)
    expected = {"logits": (2, classes), "features": (2, None), "cam": (2, classes, None, None)}
    if info.thresholds.signals:
        expected["signals"] = (2, len(info.thresholds.signals))
    if missing := [name for name in expected if name not in names]:
        return f"it has no output '{missing[0]}', only {', '.join(names)}"
    blank = np.zeros((2, size, size, 3), np.uint8)
    try:
        outputs: list[NDArray[np.float32]] = session.run(list(expected), {"pixels": blank})
    except Exception as error:  # ONNX Runtime's own errors share no class
        return f"it does not take pixels of shape {blank.shape} ({error})"
    for (name, shape), values in zip(expected.items(), outputs, strict=True):
        sides = zip_longest(shape, values.shape)
        if values.dtype != np.float32 or values.ndim != len(shape) or any(w not in (None, s) for w, s in sides):
            wanted = ", ".join("any" if side is None else str(side) for side in shape)
            return f"output '{name}' is {values.dtype} {list(values.shape)}, expected float32 [{wanted}]"
    return None if np.isfinite(outputs[0]).all() else "its logits for blank photos are not numbers"
