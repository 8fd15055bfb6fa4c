import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from ecosorter.preprocess import PreprocessSpec
from ecosorter.training.export.network import float_graph
from ecosorter.training.export.quantize import compare, quantize, rank_by_error
from tests.training.networks import small_wastenet

SPEC = PreprocessSpec(size=32, resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def model() -> bytes:
    network = small_wastenet()
    network.head.weight.data *= 500  # so that probabilities differ
    return float_graph(network, SPEC)


def photos(number: int, seed: int) -> NDArray[np.uint8]:
    """Noise in a colour of each photo's own."""
    random = np.random.default_rng(seed)
    colours = random.integers(40, 216, (number, 1, 1, 3))
    return (colours + random.integers(-40, 40, (number, 32, 32, 3))).astype(np.uint8)


def optimised(model: bytes, folder: str) -> list[str]:
    """The operators that ONNX Runtime really computes."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = f"{folder}/optimised.onnx"
    onnxruntime.InferenceSession(model, options)
    return [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]


def test_convolutions_and_residual_additions_become_integers_and_the_rest_stays_float(
    model: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = quantize(model, [photos(8, 0), photos(8, 1)])
    operators = optimised(small, str(tmp_path_factory.mktemp("graph")))
    assert operators.count("QLinearConv") == 6
    assert operators.count("QLinearAdd") == 1
    assert "Conv" not in operators
    assert operators.count("QuantizeLinear") == 1  # once in front, not between the layers
    assert {"ReduceMean", "Mul"} <= set(operators)
    graph = onnx.load_from_string(small).graph
    assert [value.name for value in graph.input] == ["pixels"]
    assert [value.name for value in graph.output] == ["logits", "features", "cam"]
    weights = [tensor for tensor in graph.initializer if len(tensor.dims) == 4]
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}


def test_it_answers_nearly_as_the_float_model(model: bytes) -> None:
    small = quantize(model, [photos(8, 0), photos(8, 1)])
    pixels = photos(40, 2)
    (logits,) = onnxruntime.InferenceSession(model).run(["logits"], {"pixels": pixels})
    found = compare(model, small, pixels, logits.argmax(axis=1))
    assert found.photos == 40
    assert found.accuracy_lost == pytest.approx(1 - found.agreement)
    assert found.agreement >= 0.9
    assert 0 < found.mean_difference <= found.difference < 0.1


def test_a_model_agrees_with_itself(model: bytes) -> None:
    found = compare(model, model, photos(5, 0))
    assert (found.agreement, found.difference, found.accuracy_lost) == (1, 0, None)


def test_the_layer_that_suffers_is_found_and_can_stay_float(
    model: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = onnx.load_from_string(model)
    depthwise = next(n for n in broken.graph.node if any(a.name == "group" and a.i > 1 for a in n.attribute))
    bias = next(tensor for tensor in broken.graph.initializer if tensor.name == depthwise.input[2])
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] = 1e4  # one channel a thousand times as large as the others: the scale is its own
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    broken_model = broken.SerializeToString()
    ranked = rank_by_error(broken_model, [photos(4, 0)])
    assert len(ranked) == 6
    assert [error for _, error in ranked] == sorted((error for _, error in ranked), reverse=True)
    worst = {name for name, _ in ranked[:2]}  # it writes that value, the next one reads it
    assert depthwise.name in worst
    assert ranked[0][1] > 100 * ranked[2][1]
    kept = quantize(broken_model, [photos(8, 0)], sorted(worst))
    assert optimised(kept, str(tmp_path_factory.mktemp("graph"))).count("QLinearConv") == 4
    pixels = photos(16, 2)
    assert (
        compare(broken_model, kept, pixels).difference
        < compare(broken_model, quantize(broken_model, [photos(8, 0)]), pixels).difference
    )
