"""MobileNetEdgeTPU: the padding of TensorFlow, and the weights of the file."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ecosorter.errors import BackboneError
from ecosorter.training.backbones.edgetpu import FEATURES, MobileNetEdgeTPU, SameConv, load_edgetpu


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_that_of_tensorflow(kernel: int, stride: int) -> None:
    # ONNX's SAME_UPPER is TensorFlow's SAME.
    torch.manual_seed(0)
    conv = SameConv(2, 4, kernel, stride, groups=2)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], auto_pad="SAME_UPPER", strides=[stride] * 2, group=2),
    ]
    values = {"w": conv.weight.detach().numpy(), "b": conv.bias.detach().numpy() if conv.bias is not None else None}
    graph = helper.make_graph(
        nodes,
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 14, 10])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in values.items() if value is not None],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = torch.randn(1, 2, 14, 10)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x.numpy()})
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=1e-5)


def test_it_has_the_size_that_its_authors_state() -> None:
    network = MobileNetEdgeTPU()
    parameters = sum(value.numel() for value in network.parameters())
    assert parameters + FEATURES * 1001 + 1001 == pytest.approx(4.07e6, rel=0.01)
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, FEATURES, 2, 3)


def test_it_gives_what_the_file_gives(shared: Path) -> None:
    file = shared / "backbones" / "mobilenet_edgetpu_1.0_224" / "model.onnx"
    images = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        found = load_edgetpu(file)(images).mean((2, 3)).numpy()
    (expected,) = onnxruntime.InferenceSession(file).run(["features"], {"input": images.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="There is no file"):
        load_edgetpu(tmp_path / "model.onnx")
    graph = helper.make_graph([], "nothing", [], [])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(BackboneError, match="does not hold MobileNetEdgeTPU"):
        load_edgetpu(tmp_path / "model.onnx")
