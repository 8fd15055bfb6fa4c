"""The padding of TensorFlow."""

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ecosorter.training.backbones.same_conv import SameConv


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(14, 10), (15, 9), (14, 9)], ids=str)
def test_padding_is_that_of_tensorflow(kernel: int, stride: int, sides: tuple[int, int]) -> None:
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
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, *sides])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in values.items() if value is not None],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = torch.randn(1, 2, *sides)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x.numpy()})
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=1e-5)
