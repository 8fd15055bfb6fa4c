"""Convolutions that pad as TensorFlow does, for networks whose weights come from there."""

from torch import Tensor, nn


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding: an odd pixel of padding goes to the right and the bottom.

    Its output has ``ceil(side / stride)`` places along each side, whatever the side of its input.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[n, outputs, ceil(h / stride), ceil(w / stride)]`` for ``[n, inputs, h, w]``."""
        if self.stride[0] > 1:  # with stride 1 and an odd kernel all sides are padded alike
            x = nn.functional.pad(x, (*self._around(x.shape[3]), *self._around(x.shape[2])))
        return super().forward(x)

    def _around(self, side: int) -> tuple[int, int]:
        """Return how much is padded before and behind."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return total // 2, total - total // 2
