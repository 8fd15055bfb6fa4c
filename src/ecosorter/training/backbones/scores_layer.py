"""ImageNet scores (imagenet_scores.py tells what they are) behind the features of a network as it came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ecosorter.training.backbones.backbone import Backbone
from ecosorter.training.backbones.graphs import IR_VERSION, OPSET, join, renamed
from ecosorter.training.backbones.imagenet_scores import imagenet_layer, things_of


@dataclass(frozen=True, slots=True, eq=False)
class ScoresLayer:
    """The rows of a classification layer that are things of some class of waste.

    Attributes:
        weight: float32 ``[things, d]``, class by class.
        bias: float32 ``[things]``.
        sizes: how many things each class has.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    sizes: tuple[int, ...]

    def beside(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features ``[n, d]`` with the scores of the classes behind them: ``[n, d + classes]``."""
        things = features @ self.weight.T + self.bias
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        scores = [
            np.logaddexp.reduce(things[:, start : start + size], axis=1)
            for start, size in zip(starts[:-1], self.sizes, strict=True)
        ]
        return np.column_stack([features, *scores]).astype(np.float32)

    def behind(self, backbone: ModelProto) -> ModelProto:
        """Return a backbone's graph with the scores behind `pooled`, and at every place behind `map`, if any."""
        has_map = "map" in {value.name for value in backbone.graph.output}
        front = renamed(_copy(backbone), {"pooled": "plain", "map": "plain_map"})
        return join(front, self._graph(has_map), ["pooled", "map"] if has_map else ["pooled"])

    def _graph(self, has_map: bool) -> ModelProto:
        width, classes = self.weight.shape[1], len(self.sizes)
        constants: dict[str, NDArray[np.generic]] = {
            "things_weight": np.ascontiguousarray(self.weight.T),
            "things_bias": self.bias,
            "sizes": np.array(self.sizes, np.int64),
            "last": np.array([-1], np.int64),
        }
        nodes = _scores_nodes("plain", "scores", classes)
        nodes.append(helper.make_node("Concat", ["plain", "scores"], ["pooled"], axis=-1))
        inputs = [helper.make_tensor_value_info("plain", TensorProto.FLOAT, ["n", width])]
        outputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", width + classes])]
        if has_map:
            nodes.append(helper.make_node("Transpose", ["plain_map"], ["places"], perm=[0, 2, 3, 1]))
            nodes += _scores_nodes("places", "place_scores", classes)
            nodes.append(helper.make_node("Concat", ["places", "place_scores"], ["all_places"], axis=-1))
            nodes.append(helper.make_node("Transpose", ["all_places"], ["map"], perm=[0, 3, 1, 2]))
            inputs.append(helper.make_tensor_value_info("plain_map", TensorProto.FLOAT, ["n", width, "h", "w"]))
            shape = ["n", width + classes, "h", "w"]
            outputs.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, shape))
        weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
        graph = helper.make_graph(nodes, "imagenet_scores", inputs, outputs, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def scores_layer(backbone: Backbone, classes: Sequence[str]) -> ScoresLayer:
    """Return the scores that a network's classification layer gives classes of waste.

    Raises:
        BackboneError: the network has no such layer.
        RecipeError: a class has no names of things.
    """
    things = [list(known.values()) for known in things_of(classes)]
    layer = imagenet_layer(backbone)
    rows = [number for known in things for number in known]
    return ScoresLayer(layer.weight[rows], layer.bias[rows], tuple(len(known) for known in things))


def _scores_nodes(source: str, target: str, classes: int) -> list[NodeProto]:
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


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy
