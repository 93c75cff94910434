"""Convolutions of one to three dimensions and their transposes: torch.conv1d ... torch.conv_transpose3d, conv_tbc.

Each call is one tape entry (`ConvolutionBackward0`) around the `convolution` primitive, with the bias in it. Every
demand on shapes and dtypes is checked here, in PyTorch's order and words.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..autograd.record import operation, title
from ..dtypes import BOOL
from ..errors import DTypeError, ShapeError
from ..graph.node import Node
from ..ops import contraction
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .opmath import widened
from .register import function
from .spatial import c_name, fixed, ints, listed, need_int, wide


def _with_bias(out: Node, bias: Node | None) -> Node:
    if bias is None:
        return out
    return out + bias.reshape((bias.shape[0],) + (1,) * (len(out.shape) - 2))


def _forward(
    x: Node, w: Node, b: Node | None, stride: tuple, padding: tuple, dilation: tuple, groups: int
) -> Node:
    return _with_bias(x.convolution(w, stride, padding, dilation, (1,) * len(stride), groups), b)


def _rule(g: Node, out: Node, ins: tuple, needs: tuple, *params: Any) -> tuple:
    stride, padding, dilation, groups = params
    x, w, b = ins
    full = (stride, padding, dilation, (1,) * len(stride), groups)
    rules: Any = contraction.convolution.vjp
    gx = rules[0](g, out, x, w, *full) if needs[0] else None
    gw = rules[1](g, out, x, w, *full) if needs[1] else None
    gb = g.sum((0, *range(2, len(g.shape))), False) if b is not None and needs[2] else None
    return gx, gw, gb


def _forward_transposed(
    x: Node, w: Node, b: Node | None, stride: tuple, padding: tuple, more: tuple, dilation: tuple, groups: int
) -> Node:
    """A convolution of x with zeros put between its elements, and the kernel turned round."""
    around = []
    for k, p, m, d in zip(w.shape[2:], padding, more, dilation):
        around.append((d * (k - 1) - p, d * (k - 1) - p + m))
    ones = (1,) * len(stride)
    out = x.convolution(contraction.turned(w, groups), ones, tuple(around), dilation, stride, groups)
    return _with_bias(out, b)


_convolution = widened("ConvolutionBackward0", _forward, _rule)
_transposed = widened("ConvolutionBackward0", _forward_transposed)


# ---------------------------------------------------------------- checks


def _per_dimension(argument: str, value: Any, rank: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    if len(values) == 1:
        return values * rank
    if len(values) != rank:
        raise RuntimeError(
            f"expected {argument} to be a single integer value or a list of {rank} values to match the convolution "
            f"dimensions, but got {argument}={list(values)}"
        )
    return values


def _read(name: str, rank: int, argument: str, value: Any, position: int) -> tuple[int, ...]:
    found = ints(name, argument, value, position)
    return (found,) * rank if isinstance(found, int) else found


def _check_numbers(stride: tuple, padding: tuple, more: tuple, dilation: tuple, groups: int) -> None:
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(p < 0 for p in more):
        raise RuntimeError("negative output_padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")


def _check_ranks(x: tuple, w: tuple) -> None:
    if len(w) != len(x):
        raise ShapeError(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {list(w)}, but got "
            f"{len(x)}-dimensional input of size {list(x)} instead"
        )


def _check_shapes(x: tuple, w: tuple, b: tuple | None, groups: int, transposed: bool) -> None:
    if w[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(w)} instead"
        )
    if w[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w)}] instead"
        )
    kind = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
    channels = w[0] if transposed else w[1] * groups
    if x[1] != channels:
        raise ShapeError(
            f"Given {kind}, weight of size {list(w)}, expected input{list(x)} to have {channels} channels, but got "
            f"{x[1]} channels instead"
        )
    outputs = w[1] * groups if transposed else w[0]
    if b is not None and b != (outputs,):
        given = "transposed=1, " if transposed else ""
        raise ShapeError(
            f"Given {given}weight of size {list(w)}, expected bias to be 1-dimensional with {outputs} elements, but "
            f"got bias of size {list(b)} instead"
        )


def _check_kernel(w: tuple) -> None:
    if any(k == 0 for k in w[2:]):
        raise ShapeError(f"kernel sizes have to be greater than zero, got a weight of size {list(w)}")


def _check_reach(x: tuple, w: tuple, padding: tuple, dilation: tuple) -> None:
    if x[0] and x[1] and any(n == 0 for n in x[2:]):
        raise ShapeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}"
        )
    padded = [n + low + high for n, (low, high) in zip(x[2:], padding)]
    kernel = [wide(k, d) for k, d in zip(w[2:], dilation)]
    if any(n < k for n, k in zip(padded, kernel)):
        raise ShapeError(
            f"Calculated padded input size per channel: ({listed(padded, ' x ')}). Kernel size: "
            f"({listed(kernel, ' x ')}). Kernel size can't be greater than actual input size"
        )


def _check_dtypes(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    if b is not None and dtype_of(b) is not dtype_of(x):
        raise DTypeError(f"Input type ({c_name(x)}) and bias type ({c_name(b)}) should be the same")
    if dtype_of(w) is not dtype_of(x):
        raise DTypeError(f"Input type ({c_name(x)}) and weight type ({c_name(w)}) should be the same")
    if dtype_of(x).category == BOOL:
        raise NotImplementedError(f"convolution is not implemented for '{title(dtype_of(x))}'")


def _tensors(name: str, input: Any, weight: Any, bias: Any) -> None:
    need_tensor(name, input)
    need_tensor(name, weight, 2, "weight")
    if bias is not None:
        need_tensor(name, bias, 3, "bias")


def _batched(name: str, input: Tensor, rank: int) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had one."""
    dims = input.dim()
    if dims not in (rank + 1, rank + 2):
        raise ShapeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: "
            f"{list(shape_of(input))}"
        )
    return (input, True) if dims == rank + 2 else (input.unsqueeze(0), False)


