"""The network alone, on pixels that lie in memory; and how fast the machine multiplies at all. Each is a process.

``python -m benchmarks.network WHAT ENGINE NETWORKS`` prints a JSON object. WHAT is ``shipped``, the network of the
model that ships, or ``mobilenet_v2``, that of `benchmarks.peer_networks`: photos a second at each size of batch, from
uint8 pixels to logits. Or it is ``product``: multiplications a second in the product of two large matrices, which no
network can exceed. ENGINE is ``int8`` or ``float`` (ONNX Runtime, as `Classifier` sets it up), ``torch`` (eager,
float32), or ``torch-nhwc`` (the same, channels last).
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ecosorter import Classifier
from ecosorter.bundle import load_bundle, shipped_bundles

BATCHES = (1, 32)
SECONDS = 1.0
SIDE = 2048  # of the matrices: 12 MB of 8-bit integers in all, 50 MB of floats

Run = Callable[[], object]


def times_a_second(run: Run) -> float:
    """Return how often something can be done in a second, after doing it twice to warm up."""
    run()
    run()
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        run()
        done += 1
    return done / (time.perf_counter() - start)


def of_onnx(what: str, engine: str, networks: Path) -> Callable[[Any], Run]:
    """Return what makes a run over a batch, with ONNX Runtime, each photo in one view."""
    folder = networks / ("int8" if engine == "int8" else "bundle")
    classifier = Classifier.load(None if what == "shipped" else folder)
    return lambda pixels: lambda: classifier.predict([photo[None] for photo in pixels])


def of_torch(what: str, engine: str, networks: Path) -> tuple[Callable[[Any], Run], int]:
    """Return what makes a run over a batch, with torch, and the multiplications for one photo."""
    import torch  # noqa: PLC0415 - the others need none
    from transformers import AutoModelForImageClassification  # noqa: PLC0415

    from ecosorter.training.backbones.edgetpu import FEATURES, MobileNetEdgeTPU  # noqa: PLC0415
    from ecosorter.training.backbones.imagenet_scores import ImageNetScores, things_of  # noqa: PLC0415
    from ecosorter.training.features import normalised  # noqa: PLC0415
    from ecosorter.training.fit.network import WasteNet  # noqa: PLC0415

    info = load_bundle(shipped_bundles()[0] if what == "shipped" else networks / "bundle").info
    if what == "shipped":
        things = [len(known) for known in things_of(info.classes)]
        network: Any = WasteNet(
            MobileNetEdgeTPU(), FEATURES, len(things), imagenet_scores=ImageNetScores(FEATURES, things)
        )
    else:
        network = AutoModelForImageClassification.from_pretrained(networks / "transformers", local_files_only=True)
    layout = torch.channels_last if engine == "torch-nhwc" else torch.contiguous_format
    network = network.eval().to(memory_format=layout)

    def compute(pixels: Any) -> Any:
        with torch.inference_mode():
            return network(normalised(torch.from_numpy(pixels), info.preprocess).contiguous(memory_format=layout))

    multiplications = 0

    def count(layer: Any, _: Any, output: Any) -> None:
        nonlocal multiplications
        multiplications += output.numel() * layer.weight[0].numel()

    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    compute(np.zeros((1, info.preprocess.size, info.preprocess.size, 3), np.uint8))
    for hook in hooks:
        hook.remove()
    return lambda pixels: lambda: compute(pixels), multiplications


def product(engine: str) -> float:
    """Return the multiplications a second in a product of two square matrices."""
    numbers = np.random.default_rng(0).integers(0, 127, (SIDE, SIDE), np.uint8)
    if engine.startswith("torch"):
        import torch  # noqa: PLC0415

        one = torch.from_numpy(numbers).float()
        run: Run = lambda: one @ one  # noqa: E731
    else:
        import onnxruntime  # noqa: PLC0415
        from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

        small = engine == "int8"
        given, found = (TensorProto.UINT8, TensorProto.INT32) if small else (TensorProto.FLOAT, TensorProto.FLOAT)
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger" if small else "MatMul", ["a", "b"], ["c"])],
            "product",
            [helper.make_tensor_value_info("a", given, [SIDE, SIDE])],
            [helper.make_tensor_value_info("c", found, [SIDE, SIDE])],
            [numpy_helper.from_array(numbers.astype(np.int8 if small else np.float32), "b")],  # weights are int8
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        pixels = numbers if small else numbers.astype(np.float32)
        run = lambda: session.run(None, {"a": pixels})  # noqa: E731
    return times_a_second(run) * SIDE**3


def main(what: str, engine: str, networks: Path) -> None:
    """Measure one thing."""
    if what == "product":
        print(json.dumps({"product": product(engine)}))
        return
    multiplications = None
    if engine.startswith("torch"):
        make, multiplications = of_torch(what, engine, networks)
    else:
        make = of_onnx(what, engine, networks)
    size = load_bundle(shipped_bundles()[0] if what == "shipped" else networks / "bundle").info.preprocess.size
    random = np.random.default_rng(0)
    rates = {}
    for batch in BATCHES:
        pixels = random.integers(0, 256, (batch, size, size, 3), np.uint8)
        rates[str(batch)] = batch * times_a_second(make(pixels))
    print(json.dumps({"rates": rates, "multiplications": multiplications}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
