"""Elements rearranged between channels and space: pixel_shuffle, channel_shuffle, unfold and fold of images.

`unfold` here is torch.nn.functional's, which lays every window out as a column; Tensor.unfold is in shaping.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation
from ..errors import ShapeError
from ..graph.node import Node
from ..tensor import Tensor, shape_of
from .arguments import need_tensor
from .opmath import widened
from .register import function
from .spatial import ints, need_int, wide

# ---------------------------------------------------------------- pixels


def _to_space(x: Node, r: int) -> Node:
    *lead, C, H, W = x.shape
    c, n = C // (r * r), len(lead)
    split = x.reshape((*lead, c, r, r, H, W))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return split.permute(order).reshape((*lead, c, H * r, W * r))


def _to_channels(x: Node, r: int) -> Node:
    *lead, C, H, W = x.shape
    h, w, n = H // r, W // r, len(lead)
    split = x.reshape((*lead, C, h, r, w, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return split.permute(order).reshape((*lead, C * r * r, h, w))


_pixel_shuffle = Op("PixelShuffleBackward0", _to_space, lambda g, out, ins, needs, r: (_to_channels(g, r),))
_pixel_unshuffle = Op(
    "PixelUnshuffleBackward0", _to_channels, lambda g, out, ins, needs, r: (_to_space(g, r),)
)


def _check_pixels(name: str, argument: str, input: Any, factor: Any) -> tuple[tuple[int, ...], int]:
    need_tensor(name, input)
    factor = need_int(name, argument, factor, 2)
    shape = shape_of(input)
    if len(shape) < 3:
        raise ShapeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")
    return shape, factor


@function(method=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C r^2, H, W) as (..., C, H r, W r): channels become pixels.

    Raises: RuntimeError when the channels are no multiple of r^2.
    Source: torch.pixel_shuffle; Shi et al. 2016.
    Example:
        >>> import rushlight as torch
        >>> torch.pixel_shuffle(torch.arange(4.0).reshape(1, 4, 1, 1), 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    shape, r = _check_pixels("pixel_shuffle", "upscale_factor", input, upscale_factor)
    if shape[-3] % (r * r):
        raise ShapeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={shape[-3]} is not divisible by {r * r}"
        )
    return operation(_pixel_shuffle, (input,), (r,))


@function(method=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) as (..., C r^2, H, W): the inverse of pixel_shuffle. Source: torch.pixel_unshuffle."""
    shape, r = _check_pixels("pixel_unshuffle", "downscale_factor", input, downscale_factor)
    for which, dim in (("height", -2), ("width", -1)):
        if shape[dim] % r:
            raise ShapeError(
                f"pixel_unshuffle expects {which} to be divisible by downscale_factor, but input.size({dim})="
                f"{shape[dim]} is not divisible by {r}"
            )
    return operation(_pixel_unshuffle, (input,), (r,))


# ---------------------------------------------------------------- channels