def _bias_shape(bias: Tensor | None) -> tuple | None:
    return None if bias is None else shape_of(bias)


# ---------------------------------------------------------------- the functions


def _same(w: tuple, stride: tuple, dilation: tuple) -> tuple:
    """(low, high) a dimension, so that the output has the input's size; an odd one goes to the end."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for k, d in zip(w[2:], dilation)]
    return tuple((t // 2, t - t // 2) for t in total)


def _convolve(
    name: str,
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    _tensors(name, input, weight, bias)
    x, batched = _batched(name, input, rank)
    _check_dtypes(x, weight, bias)
    shapes = shape_of(x), shape_of(weight), _bias_shape(bias)
    params = _plan(name, rank, *shapes, fixed(stride), fixed(padding), fixed(dilation), groups)
    out = operation(_convolution, (x, weight, bias), params)
    return out if batched else out.squeeze(0)


@lru_cache(maxsize=1024, typed=True)
def _plan(
    name: str,
    rank: int,
    x: tuple,
    w: tuple,
    b: tuple | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple:
    """The primitive's parameters, everything having been read and checked: once for every kind of call."""
    groups = need_int(name, "groups", groups, 7)
    stride = _read(name, rank, "stride", stride, 4)
    dilation = _read(name, rank, "dilation", dilation, 6)
    if not isinstance(padding, str):
        padding = _read(name, rank, "padding", padding, 5)
    elif padding not in ("same", "valid"):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    rank = len(w) - 2
    if rank < 1:
        raise ShapeError("weight should have at least three dimensions")
    _check_ranks(x, w)
    stride = _per_dimension("stride", stride, rank)
    dilation = _per_dimension("dilation", dilation, rank)
    plain = () if isinstance(padding, str) else _per_dimension("padding", padding, rank)
    _check_numbers(stride, plain, (), dilation, groups)
    _check_shapes(x, w, b, groups, False)
    _check_kernel(w)
    if padding == "same":
        around = _same(w, stride, dilation)
    elif padding == "valid":
        around = ((0, 0),) * rank
    else:
        around = tuple((p, p) for p in plain)
    _check_reach(x, w, around, dilation)
    return stride, around, dilation, groups


