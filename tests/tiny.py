"""A tiny model that is a valid bundle, and photos made on the spot, for any test that needs them.

The model looks at nothing but the mean colour: class i answers to `COLOURS[i]`. What it says can therefore be
worked out by hand.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from ecosorter.bundle import Bundle, BundleInfo, DataSource, write_bundle
from ecosorter.decision import Thresholds
from ecosorter.preprocess import PreprocessSpec

CLASSES = ("kaca", "logam", "organik", "plastik")
COLOURS = {"kaca": (255, 255, 255), "logam": (0, 0, 0), "organik": (0, 255, 0), "plastik": (0, 0, 255)}
SHARPNESS = 12.0  # logit of a photo of just the class's colour, minus that of the farthest colour


def tiny_model(classes: tuple[str, ...] = CLASSES, *, size: int = 8, sharpness: float = SHARPNESS) -> bytes:
    """Return the ONNX model, serialised.

    With the mean colour c and the class's colour k, both 0..1, the logit is ``sharpness * (2 c.k - k.k) / 3``: that
    of the nearest colour is the largest. ``features`` is the mean colour, ``cam`` the logits of each pixel, and the
    one of ``signals`` the brightest channel's mean.
    Classes that are not in `COLOURS` get a colour each.
    """
    colours = np.array([COLOURS.get(name, _some_colour(i)) for i, name in enumerate(classes)], np.float32) / 255
    weights = 2 * sharpness / 3 * colours
    bias = -sharpness / 3 * (colours**2).sum(axis=1)
    n = len(classes)
    constants = {
        "scale": np.array(255, np.float32),
        "weights": weights.reshape(n, 3, 1, 1),
        "bias": bias,
        "sides": np.array([2, 3], np.int64),
        "channel": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weights", "bias"], ["cam"]),
        helper.make_node("ReduceMean", ["cam", "sides"], ["logits"], keepdims=0),
        helper.make_node("ReduceMean", ["planes", "sides"], ["features"], keepdims=0),
        helper.make_node("ReduceMax", ["features", "channel"], ["signals"], keepdims=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size, size, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", n]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", n, size, size]),
            helper.make_tensor_value_info("signals", TensorProto.FLOAT, ["n", 1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised


def tiny_info(classes: tuple[str, ...] = CLASSES, *, size: int = 8, **changes: Any) -> BundleInfo:
    """Return the description that goes with `tiny_model`; `changes` are fields of `BundleInfo`."""
    fields: dict[str, Any] = {
        "format": 1,
        "name": "tiny",
        "version": "1",
        "created": "2026-01-31T12:00:00+00:00",
        "classes": classes,
        "preprocess": PreprocessSpec(size=size, resize="stretch", mean=(0, 0, 0), std=(1, 1, 1)),
        "temperature": 1.0,
        "thresholds": Thresholds(confidence=0.6, conformal=0.9),
        "metrics": {"accuracy": 1.0},
        "data": [DataSource(name="colours", photos=4, fingerprint="0123", licence="CC0-1.0")],
        "recipe": {"name": "by hand"},
        "made_with": {"onnx": "any"},
    }
    return BundleInfo(**(fields | changes))


def tiny_bundle(folder: Path, classes: tuple[str, ...] = CLASSES, *, size: int = 8, **changes: Any) -> Bundle:
    """Write the tiny model as a bundle; `changes` are fields of `BundleInfo`."""
    info = tiny_info(classes, size=size, **changes)
    return write_bundle(folder, tiny_model(classes, size=size), info, "# tiny\n\nTells colours apart.\n")


def photo(colour: tuple[int, ...] = (0, 0, 255), kind: str = "PNG", size: tuple[int, int] = (24, 16)) -> bytes:
    """Return the bytes of a photo of one colour; `kind` is Pillow's name of a format."""
    return encoded(Image.new("RGB", size, colour), kind)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as a file's bytes. ``HEIF`` goes through pillow-heif."""
    buffer = BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def _some_colour(index: int) -> tuple[int, int, int]:
    """Return colours that lie apart, for classes of somebody's own."""
    return ((index * 97) % 256, (index * 57) % 256, (index * 151) % 256)
