"""Find the linear head in a bundle's graph, and put another one in its place.

Only the head is touched: the body may be float or int8, and other outputs stay as they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from ecosorter.errors import BundleError

_PASS_ON = ("Identity", "Dropout", "Flatten")


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """``logits = features @ weight + bias``.

    Attributes:
        weight: float32 ``[d, classes]``.
        bias: float32 ``[classes]``.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits float32 ``[n, classes]`` of features ``[n, d]``."""
        logits: NDArray[np.float32] = features @ self.weight + self.bias
        return logits


def find_head(model: ModelProto) -> LinearHead:
    """Return the layer that makes a graph's `logits` of its `features`.

    Raises:
        BundleError: it is not one linear layer of floats.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def constant(name: str) -> NDArray[Any] | None:
        return numpy_helper.to_array(constants[name]) if name in constants else None

    def came_from(name: str) -> str:
        while name not in ("features", "logits") and (node := makers.get(name)) and node.op_type in _PASS_ON:
            name = node.input[0]
        return name

    node = makers.get("logits")
    while node is not None and node.op_type in _PASS_ON:
        node = makers.get(node.input[0])
    weight, bias, source = _parts(node, makers, constant)
    if (
        weight is None
        or bias is None
        or weight.dtype != np.float32
        or weight.ndim != 2
        or bias.shape != weight.shape[1:]
        or came_from(source) != came_from("features")
    ):
        raise BundleError(
            "This model cannot be taught: its logits are not one linear layer on its features. Train one with a head "
            'of a single layer on pooled features (head.kind = "softmax"), or teach the one that comes with EcoSorter.'
        )
    return LinearHead(weight, bias.astype(np.float32))


def _parts(node: NodeProto | None, makers: dict[str, NodeProto], constant: Any) -> tuple[Any, Any, str]:
    """Return weight ``[d, c]``, bias and the name of what they are applied to; None where there is no such thing."""
    if node is not None and node.op_type == "Gemm" and len(node.input) == 3:
        weight = constant(node.input[1])
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        plain = attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0 and not attributes.get("transA", 0)
        if weight is not None and plain:
            return weight.T if attributes.get("transB", 0) else weight, constant(node.input[2]), node.input[0]
    elif node is not None and node.op_type == "Add":
        for product, bias in (node.input, reversed(node.input)):
            inner = makers.get(product)
            if inner is not None and inner.op_type == "MatMul":
                return constant(inner.input[1]), constant(bias), inner.input[0]
    return None, None, ""


def with_head(model: ModelProto, head: LinearHead) -> ModelProto:
    """Return a copy of a graph with another head, which may have more classes.

    Every weight of the old head is replaced wherever the graph uses it, so the class-activation map, which is the
    head applied at every place, follows.

    Args:
        model: one in which `find_head` finds a head.
        head: of the same width.

    Raises:
        BundleError: see `find_head`.
    """
    old = find_head(model)
    copy = ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        values = numpy_helper.to_array(tensor)
        for before, after in ((old.weight, head.weight), (old.weight.T, head.weight.T), (old.bias, head.bias)):
            if _same(values, before):
                fresh = after.reshape(*after.shape, *values.shape[before.ndim :])
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(fresh, np.float32), tensor.name))
                break
    del copy.graph.value_info[:]  # shapes of what is inside, which may speak of the old number of classes
    for output in copy.graph.output:
        if output.name in ("logits", "cam"):
            output.type.tensor_type.shape.dim[1].dim_value = len(head.bias)
    onnx.checker.check_model(copy)
    return copy


def _same(values: NDArray[Any], wanted: NDArray[np.float32]) -> bool:
    """Whether an array holds these values, perhaps with sides of 1 behind (the weight of a 1 x 1 convolution)."""
    shape, extra = values.shape[: wanted.ndim], values.shape[wanted.ndim :]
    return (
        values.dtype == np.float32
        and shape == wanted.shape
        and set(extra) <= {1}
        and bool((values.reshape(shape) == wanted).all())
    )
