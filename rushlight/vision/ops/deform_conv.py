"""Deformable convolution: a convolution that reads each of its taps at a place of its own."""

import math

from ... import functions as fn
from ...nn import Module, init
from ...nn import functional as nnf
from ...nn.parameter import Parameter


def deform_conv2d(
    input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), mask=None
):
    """A convolution whose taps are moved by `offset` and, when given, weighted by `mask`.

    Args:
        input: (N, C, H, W).
        offset: (N, 2 G kh kw, h, w): for each of G groups of channels and each tap, how far down and across,
            in pixels.
        weight: (O, C / groups, kh, kw).
        mask: (N, G kh kw, h, w).
    Returns:
        (N, O, h, w); places outside the input read 0.
    Source: torchvision.ops.deform_conv2d, after Dai et al. 2017 and Zhu et al. 2018.
    """
    stride, padding, dilation = _pair(stride), _pair(padding), _pair(dilation)
    N, C, H, W = input.shape
    O, per_group, kh, kw = weight.shape
    h = (H + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    w = (W + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    taps = kh * kw
    G = offset.shape[1] // (2 * taps)
    if G == 0 or offset.shape[1] != 2 * G * taps or C % G or tuple(offset.shape[2:]) != (h, w):
        raise RuntimeError(
            f"deform_conv2d: offset should be (N, 2 * groups * {kh} * {kw}, {h}, {w}) with groups dividing "
            f"{C} "
            f"channels, got {tuple(offset.shape)}"
        )
    places = _regular_places(input, (kh, kw), (h, w), stride, padding, dilation)
    places = places + offset.view(N, G, taps, 2, h, w)
    read = _read(input, places, G)
    if mask is not None:
        read = read * mask.view(N, G, 1, taps, h, w)
    groups = C // per_group
    columns = read.reshape(N, groups, per_group * taps, h * w)
    kernel = weight.view(1, groups, O // groups, per_group * taps)
    output = fn.matmul(kernel, columns).view(N, O, h, w)
    return output if bias is None else output + bias.view(1, O, 1, 1)


def _regular_places(input, kernel, size, stride, padding, dilation):
    """Rows and columns (1, 1, kh kw, 2, h, w) that a plain convolution reads."""
    options = {"dtype": input.dtype, "device": input.device}
    (kh, kw), (h, w) = kernel, size
    down = (fn.arange(h, **options) * stride[0] - padding[0]).view(1, 1, h, 1)
    across = (fn.arange(w, **options) * stride[1] - padding[1]).view(1, 1, 1, w)
    rows = down + (fn.arange(kh, **options) * dilation[0]).view(kh, 1, 1, 1)
    columns = across + (fn.arange(kw, **options) * dilation[1]).view(1, kw, 1, 1)
    both = fn.stack((rows.expand(kh, kw, h, w), columns.expand(kh, kw, h, w)), dim=2)
    return both.reshape(1, 1, kh * kw, 2, h, w)


def _read(input, places, G):
    """The input at places (N, G, taps, 2, h, w), bilinearly: (N, G, C / G, taps, h, w)."""
    N, C, H, W = input.shape
    taps, h, w = places.shape[2], places.shape[4], places.shape[5]
    rows, columns = places.unbind(dim=3)
    # grid_sample's units without aligned corners: pixel i of n stands at (2 i + 1) / n - 1.
    grid = fn.stack(((2 * columns + 1) / W - 1, (2 * rows + 1) / H - 1), dim=-1)
    read = nnf.grid_sample(
        input.reshape(N * G, C // G, H, W),
        grid.reshape(N * G, taps * h, w, 2),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    return read.view(N, G, C // G, taps, h, w)


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


class DeformConv2d(Module):
    """`deform_conv2d` with a weight and a bias of its own; offsets and masks are inputs.

    Source: torchvision.ops.DeformConv2d
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True
    ):
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"in_channels ({in_channels}) and out_channels ({out_channels}) must be divisible by groups "
                f"({groups})"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.weight = Parameter(fn.empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = Parameter(fn.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.weight[0].numel()
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input, offset, mask=None):
        return deform_conv2d(
            input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask
        )

    def extra_repr(self):
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )
