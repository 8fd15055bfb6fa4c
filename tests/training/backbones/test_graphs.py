import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ecosorter.errors import BackboneError
from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.backbones.graphs import (
    Layer,
    backbone_graph,
    flat_head_graph,
    input_side,
    join,
    pooled_head_graph,
    preprocess_graph,
)

RANDOM = np.random.default_rng(0)


def run(model: onnx.ModelProto, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def layers(*widths: int) -> list[Layer]:
    pairs = list(itertools.pairwise(widths))
    return [
        Layer(
            RANDOM.normal(size=(b, a)).astype(np.float32),
            RANDOM.normal(size=b).astype(np.float32),
            relu=number < len(pairs) - 1,
        )
        for number, (a, b) in enumerate(pairs)
    ]


@pytest.mark.parametrize("grey", [False, True])
def test_preprocessing_normalises_as_the_spec_says(grey: bool) -> None:
    spec = PreprocessSpec(size=4, resize="stretch", grey=grey, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    pixels = RANDOM.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    values = pixels / 255
    if grey:
        values = np.repeat((values @ [0.299, 0.587, 0.114])[..., None], 3, axis=3)
    wanted = ((values - spec.mean) / spec.std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(run(preprocess_graph(spec), pixels=pixels)["images"], wanted, atol=1e-5)


@pytest.mark.parametrize("widths", [(6, 3), (6, 5, 4, 3)])
def test_a_pooled_head_is_its_layers_and_its_map_is_the_head_at_each_place(widths: tuple[int, ...]) -> None:
    stack = layers(*widths)
    places = RANDOM.normal(size=(2, 6, 3, 2)).astype(np.float32)
    pooled = places.mean(axis=(2, 3))

    def apply(values: np.ndarray) -> np.ndarray:
        for layer in stack:
            values = values @ layer.weight.T + layer.bias
            values = np.maximum(values, 0) if layer.relu else values
        return values

    found = run(pooled_head_graph(stack, 6), pooled=pooled, map=places)
    np.testing.assert_allclose(found["logits"], apply(pooled), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["cam"], apply(places.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2), atol=1e-4)
    if len(stack) == 1:  # Zhou et al. 2016: the mean of the map is the logit
        np.testing.assert_allclose(found["cam"].mean(axis=(2, 3)), found["logits"], atol=1e-4)


def test_without_a_map_the_logits_stand_for_it() -> None:
    found = run(pooled_head_graph(layers(4, 3), None), pooled=np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(found["cam"][:, :, 0, 0], found["logits"])


def test_a_flat_head_is_one_layer_on_the_flattened_map_and_its_map_adds_up_to_the_logits() -> None:
    (layer,) = layers(4 * 3 * 2, 5)
    places = RANDOM.normal(size=(2, 4, 3, 2)).astype(np.float32)
    found = run(flat_head_graph(layer, (4, 3, 2)), map=places)
    np.testing.assert_allclose(found["logits"], places.reshape(2, -1) @ layer.weight.T + layer.bias, atol=1e-4)
    np.testing.assert_allclose(found["cam"].sum(axis=(2, 3)) + layer.bias, found["logits"], atol=1e-4)


def test_joining_keeps_weights_of_the_same_name_apart_and_the_order_of_outputs() -> None:
    first, second = layers(4, 4), layers(4, 3)
    front = pooled_head_graph(first, None)
    front.graph.name = "front"
    for node in front.graph.node:
        for names in (node.input, node.output):
            names[:] = ["middle" if name == "logits" else name for name in names]
    front.graph.output[0].name = "middle"
    behind = pooled_head_graph(second, None)
    behind.graph.input[0].name = "middle"
    for node in behind.graph.node:
        node.input[:] = ["middle" if name == "pooled" else name for name in node.input]
        node.output[:] = ["end_cam" if name == "cam" else name for name in node.output]
    behind.graph.output[1].name = "end_cam"
    joined = join(front, behind, ["end_cam", "logits", "cam"])
    assert [value.name for value in joined.graph.output] == ["end_cam", "logits", "cam"]
    pooled = RANDOM.normal(size=(2, 4)).astype(np.float32)
    middle = pooled @ first[0].weight.T + first[0].bias
    found = run(joined, pooled=pooled)
    np.testing.assert_allclose(found["logits"], middle @ second[0].weight.T + second[0].bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["cam"][:, :, 0, 0], middle, rtol=1e-4, atol=1e-5)


def _network(inputs: list[onnx.ValueInfoProto], output: str) -> onnx.ModelProto:
    node = helper.make_node("Flatten", [inputs[0].name], [output])
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", "d"])]
    return helper.make_model(
        helper.make_graph([node], "net", inputs, outputs), opset_imports=[helper.make_opsetid("", 18)]
    )


def test_a_network_without_features_is_refused() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    with pytest.raises(BackboneError, match="outputs are logits"):
        backbone_graph(_network([value], "logits"))
    with pytest.raises(BackboneError, match="2 inputs"):
        backbone_graph(_network([value, helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], "features"))


@pytest.mark.parametrize(
    ("shape", "side"), [(["n", 3, 8, 8], 8), (["n", 3, "h", "w"], None), (["n", 8, 8, 3], ...), (["n", 3, 8, 6], ...)]
)
def test_the_input_must_be_square_and_channels_first(shape: list, side: object) -> None:
    model = _network([helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], "features")
    if side is ...:
        with pytest.raises(BackboneError, match="channels first"):
            input_side(model)
    else:
        assert input_side(model) == side
