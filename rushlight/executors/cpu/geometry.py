"""The sizes of a convolution, and which input each output reads.

Channels-last: x is (batch, height, width, channels), y is (batch, out_height, out_width, out_channels), the weight is
(out_channels, channels / groups, kernel height, kernel width). A convolution of one dimension has height 1.
"""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """One convolution. `padding` is (top, bottom), (left, right); `kind` is "f32" or "f64"."""

    batch: int
    height: int
    width: int
    channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    kind: str = "f32"

    @property
    def out_height(self) -> int:
        return self._out(self.height, 0)

    @property
    def out_width(self) -> int:
        return self._out(self.width, 1)

    def _out(self, size: int, dim: int) -> int:
        covered = (self.kernel[dim] - 1) * self.dilation[dim] + 1
        return (size + sum(self.padding[dim]) - covered) // self.stride[dim] + 1

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def group_channels(self) -> int:
        return self.channels // self.groups

    @property
    def group_out(self) -> int:
        return self.out_channels // self.groups

    @property
    def operations(self) -> int:
        """Multiplications and additions of the direct form."""
        pixels = self.batch * self.out_height * self.out_width
        return 2 * pixels * self.out_channels * self.group_channels * self.taps

    @property
    def bytes(self) -> int:
        """Bytes of one number."""
        return 8 if self.kind == "f64" else 4

    @property
    def sound(self) -> bool:
        """Whether nothing is empty and the channels divide into the groups."""
        whole = self.channels % self.groups == 0 and self.out_channels % self.groups == 0
        sizes = (self.batch, self.height, self.width, self.channels, self.out_channels, *self.kernel)
        return whole and min(*sizes, self.out_height, self.out_width) > 0
