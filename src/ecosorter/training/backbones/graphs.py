"""Builds and joins ONNX graphs: preprocessing in front, a backbone in the middle, a head behind.

::

    pixels uint8 [n, s, s, 3] -> [preprocess] -> images float32 [n, 3, s, s]
                              -> [backbone]   -> pooled [n, d], map [n, d, h, w]
                              -> [head]       -> logits [n, c], cam [n, c, h, w]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, compose, helper, numpy_helper, version_converter

from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec

OPSET = 18
IR_VERSION = 10

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601 weights of red, green and blue, as Pillow's grey conversion uses them."""

_POOLED_NAMES = ("pooled", "features", "pooler_output", "embeddings")
_POOLING = ("ReduceMean", "GlobalAveragePool")
_SHAPE_ONLY = ("Flatten", "Reshape", "Squeeze", "Identity")


@dataclass(frozen=True, slots=True)
class Layer:
    """One fully connected layer: weight float32 [out, in], bias float32 [out], and whether ReLU follows."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool


def preprocess_graph(spec: PreprocessSpec) -> ModelProto:
    """Return the graph from `pixels` (uint8 NHWC RGB) to normalised `images` (float32 NCHW)."""
    scale = 1 / (255 * np.array(spec.std, np.float32))
    shift = -np.array(spec.mean, np.float32) / np.array(spec.std, np.float32)
    nodes = [helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT)]
    weights: dict[str, NDArray[Any]] = {"scale": _one_if_same(scale), "shift": _one_if_same(shift)}
    values = "floats"
    if spec.grey:
        weights["luma"] = np.repeat(np.array(LUMA, np.float32)[:, None], 3, axis=1)
        nodes.append(helper.make_node("MatMul", [values, "luma"], ["grey"]))
        values = "grey"
    nodes += [
        helper.make_node("Mul", [values, "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["normalised"]),
        helper.make_node("Transpose", ["normalised"], ["images"], perm=[0, 3, 1, 2]),
    ]
    side = spec.size
    return _model(
        "preprocess",
        nodes,
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", side, side, 3])],
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, side, side])],
        weights,
    )


def front_graph(spec: PreprocessSpec, backbone: ModelProto) -> ModelProto:
    """Return the graph from `pixels` to what the backbone gives: `pooled`, and `map` where it has one."""
    return join(preprocess_graph(spec), backbone, [value.name for value in backbone.graph.output])


def pooled_head_graph(layers: Sequence[Layer], channels: int | None) -> ModelProto:
    """Return a head on pooled features, with a class-activation map.

    The map is the head applied at every place of the feature map instead of at the mean over places. For a
    single layer that is exactly the class-activation map of Zhou et al. 2016 ("Learning Deep Features for
    Discriminative Localization") plus the bias; for several layers it is the fully convolutional reading of
    the head (Long et al. 2015).

    Args:
        layers: from features to logits.
        channels: channels of the feature map; None, or a number that is not the head's input, when there is
            no map to look at: the map is then the logits, one place large.
    """
    weights: dict[str, NDArray[Any]] = {}
    for number, layer in enumerate(layers):
        weights[f"weight{number}"] = np.ascontiguousarray(layer.weight.T)
        weights[f"bias{number}"] = layer.bias
    classes, width = len(layers[-1].bias), layers[0].weight.shape[1]
    nodes = _dense(layers, "pooled", "logits")
    inputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", width])]
    if channels == width:
        inputs.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", width, "h", "w"]))
        nodes.append(helper.make_node("Transpose", ["map"], ["places"], perm=[0, 2, 3, 1]))
        nodes += _dense(layers, "places", "place_logits")
        nodes.append(helper.make_node("Transpose", ["place_logits"], ["cam"], perm=[0, 3, 1, 2]))
    else:
        weights["cam_shape"] = np.array([0, 0, 1, 1], np.int64)
        nodes.append(helper.make_node("Reshape", ["logits", "cam_shape"], ["cam"]))
    return _model("head", nodes, inputs, _head_outputs(classes), weights)


def flat_head_graph(layer: Layer, shape: tuple[int, int, int]) -> ModelProto:
    """Return one dense layer on the flattened map; its logit is a sum over places, and the map shows the terms.

    Args:
        layer: weight [classes, d * h * w].
        shape: (d, h, w) of the feature map.
    """
    classes = len(layer.bias)
    weights: dict[str, NDArray[Any]] = {
        "weight": layer.weight.reshape(classes, *shape),
        "bias": layer.bias,
        "axes": np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Einsum", ["map", "weight"], ["cam"], equation="ndhw,cdhw->nchw"),
        helper.make_node("ReduceSum", ["cam", "axes"], ["sums"], keepdims=0),
        helper.make_node("Add", ["sums", "bias"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", *shape])]
    return _model("head", nodes, inputs, _head_outputs(classes), weights)


def join(first: ModelProto, second: ModelProto, outputs: Sequence[str]) -> ModelProto:
    """Feed the outputs of one graph into the inputs of the same name of the next.

    Args:
        first: the graph in front.
        second: the graph behind.
        outputs: names to keep as outputs, from either graph.
    """
    if first.ir_version != second.ir_version or first.opset_import != second.opset_import:
        first, second = _levelled(first), _levelled(second)
    shared = {value.name for value in first.graph.output} & {value.name for value in second.graph.input}
    joined = compose.merge_models(
        first, _with_own_names(second), io_map=[(name, name) for name in sorted(shared)], outputs=list(outputs)
    )
    order = {name: place for place, name in enumerate(outputs)}
    ordered = sorted(joined.graph.output, key=lambda value: order[value.name])
    del joined.graph.output[:]
    joined.graph.output.extend(ordered)
    return joined


def backbone_graph(model: ModelProto) -> ModelProto:
    """Turn somebody's ONNX network into a backbone: input `images`, outputs `pooled` and, where found, `map`.

    The map is what the network averages into its pooled output: found by walking back from that output over
    nodes that only change the shape to the node that takes the mean.

    Args:
        model: a network with one input, float32 [n, 3, s, s], and an output with pooled features.

    Raises:
        BackboneError: when there is no such input or output.
    """
    names = [value.name for value in model.graph.output]
    pooled = next((name for name in _POOLED_NAMES if name in names), None)
    if pooled is None:
        raise BackboneError(
            f"This ONNX file's outputs are {', '.join(names)}; one must be named {' or '.join(_POOLED_NAMES)}."
        )
    initialisers = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initialisers]
    if len(inputs) != 1:
        raise BackboneError(
            f"This ONNX file has {len(inputs)} inputs; a backbone has one, float32 [n, 3, height, width]."
        )
    renames = {inputs[0].name: "images", pooled: "pooled"}
    source = _map_name(model, pooled)
    if source:
        renames[source] = "map"
    keep = ["pooled", "map"] if source else ["pooled"]
    inferred = onnx.shape_inference.infer_shapes(renamed(_levelled(model), renames))
    values = {value.name: value for value in [*inferred.graph.value_info, *inferred.graph.output]}
    del inferred.graph.output[:]
    inferred.graph.output.extend(values[name] for name in keep)
    return _without_dead_ends(inferred)


def input_side(model: ModelProto) -> int | None:
    """Return the side of a graph's square input in pixels, or None when the graph leaves it open."""
    initialisers = {tensor.name for tensor in model.graph.initializer}
    value = next(value for value in model.graph.input if value.name not in initialisers)
    dims = value.type.tensor_type.shape.dim
    if len(dims) != 4 or dims[1].dim_value not in (0, 3) or dims[2].dim_value != dims[3].dim_value:
        raise BackboneError("This ONNX file's input is not [n, 3, side, side]: channels first, square.")
    return dims[2].dim_value or None


def renamed(model: ModelProto, renames: dict[str, str]) -> ModelProto:
    """Rename values and weights of a model, in place."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renames.get(name, name)
    graph = model.graph
    for value in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        value.name = renames.get(value.name, value.name)
    return model


def _one_if_same(channels: NDArray[Any]) -> NDArray[Any]:
    """Return one number for all channels where they share it: ONNX Runtime is 50 times as fast with one as with 3."""
    return channels[:1] if np.ptp(channels) == 0 else channels


def _dense(layers: Sequence[Layer], source: str, target: str) -> list[onnx.NodeProto]:
    nodes = []
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        out = target if last else f"{target}_hidden{number}"
        total = f"{out}_total" if layer.relu else out
        nodes.append(helper.make_node("MatMul", [source, f"weight{number}"], [f"{out}_product"]))
        nodes.append(helper.make_node("Add", [f"{out}_product", f"bias{number}"], [total]))
        if layer.relu:
            nodes.append(helper.make_node("Relu", [total], [out]))
        source = out
    return nodes


def _head_outputs(classes: int) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
        helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", classes, "h", "w"]),
    ]


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: Mapping[str, NDArray[Any]],
) -> ModelProto:
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _levelled(model: ModelProto) -> ModelProto:
    """Return the model at this module's operator set and file version."""
    current = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), OPSET)
    level = model if current == OPSET else version_converter.convert_version(model, OPSET)
    copy = ModelProto()
    copy.CopyFrom(level)
    copy.ir_version = IR_VERSION
    return copy


def _map_name(model: ModelProto, pooled: str) -> str | None:
    makers = {output: node for node in model.graph.node for output in node.output}
    node = makers.get(pooled)
    while node is not None and node.op_type in _SHAPE_ONLY:
        node = makers.get(node.input[0])
    return node.input[0] if node is not None and node.op_type in _POOLING else None


def _with_own_names(model: ModelProto) -> ModelProto:
    """Prefix what is inside a graph with the graph's name, since the graph in front may use the same names."""
    outside = {value.name for value in [*model.graph.input, *model.graph.output]}
    made = {name for node in model.graph.node for name in node.output} | {t.name for t in model.graph.initializer}
    prefix = f"{model.graph.name}/"
    copy = ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.name = prefix + node.name if node.name else ""
    return renamed(copy, {name: prefix + name for name in made - outside})


def _without_dead_ends(model: ModelProto) -> ModelProto:
    """Drop the nodes and weights that no output needs, as the network's own classification layer."""
    needed = {value.name for value in model.graph.output}
    nodes = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(reversed(nodes))
    model.graph.initializer.extend(weights)
    return model
