"""A tiny model that can be taught: a few filters, their mean, one linear layer; and photos for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.linear_model import LogisticRegression

from ecosorter.bundle import Bundle, write_bundle
from ecosorter.preprocess import PreprocessSpec, to_pixels
from ecosorter.teaching.bank import make_bank
from ecosorter.training.backbones.graphs import OPSET, Layer, join, pooled_head_graph, preprocess_graph, renamed
from tests.tiny import tiny_info
from tests.training.pictures import picture

SPEC = PreprocessSpec(size=16, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
WIDTH = 24
TINTS = {
    "kaca": (230, 230, 230),
    "khusus": (70, 70, 70),
    "organik": (40, 180, 40),
    "baterai": (240, 160, 30),
    "popok": (220, 60, 200),
}
KNOWN = ("kaca", "khusus", "organik")


def tinted(label: str, seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a picture of its own whose colour is that of a class, more or less."""
    return Image.blend(picture(seed, size), Image.new("RGB", size, TINTS[label]), 0.45)


def class_folders(folder: Path, photos: Mapping[str, int], *, seed: int = 1000) -> Path:
    """Save some photos of each class; keys are names of folders, which may be ``"folder:class"``."""
    for name, number in photos.items():
        place, _, label = name.partition(":")
        (folder / place).mkdir(parents=True, exist_ok=True)
        for _ in range(number):
            seed += 1
            tinted(label or place, seed).save(folder / place / f"{seed}.png")
    return folder


def body() -> ModelProto:
    """Return the backbone's graph: 3 x 3 convolution, ReLU, mean."""
    random = np.random.default_rng(0)
    weights = {"filters": random.normal(size=(WIDTH, 3, 3, 3)) * 0.4, "offsets": random.normal(size=WIDTH) * 0.3}
    nodes = [
        helper.make_node("Conv", ["images", "filters", "offsets"], ["convolved"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["convolved"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["pooled"]),
    ]
    graph = helper.make_graph(
        nodes,
        "body",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SPEC.size, SPEC.size])],
        [
            helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", WIDTH]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", WIDTH, SPEC.size, SPEC.size]),
        ],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def with_layers(layers: list[Layer], *, signals: bool = False) -> ModelProto:
    """Return the whole graph with a head of these layers, and perhaps a signal: the first feature."""
    front = join(preprocess_graph(SPEC), body(), ["pooled", "map"])
    whole = renamed(join(front, pooled_head_graph(layers, WIDTH), ["logits", "pooled", "cam"]), {"pooled": "features"})
    if signals:
        whole.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
        whole.graph.node.append(helper.make_node("Gather", ["features", "first"], ["signals"], axis=1))
        whole.graph.output.append(helper.make_tensor_value_info("signals", TensorProto.FLOAT, ["n", 1]))
    onnx.checker.check_model(whole)
    return whole


def features_of(images: list[Image.Image]) -> NDArray[np.float32]:
    """Return what the body makes of pictures."""
    from onnxruntime import InferenceSession  # noqa: PLC0415

    graph = join(preprocess_graph(SPEC), body(), ["pooled"])
    (found,) = InferenceSession(graph.SerializeToString()).run(
        ["pooled"], {"pixels": np.stack([to_pixels(image, SPEC) for image in images])}
    )
    return np.asarray(found, np.float32)


def teachable(
    folder: Path,
    *,
    per_class: int = 40,
    bank: bool = True,
    signals: bool = False,
    also: Mapping[str, str] = {},
    **changes: Any,
) -> Bundle:
    """Write a bundle that tells `KNOWN` apart, with a bank.

    Args:
        folder: where.
        per_class: photos of each class that it was trained on.
        bank: whether it has one.
        signals: whether it has a signal.
        also: tints whose photos it has learnt as another class, as in ``{"baterai": "khusus"}``.
        changes: fields of its description.
    """
    shown = [*((label, label) for label in KNOWN), *also.items()]
    pairs = [(tint, label, 10_000 + i * 500 + n) for i, (tint, label) in enumerate(shown) for n in range(per_class)]
    features = features_of([tinted(tint, seed) for tint, _, seed in pairs])
    labels = np.array([KNOWN.index(label) for _, label, _ in pairs], np.int64)
    fitted = LogisticRegression(C=10, max_iter=500).fit(features, labels)
    layer = Layer(fitted.coef_.astype(np.float32), fitted.intercept_.astype(np.float32), relu=False)
    sources = ["first" if seed % 2 else "second" for _, _, seed in pairs]
    return write_bundle(
        folder,
        with_layers([layer], signals=signals).SerializeToString(),
        tiny_info(KNOWN, preprocess=SPEC, **changes),
        "# tiny\n\n## Data\n\nMade up.\n",
        bank=make_bank(features, labels, sources, KNOWN) if bank else None,
    )
