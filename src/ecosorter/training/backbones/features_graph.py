"""What a frozen network's features are made of: how its map is pooled, and ImageNet scores behind them."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ecosorter.errors import BackboneError
from ecosorter.training.backbones.graphs import IR_VERSION, OPSET, join, renamed
from ecosorter.training.backbones.scores_layer import ScoresLayer

Pooling = Literal["mean", "active"]


def features_graph(backbone: ModelProto, pooling: Pooling, scores: ScoresLayer | None) -> ModelProto:
    """Return a backbone's graph with other features in `pooled`, and the same behind `map` where it has one.

    With ``"active"`` pooling the mean is taken over the places that the network itself finds active: those whose
    activation, summed over channels, is at least its mean. So an item counts more than what lies around it (after the
    selective aggregation of SCDA, Wei et al. 2017, https://arxiv.org/abs/1604.04994). ImageNet scores stay those of the
    mean over all places, for which the classification layer was trained.

    Args:
        backbone: from `images` to `pooled` and perhaps `map`.
        pooling: of the map.
        scores: of classes of waste, if they are wanted.

    Raises:
        BackboneError: the network has no map to pool.
    """
    if pooling == "mean" and scores is None:
        return backbone
    has_map = "map" in {value.name for value in backbone.graph.output}
    if pooling == "active" and not has_map:
        raise BackboneError("This network has no map of features to pool; use features.pooling = 'mean'.")
    copy = ModelProto()
    copy.CopyFrom(backbone)
    front = renamed(copy, {"pooled": "mean", "map": "plain_map"})
    return join(front, _behind(pooling, scores, has_map), ["pooled", "map"] if has_map else ["pooled"])


def _behind(pooling: Pooling, scores: ScoresLayer | None, has_map: bool) -> ModelProto:
    """Return the graph from `mean` and perhaps `plain_map` to `pooled` and perhaps `map`."""
    constants: dict[str, NDArray[Any]] = {
        "channels": np.array([1], np.int64),
        "sides": np.array([2, 3], np.int64),
        "last": np.array([-1], np.int64),
    }
    nodes = _active_nodes() if pooling == "active" else [helper.make_node("Identity", ["mean"], ["own"])]
    inputs = [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["n", "d"])]
    outputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", "features"])]
    if scores is None:
        nodes.append(helper.make_node("Identity", ["own"], ["pooled"]))
    else:
        constants |= {
            "things_weight": np.ascontiguousarray(scores.weight.T),
            "things_bias": scores.bias,
            "sizes": np.array(scores.sizes, np.int64),
        }
        nodes += _scores_nodes("mean", "scores", len(scores.sizes))
        nodes.append(helper.make_node("Concat", ["own", "scores"], ["pooled"], axis=-1))
    if has_map:
        inputs.append(helper.make_tensor_value_info("plain_map", TensorProto.FLOAT, ["n", "d", "h", "w"]))
        outputs.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", "features", "h", "w"]))
        if scores is None:
            nodes.append(helper.make_node("Identity", ["plain_map"], ["map"]))
        else:
            nodes.append(helper.make_node("Transpose", ["plain_map"], ["places"], perm=[0, 2, 3, 1]))
            nodes += _scores_nodes("places", "place_scores", len(scores.sizes))
            nodes.append(helper.make_node("Concat", ["places", "place_scores"], ["all_places"], axis=-1))
            nodes.append(helper.make_node("Transpose", ["all_places"], ["map"], perm=[0, 3, 1, 2]))
    used = {name for node in nodes for name in node.input}
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
    graph = helper.make_graph(nodes, "features", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _active_nodes() -> list[NodeProto]:
    """Return the mean of `plain_map` over the active places as `own`; there is always one."""
    node = helper.make_node
    return [
        node("ReduceSum", ["plain_map", "channels"], ["activation"], keepdims=1),
        node("ReduceMean", ["activation", "sides"], ["mean_activation"], keepdims=1),
        node("GreaterOrEqual", ["activation", "mean_activation"], ["is_active"]),
        node("Cast", ["is_active"], ["active"], to=TensorProto.FLOAT),
        node("Mul", ["plain_map", "active"], ["active_map"]),
        node("ReduceSum", ["active_map", "sides"], ["active_sum"], keepdims=0),
        node("ReduceSum", ["active", "sides"], ["active_places"], keepdims=0),
        node("Div", ["active_sum", "active_places"], ["own"]),
    ]


def _scores_nodes(source: str, target: str, classes: int) -> list[NodeProto]:
    """Return the scores of classes at the last axis of a value."""
    parts = [f"{target}_things{number}" for number in range(classes)]
    sums = [f"{target}{number}" for number in range(classes)]
    return [
        helper.make_node("MatMul", [source, "things_weight"], [f"{target}_product"]),
        helper.make_node("Add", [f"{target}_product", "things_bias"], [f"{target}_things"]),
        helper.make_node("Split", [f"{target}_things", "sizes"], parts, axis=-1),
        *(
            helper.make_node("ReduceLogSumExp", [part, "last"], [total], keepdims=1)
            for part, total in zip(parts, sums, strict=True)
        ),
        helper.make_node("Concat", sums, [target], axis=-1),
    ]
