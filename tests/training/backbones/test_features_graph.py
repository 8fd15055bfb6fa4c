"""How a map is pooled and scored in the graph, held against numpy."""

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from ecosorter.errors import BackboneError
from ecosorter.training.backbones.features_graph import Pooling, features_graph
from ecosorter.training.backbones.graphs import IR_VERSION, OPSET
from ecosorter.training.backbones.scores_layer import ScoresLayer

RANDOM = np.random.default_rng(0)
MAPS = RANDOM.gamma(1.0, size=(3, 6, 4, 4)).astype(np.float32)
SCORES = ScoresLayer(RANDOM.normal(size=(5, 6)).astype(np.float32), RANDOM.normal(size=5).astype(np.float32), (2, 1, 2))


def backbone(*, has_map: bool = True) -> ModelProto:
    """A network that takes its map for photos."""
    nodes = [
        helper.make_node("Identity", ["images"], ["map"]),
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Flatten", ["means"], ["pooled"]),
    ]
    outputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", 6])]
    if has_map:
        outputs.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 6, 4, 4]))
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 6, 4, 4])]
    graph = helper.make_graph(nodes if has_map else nodes[1:], "net", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def run(graph: ModelProto, *names: str) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    found: list[NDArray[np.float32]] = session.run(list(names), {"images": MAPS})
    return found


def active_mean(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    activation = maps.sum(axis=1)
    active = activation >= activation.mean(axis=(1, 2), keepdims=True)
    return np.stack([places[:, mask].mean(axis=1) for places, mask in zip(maps, active, strict=True)])


def test_a_plain_network_stays_as_it_is() -> None:
    plain = backbone()
    assert features_graph(plain, "mean", None) is plain


def test_active_places_are_pooled_and_the_map_stays() -> None:
    pooled, places = run(features_graph(backbone(), "active", None), "pooled", "map")
    np.testing.assert_allclose(pooled, active_mean(MAPS), rtol=1e-5)
    np.testing.assert_array_equal(places, MAPS)
    assert not np.allclose(pooled, MAPS.mean(axis=(2, 3)), atol=0.05)


@pytest.mark.parametrize("pooling", ["mean", "active"])
def test_scores_stand_behind_the_features_and_at_each_place(pooling: Pooling) -> None:
    pooled, places = run(features_graph(backbone(), pooling, SCORES), "pooled", "map")
    means = MAPS.mean(axis=(2, 3))
    own = active_mean(MAPS) if pooling == "active" else means
    np.testing.assert_allclose(pooled, np.hstack([own, SCORES.beside(means)[:, 6:]]), rtol=1e-5, atol=1e-5)
    flat = MAPS.transpose(0, 2, 3, 1).reshape(-1, 6)
    wanted = SCORES.beside(flat).reshape(3, 4, 4, 9).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(places, wanted, rtol=1e-5, atol=1e-5)


def test_scores_need_no_map_but_active_pooling_does() -> None:
    (pooled,) = run(features_graph(backbone(has_map=False), "mean", SCORES), "pooled")
    np.testing.assert_allclose(pooled, SCORES.beside(MAPS.mean(axis=(2, 3))), rtol=1e-5, atol=1e-5)
    with pytest.raises(BackboneError, match="no map"):
        features_graph(backbone(has_map=False), "active", None)
