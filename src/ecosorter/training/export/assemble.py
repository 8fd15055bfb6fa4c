"""Joins the front of a model (preprocessing, backbone) and a head to the one graph of a bundle."""

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto

from ecosorter.training.backbones.graphs import join, renamed
from ecosorter.training.fit.heads import Head


def assemble(front: ModelProto, head: Head, *, flattened: bool = False) -> bytes:
    """Join a front and a head to one ONNX model.

    Args:
        front: graph from `pixels` to `pooled` and perhaps `map` (`graphs.front_graph`).
        head: trained.
        flattened: whether the head was trained on the flattened map.

    Returns:
        The model, serialised: `pixels` uint8 [n, s, s, 3] in; `logits` [n, classes], `features` [n, d] and `cam`
        [n, classes, h, w] out.
    """
    whole = join(front, head.graph(_map_shape(front), flattened=flattened), ["logits", "pooled", "cam"])
    whole = renamed(whole, {"pooled": "features"})
    onnx.checker.check_model(whole)
    model: bytes = whole.SerializeToString()
    return model


def _map_shape(front: ModelProto) -> tuple[int, int, int] | None:
    """Return (d, h, w) of the front's map, by running it once."""
    if "map" not in {value.name for value in front.graph.output}:
        return None
    (pixels,) = front.graph.input
    side = pixels.type.tensor_type.shape.dim[1].dim_value
    session = onnxruntime.InferenceSession(front.SerializeToString())
    (places,) = session.run(["map"], {"pixels": np.zeros((1, side, side, 3), np.uint8)})
    return places.shape[1], places.shape[2], places.shape[3]
