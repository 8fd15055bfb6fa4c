"""The linear head of a graph is found, and replaced wherever the graph uses it."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ecosorter.errors import BundleError
from ecosorter.teaching.linear_head import LinearHead, find_head, with_head
from ecosorter.training.backbones.graphs import Layer
from tests.teaching.teachable import SPEC, WIDTH, with_layers


def test_the_head_is_found_and_replaced_in_logits_and_map() -> None:
    random = np.random.default_rng(1)
    old = Layer(random.normal(size=(3, WIDTH)).astype(np.float32), np.arange(3, dtype=np.float32), relu=False)
    model = with_layers([old])
    head = find_head(model)
    assert np.array_equal(head.weight, old.weight.T)
    assert np.array_equal(head.bias, old.bias)
    new = LinearHead(random.normal(size=(WIDTH, 5)).astype(np.float32), random.normal(size=5).astype(np.float32))
    other = with_head(model, new)
    assert np.array_equal(find_head(other).weight, new.weight)
    assert np.array_equal(find_head(model).weight, old.weight.T)  # a copy was changed
    from onnxruntime import InferenceSession  # noqa: PLC0415

    pixels = random.integers(0, 256, (2, SPEC.size, SPEC.size, 3), dtype=np.uint8)
    logits, features, cam = InferenceSession(other.SerializeToString()).run(
        ["logits", "features", "cam"], {"pixels": pixels}
    )
    assert np.allclose(logits, new(features), atol=1e-5)
    assert np.allclose(cam.mean(axis=(2, 3)), logits, atol=1e-4)


def test_a_gemm_is_a_head_too() -> None:
    weight = np.ones((3, WIDTH), np.float32)
    model = with_layers([Layer(weight, np.zeros(3, np.float32), relu=False)])
    (add,) = (node for node in model.graph.node if "logits" in node.output)
    (product,) = (node for node in model.graph.node if add.input[0] in node.output)
    gemm = onnx.helper.make_node("Gemm", ["features", "turned", add.input[1]], ["logits"], transB=1)
    model.graph.initializer.append(numpy_helper.from_array(weight, "turned"))
    model.graph.node.remove(product)
    model.graph.node.remove(add)
    model.graph.node.append(gemm)
    assert np.array_equal(find_head(model).weight, weight.T)
    assert find_head(
        with_head(model, LinearHead(np.ones((WIDTH, 4), np.float32), np.zeros(4, np.float32)))
    ).bias.shape == (4,)


def test_a_perceptron_is_no_linear_head() -> None:
    hidden = Layer(np.ones((4, WIDTH), np.float32), np.zeros(4, np.float32), relu=True)
    last = Layer(np.ones((3, 4), np.float32), np.zeros(3, np.float32), relu=False)
    with pytest.raises(BundleError, match="not one linear layer"):
        find_head(with_layers([hidden, last]))