@function(method=False)
def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Each output channel is the input correlated with one kernel along its last dimension.

    Args:
        input: (N, C, L), or (C, L) for one sample.
        weight: (O, C / groups, k).
        bias: (O,).
        padding: zeros on both sides, or "same" (stride 1: the output is as long as the input), or "valid" (none).
    Returns: (N, O, (L + 2 padding - dilation (k - 1) - 1) // stride + 1).
    Raises: RuntimeError when sizes, dtypes or the numbers do not fit.
    Source: torch.conv1d.
    Example:
        >>> import rushlight as torch
        >>> torch.conv1d(torch.arange(4.0).reshape(1, 1, 4), torch.ones(1, 1, 2))
        tensor([[[1., 3., 5.]]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@function(method=False)
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """As conv1d along the last two dimensions: (N, C, H, W) with kernels (O, C / groups, kH, kW).

    Source: torch.conv2d.
    Example:
        >>> import rushlight as torch
        >>> torch.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), padding="same").shape
        torch.Size([1, 4, 8, 8])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@function(method=False)
def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """As conv1d along the last three dimensions. Source: torch.conv3d."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _check_more(more: tuple, stride: tuple, dilation: tuple) -> None:
    if all(m < s or m < d for m, s, d in zip(more, stride, dilation)):
        return
    names = ("depth", "height", "width")[-len(more) :]
    told = [
        f"{what}_{n}: {v}"
        for what, values in (("output_padding", more), ("stride", stride), ("dilation", dilation))
        for n, v in zip(names, values)
    ]
    raise RuntimeError(
        f"output padding must be smaller than either stride or dilation, but got {' '.join(told)}"
    )


def _check_output(x: tuple, w: tuple, stride: tuple, padding: tuple, more: tuple, dilation: tuple) -> None:
    if x[0] and x[1] and any(n == 0 for n in x[2:]):
        raise ShapeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}"
        )
    sizes = []
    for n, k, s, p, m, d in zip(x[2:], w[2:], stride, padding, more, dilation):
        sizes.append((n - 1) * s - 2 * p + wide(k, d) + m)
    if any(n < 1 for n in sizes):
        raise ShapeError(
            f"Given input size per channel: ({listed(x[2:], ' x ')}). Calculated output size per channel: "
            f"({listed(sizes, ' x ')}). Output size is too small"
        )


def _transpose(
    name: str, rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: Any, dilation: Any,
) -> Tensor:  # fmt: skip
    _tensors(name, input, weight, bias)
    x, batched = _batched(name, input, rank)
    _check_dtypes(x, weight, bias)
    shapes = shape_of(x), shape_of(weight), _bias_shape(bias)
    numbers = fixed(stride), fixed(padding), fixed(output_padding), groups, fixed(dilation)
    out = operation(_transposed, (x, weight, bias), _plan_transposed(name, rank, *shapes, *numbers))
    return out if batched else out.squeeze(0)


@lru_cache(maxsize=1024, typed=True)
def _plan_transposed(
    name: str, rank: int, x: tuple, w: tuple, b: tuple | None, stride: Any, padding: Any, output_padding: Any,
    groups: Any, dilation: Any,
) -> tuple:  # fmt: skip
    """As _plan, for the transpose."""
    if isinstance(padding, str):
        raise TypeError(f"{name}(): argument 'padding' must be tuple of ints, not str")
    groups = need_int(name, "groups", groups, 7)
    stride = _read(name, rank, "stride", stride, 4)
    padding = _read(name, rank, "padding", padding, 5)
    more = _read(name, rank, "output_padding", output_padding, 6)
    dilation = _read(name, rank, "dilation", dilation, 8)
    rank = len(w) - 2
    if rank < 1:
        raise ShapeError("weight should have at least three dimensions")
    _check_ranks(x, w)
    stride = _per_dimension("stride", stride, rank)
    padding = _per_dimension("padding", padding, rank)
    more = _per_dimension("output_padding", more, rank)
    dilation = _per_dimension("dilation", dilation, rank)
    _check_numbers(stride, padding, more, dilation, groups)
    _check_shapes(x, w, b, groups, True)
    _check_kernel(w)
    _check_more(more, stride, dilation)
    _check_output(x, w, stride, padding, more, dilation)
    return stride, padding, more, dilation, groups


@function(method=False)
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The transpose of conv1d as a linear map: what its gradient does to an input.

    Args:
        input: (N, C, L), or (C, L) for one sample.
        weight: (C, O / groups, k).
        bias: (O,).
        padding: elements cut from both ends of the full result.
        output_padding: elements added at one end; less than stride or dilation.
    Returns: (N, O, (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1).
    Raises: RuntimeError when sizes, dtypes or the numbers do not fit.
    Source: torch.conv_transpose1d.
    Example:
        >>> import rushlight as torch
        >>> torch.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 2), stride=2)
        tensor([[[1., 1., 1., 1.]]])
    """
    return _transpose(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@function(method=False)
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """As conv_transpose1d along the last two dimensions. Source: torch.conv_transpose2d."""
    return _transpose(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@function(method=False)
def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """As conv_transpose1d along the last three dimensions. Source: torch.conv_transpose3d."""
    return _transpose(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@function(method=False)
def convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    """A convolution or its transpose of as many dimensions as the weight has, batched. Source: torch.convolution."""
    _tensors("convolution", input, weight, bias)
    _check_dtypes(input, weight, bias)
    rank = max(weight.dim() - 2, 1)
    shapes = shape_of(input), shape_of(weight), _bias_shape(bias)
    stride, padding, dilation = fixed(stride), fixed(padding), fixed(dilation)
    if transposed:
        numbers = stride, padding, fixed(output_padding), groups, dilation
        return operation(
            _transposed, (input, weight, bias), _plan_transposed("convolution", rank, *shapes, *numbers)
        )
    params = _plan("convolution", rank, *shapes, stride, padding, dilation, groups)
    return operation(_convolution, (input, weight, bias), params)


def _time_first(x: Node, w: Node, b: Node, pad: int) -> Node:
    out = x.permute((1, 2, 0)).convolution(w.permute((2, 1, 0)), (1,), ((pad, pad),), (1,), (1,), 1)
    return out.permute((2, 0, 1)) + b


_conv_tbc = widened("ConvTbcBackward0", _time_first)


@function(method=False)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv1d with time first: input (T, N, C), weight (k, C, O), bias (O,). Source: torch.conv_tbc."""
    _tensors("conv_tbc", input, weight, bias)
    x, w = shape_of(input), shape_of(weight)
    if len(x) != 3:
        raise ShapeError("Input must have 3 dims: time, batch, in_channel")
    if len(w) != 3:
        raise ShapeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if len(shape_of(bias)) != 1:
        raise ShapeError("Bias must be 1-D")
    if x[2] != w[1]:
        raise ShapeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if shape_of(bias) != w[2:]:
        raise ShapeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    _check_dtypes(input, weight, bias)
    _check_reach((x[1], x[2], x[0]), (w[2], w[1], w[0]), ((pad, pad),), (1,))
    return operation(_conv_tbc, (input, weight, bias), (pad,))