def _interleaved(x: Node, groups: int) -> Node:
    N, C, *rest = x.shape
    split = x.reshape((N, groups, C // groups, *rest))
    return split.permute((0, 2, 1, *range(3, len(split.shape)))).reshape(x.shape)


_channel_shuffle = Op(
    "ChannelShuffleBackward0",
    _interleaved,
    lambda g, out, ins, needs, groups: (_interleaved(g, g.shape[1] // groups) if g.numel else g,),
)


@function(method=False)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of (N, C, ...) dealt out again, one of each group in turn.

    Raises: RuntimeError when the channels are no multiple of groups.
    Source: torch.channel_shuffle; Zhang et al. 2018 (ShuffleNet).
    Example:
        >>> import rushlight as torch
        >>> torch.channel_shuffle(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([0., 2., 1., 3.])
    """
    need_tensor("channel_shuffle", input)
    groups = need_int("channel_shuffle", "groups", groups, 2)
    shape = shape_of(input)
    if len(shape) <= 2:
        raise ShapeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise ShapeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    return operation(_channel_shuffle, (input,), (groups,))


@function(method=False)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """As channel_shuffle. Source: torch.native_channel_shuffle."""
    return channel_shuffle(input, groups)


# ---------------------------------------------------------------- columns


def _columns(x: Node, kernel: tuple, dilation: tuple, padding: tuple, stride: tuple) -> Node:
    N, C, H, W = x.shape
    if any(padding):
        p, q = padding
        at = ((0, N, 1), (0, C, 1), (p, p + H, 1), (q, q + W, 1))
        x = x.unslice((N, C, H + 2 * p, W + 2 * q), at)
    spread_out = x.windows((2, 3), kernel, stride, dilation)
    blocks = math.prod(spread_out.shape[2:4])
    return spread_out.permute((0, 1, 4, 5, 2, 3)).reshape((N, C * math.prod(kernel), blocks))


def _image(columns: Node, size: tuple, kernel: tuple, dilation: tuple, padding: tuple, stride: tuple) -> Node:
    N, rows, _ = columns.shape
    C = rows // math.prod(kernel)
    counts = _block_counts(size, kernel, dilation, padding, stride)
    split = columns.reshape((N, C, *kernel, *counts)).permute((0, 1, 4, 5, 2, 3))
    (H, W), (p, q) = size, padding
    found = split.unwindow((N, C, H + 2 * p, W + 2 * q), (2, 3), kernel, stride, dilation)
    if not any(padding):
        return found
    return found.slice(((0, N, 1), (0, C, 1), (p, p + H, 1), (q, q + W, 1)))


def _block_counts(
    size: tuple, kernel: tuple, dilation: tuple, padding: tuple, stride: tuple
) -> tuple[int, ...]:
    return tuple(
        (n + 2 * p - wide(k, d)) // s + 1 for n, k, d, p, s in zip(size, kernel, dilation, padding, stride)
    )


_im2col = Op(
    "Im2ColBackward0",
    _columns,
    lambda g, out, ins, needs, *how: (_image(g, ins[0].shape[2:], *how),),
)
_col2im = widened(
    "Col2ImBackward0",
    _image,
    lambda g, out, ins, needs, size, *how: (_columns(g, *how),),
)


def _pair(name: str, argument: str, value: Any, position: int) -> tuple[int, int]:
    found = ints(name, argument, value, position)
    if isinstance(found, int):
        return found, found
    if len(found) != 2:
        raise RuntimeError(f"It is expected {argument} equals to 2, but got size {len(found)}")
    return found  # type: ignore[return-value]


def _numbers(name: str, kernel: Any, dilation: Any, padding: Any, stride: Any, first: int) -> tuple:
    k = _pair(name, "kernel_size", kernel, first)
    d = _pair(name, "dilation", dilation, first + 1)
    p = _pair(name, "padding", padding, first + 2)
    s = _pair(name, "stride", stride, first + 3)
    for what, short, values in (
        ("kernel size", "kernel", k),
        ("dilation", "dilation", d),
        ("stride", "stride", s),
    ):
        if min(values) <= 0:
            raise RuntimeError(
                f"{what} should be greater than zero, but got {short}_height: {values[0]} {short}_width: {values[1]}"
            )
    if min(p) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {p[0]} pad_width: {p[1]}")
    return k, d, p, s


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Every window of an image as a column.

    Args:
        input: (N, C, H, W) or (C, H, W).
    Returns: (N, C * kH * kW, L), L being the number of windows, row by row.
    Raises: RuntimeError when no window fits.
    Source: torch.nn.functional.unfold.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.unfold(torch.arange(6.0).reshape(1, 1, 2, 3), 2)
        tensor([[[0., 1.],
                 [1., 2.],
                 [3., 4.],
                 [4., 5.]]])
    """
    need_tensor("unfold", input)
    how = k, d, p, s = _numbers("unfold", kernel_size, dilation, padding, stride, 2)
    shape = shape_of(input)
    if len(shape) not in (3, 4) or not all(shape[-3:]):
        raise ShapeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(shape)}"
        )
    counts = _block_counts(shape[-2:], k, d, p, s)
    if min(counts) < 1:
        raise ShapeError(
            f"Given input with spatial size {shape[-2:]}, kernel_size={k}, dilation={d}, padding={p}, calculated shape "
            f"of the array of sliding blocks as {counts}, but its components must be at least one."
        )
    if len(shape) == 3:
        return operation(_im2col, (input.unsqueeze(0),), how).squeeze(0)
    return operation(_im2col, (input,), how)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The transpose of unfold: columns put back as windows, and summed where windows overlap.

    Args:
        input: (N, C * kH * kW, L) or (C * kH * kW, L).
        output_size: (H, W) of the image.
    Returns: (N, C, H, W) or (C, H, W).
    Raises: RuntimeError when the sizes do not fit.
    Source: torch.nn.functional.fold.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.fold(torch.ones(1, 4, 2), (2, 3), 2)
        tensor([[[[1., 2., 1.],
                  [1., 2., 1.]]]])
    """
    need_tensor("fold", input)
    size = _pair("fold", "output_size", output_size, 2)
    how = k, d, p, s = _numbers("fold", kernel_size, dilation, padding, stride, 3)
    shape = shape_of(input)
    if len(shape) not in (2, 3) or not all(shape[-2:]):
        raise ShapeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    if shape[-2] % math.prod(k):
        raise ShapeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size={k}."
        )
    counts = _block_counts(size, k, d, p, s)
    if shape[-1] != math.prod(counts) or min(counts) < 1:
        raise ShapeError(
            f"Given output_size={size}, kernel_size={k}, dilation={d}, padding={p}, stride={s}, expected size of "
            f"input's dimension 2 to match the calculated number of sliding blocks {counts[0]} * {counts[1]} = "
            f"{math.prod(counts)}, but got input.size(2)={shape[-1]}."
        )
    if len(shape) == 2:
        return operation(_col2im, (input.unsqueeze(0),), (size, *how)).squeeze(0)
    return operation(_col2im, (input,), (size, *how))
