"""Pooling over windows of a fixed size: max_pool, avg_pool and lp_pool of one to three dimensions.

A window is read as `windows` dimensions at the end of the padded input, so a maximum is one more node and an average
two. The gradient of a maximum goes to the first largest element of each window. Windows whose size follows from the
output's are in adaptive.py, the way back in unpooling.py. The top-level torch.max_pool2d gives no indices; that of
nn.functional can.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import FLOATING, INTEGRAL, int32, int64
from ..errors import ShapeError
from ..graph.node import Node, constant
from ..ops.indexing import take
from ..ops.pooling import lowest, window_argmax, window_put
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .opmath import widened
from .pointwise import relu
from .register import function
from .spatial import fixed, ints, listed, refuse, spread, table, wide

# ---------------------------------------------------------------- geometry


def pooled_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows there are; in ceil mode one may hang over the end, but has to begin inside or in the left padding."""
    reach = n + 2 * p - d * (k - 1) - 1
    out = (-(-reach // s) if ceil_mode else reach // s) + 1
    return out - 1 if ceil_mode and (out - 1) * s >= n + p else out


def _surplus(n: int, out: int, k: int, s: int, p: int, d: int) -> tuple[int, int]:
    """(low, high): the padding that the windows really reach."""
    return p, max(0, (out - 1) * s + wide(k, d) - n - p)


def _window_dims(x: Node, rank: int) -> tuple[int, ...]:
    return tuple(range(len(x.shape) - rank, len(x.shape)))


def _padded(x: Node, around: tuple, value: float) -> Node:
    """x with `value` around its last dimensions."""
    if not any(map(any, around)):
        return x
    lead = len(x.shape) - len(around)
    shape = (*x.shape[:lead], *(n + low + high for n, (low, high) in zip(x.shape[lead:], around)))
    index = _inside(x.shape, around)
    if value == 0:
        return x.unslice(shape, index)
    return constant(value, x.dtype).expand(shape).slice_scatter(x, index)


def _inside(shape: tuple, around: tuple) -> tuple:
    """Where the original elements stand in the padded ones."""
    lead = len(shape) - len(around)
    return (
        *((0, n, 1) for n in shape[:lead]),
        *((low, low + n, 1) for n, (low, _) in zip(shape[lead:], around)),
    )


# ---------------------------------------------------------------- the maximum


def _spread_windows(x: Node, kernel: tuple, stride: tuple, around: tuple, dilation: tuple) -> Node:
    padded = _padded(x, around, lowest(x.dtype))
    return padded.windows(_window_dims(x, len(kernel)), kernel, stride, dilation)


def _largest(x: Node, kernel: tuple, stride: tuple, around: tuple, dilation: tuple) -> tuple[Node, Node]:
    """(the maxima, where in their windows they stand)."""
    spread_out = _spread_windows(x, kernel, stride, around, dilation)
    out = spread_out.amax(tuple(range(len(x.shape), len(spread_out.shape))), False)
    return out, window_argmax(x, kernel, stride, around, dilation)


def _largest_rule(
    g: Node,
    outs: tuple,
    ins: tuple,
    needs: tuple,
    kernel: tuple,
    stride: tuple,
    around: tuple,
    dilation: tuple,
) -> tuple:
    return (window_put(g, outs[-1], ins[0].shape, kernel, stride, around, dilation),)


def winner(flat: Node, out: Node) -> Node:
    """Where along the last dimension the largest element is: the first of equals, but the last NaN."""
    k = flat.shape[-1]
    score = flat.eq(out.reshape((*out.shape, 1))).cast(int32)
    if flat.dtype.category == FLOATING:
        score = flat.isnan().where(constant(2, int32).iota(k), score)
    return score.argmax(len(flat.shape) - 1, False)


@table
def _positions(
    sizes: tuple, out: tuple, kernel: tuple, stride: tuple, around: tuple, dilation: tuple
) -> np.ndarray:
    """(*out, prod(kernel)): a place in a window as a position in the flattened input."""
    found = np.zeros((), np.int64)
    for n, o, k, s, (low, _), d in zip(sizes, out, kernel, stride, around, dilation):
        at = np.arange(o)[:, None] * s - low + np.arange(k) * d
        found = found[..., None, None] * n + at
    return _windows_last(found, len(out))


def _windows_last(pairs: np.ndarray, rank: int) -> np.ndarray:
    """(o1, k1, o2, k2, ...) as (o1, o2, ..., k1 * k2 * ...)."""
    moved = pairs.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    return moved.reshape(*moved.shape[:rank], -1)


def read_positions(place: Node, positions: Node) -> Node:
    """positions[..., place] for windows whose leading dimensions share one table (*out, K)."""
    *out, k = positions.shape
    n = math.prod(out)
    start = (constant(0, int64).iota(n) * k).reshape(tuple(out))
    return take((positions.reshape((n * k,)), place + start), (0,))


def _largest_with_indices(
    x: Node, kernel: tuple, stride: tuple, around: tuple, dilation: tuple
) -> tuple[Node, Node, Node]:
    rank = len(kernel)
    out, place = _largest(x, kernel, stride, around, dilation)
    positions = _positions(x.shape[-rank:], out.shape[-rank:], kernel, stride, around, dilation)
    return out, read_positions(place.cast(int64), positions), place


def _with_indices_rule(g: Any, outs: tuple, ins: tuple, needs: tuple, *params: Any) -> tuple:
    return _largest_rule(g[0], outs, ins, needs, *params)


_names = {
    1: "MaxPool2DWithIndicesBackward0",
    2: "MaxPool2DWithIndicesBackward0",
    3: "MaxPool3DWithIndicesBackward0",
}
_max_ops = {rank: Op(name, _largest, _largest_rule, visible=1) for rank, name in _names.items()}
_index_ops = {
    rank: Op(name, _largest_with_indices, _with_indices_rule, visible=2) for rank, name in _names.items()
}  # fmt: skip

# ---------------------------------------------------------------- reading and checking


_WORDS = {2: "two", 3: "three"}


def _number(name: str, rank: int, argument: str, value: Any, position: int) -> tuple[int, ...]:
    """A size for each dimension, in the words of the kernel that PyTorch runs."""
    if rank > 1:
        says = (
            f"{name}: {argument} must either be {'omitted, ' if argument == 'stride' else ''}a single int, or a tuple "
            f"of {_WORDS[rank]} ints"
        )
    else:
        given = ints(name, argument, value, position)
        count = len(given) if isinstance(given, tuple) else 1
        if name == "avg_pool1d":
            says = f"{name}() argument '{argument}' should contain one int (got {count})"
        else:
            optional = "None, an int, list of ints, or" if argument == "stride" else "an int, list of ints or"
            says = f"{name}() {argument} must be {optional} tuple of ints of size 1 but got size {count}"
    return spread(name, argument, value, rank, position, says)


def _is_omitted(stride: Any) -> bool:
    return stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0)


_AXES = ("T", "H", "W")


def _told(prefix: str, values: tuple) -> str:
    axes = _AXES[-max(len(values), 2) :]
    values = (1,) * (len(axes) - len(values)) + values
    return " ".join(f"{prefix}{a}: {v}" for a, v in zip(axes, values))


def _check_positive(name: str, kernel: tuple, stride: tuple, dilation: tuple) -> None:
    if name == "max_pool1d":
        for argument, values in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
            if values[0] <= 0:
                raise RuntimeError(f"{name}() {argument} must be greater than zero, but got {values[0]}")
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    if min(kernel) <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got {_told('k', kernel)}")
    if min(stride) < 0:
        raise RuntimeError(f"stride should be greater than zero, but got {_told('d', stride)}")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {_told('dilation', dilation)}")


def _check_padding(kernel: tuple, padding: tuple, dilation: tuple) -> None:
    for k, p, d in zip(kernel, padding, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > wide(k, d) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )


def _check_dims(name: str, rank: int, shape: tuple) -> None:
    """A batch may be empty; channels and lengths may not."""
    known = len(shape) in (rank + 1, rank + 2)
    if known and all(shape[1:]) and (shape[0] or len(shape) == rank + 2):
        return
    if rank == 1 and not known and name == "avg_pool1d":
        raise ShapeError(
            f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' "
            "(while checking arguments for avg_pool1d)"
        )
    subject = f"{name}: " if rank == 1 else ""
    raise ShapeError(
        f"{subject}Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, "
        f"but got:{list(shape)}"
    )


def _check_output(name: str, shape: tuple, out: tuple) -> None:
    if min(out) >= 1:
        return
    rank = len(out)
    if name == "max_pool1d":
        raise ShapeError(f"max_pool1d() Invalid computed output size: {out[0]}")
    channels = shape[-rank - 1]
    raise ShapeError(
        f"Given input size: ({listed((channels, *shape[-rank:]))}). Calculated output size: "
        f"({listed((channels, *out))}). Output size is too small"
    )


class _Geometry(NamedTuple):
    """The checked numbers of one call."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    out: tuple[int, ...]
    around: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1024, typed=True)
def _geometry(
    name: str, shape: tuple, rank: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> _Geometry:
    """What the arguments say, read and checked: once for every kind of call."""
    k = _number(name, rank, "kernel_size", kernel, 2)
    s = k if _is_omitted(stride) else _number(name, rank, "stride", stride, 3)
    p = _number(name, rank, "padding", padding, 4)
    d = _number(name, rank, "dilation", dilation, 5)
    _check_positive(name, k, s, d)
    _check_padding(k, p, d)
    _check_dims(name, rank, shape)
    spatial = shape[-rank:]
    out = tuple(pooled_size(*at, bool(ceil)) for at in zip(spatial, k, s, p, d))
    _check_output(name, shape, out)
    return _Geometry(k, s, p, d, out, tuple(_surplus(*at) for at in zip(spatial, out, k, s, p, d)))


def _max_pool(
    rank: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, indices: bool
) -> Any:
    name = f"max_pool{rank}d"
    need_tensor(name, input)
    found = _geometry(
        name, shape_of(input), rank, fixed(kernel), fixed(stride), fixed(padding), fixed(dilation), ceil
    )
    if dtype_of(input).category not in (INTEGRAL, FLOATING):
        raise NotImplementedError(f"\"{name}\" not implemented for '{title(dtype_of(input))}'")
    op = _index_ops[rank] if indices else _max_ops[rank]
    return operation(op, (input,), (found.kernel, found.stride, found.around, found.dilation))


# ---------------------------------------------------------------- max_pool


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window along the last dimension; NaN where there is one.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size: elements a window.
        stride: from one window to the next; kernel_size by default.
        padding: elements of -inf on both sides, at most half a window.
        dilation: from one element of a window to its next.
        ceil_mode: a last window may hang over the end.
        return_indices: also where in the input each maximum is, for max_unpool1d.
    Raises: RuntimeError when the numbers or sizes do not fit.
    Source: torch.nn.functional.max_pool1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """As max_pool1d over the last two dimensions of (N, C, H, W) or (C, H, W); indices count in the H x W plane.

    Source: torch.nn.functional.max_pool2d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.max_pool2d(torch.arange(16.0).reshape(1, 1, 4, 4), 2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """As max_pool1d over the last three dimensions. Source: torch.nn.functional.max_pool3d."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _publish_max_pools() -> None:
    def plain(rank: int) -> Any:
        def pool(
            input: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
            ceil_mode: bool = False,
        ) -> Tensor:  # fmt: skip
            return _max_pool(rank, input, kernel_size, stride, padding, dilation, ceil_mode, False)

        pool.__doc__ = f"As nn.functional.max_pool{rank}d, without indices. Source: torch.max_pool{rank}d."
        return pool

    for rank in (1, 2, 3):
        function(f"max_pool{rank}d", method=False)(plain(rank))


_publish_max_pools()


@function(method=False)
def max_pool1d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """max_pool1d and its indices. Source: torch.max_pool1d_with_indices."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """max_pool2d and its indices. Source: torch.nn.functional.max_pool2d_with_indices."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """max_pool3d and its indices. Source: torch.nn.functional.max_pool3d_with_indices."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


# ---------------------------------------------------------------- avg_pool


@table
def _counts(
    sizes: tuple, out: tuple, kernel: tuple, stride: tuple, padding: tuple, with_padding: bool, dtype: str
) -> np.ndarray:
    """(*out): by what the sum of each window is divided."""
    found = np.ones((), np.int64)
    for n, o, k, s, p in zip(sizes, out, kernel, stride, padding):
        start = np.arange(o) * s - p
        stop = np.minimum(start + k, n + p)
        inside = np.minimum(stop, n) - np.maximum(start, 0)
        found = found[..., None] * (stop - start if with_padding else inside)
    return found.astype(dtype)


def _average(x: Node, kernel: tuple, stride: tuple, around: tuple, counts: Any) -> Node:
    rank = len(kernel)
    spread_out = _padded(x, around, 0).windows(_window_dims(x, rank), kernel, stride, (1,) * rank)
    total = spread_out.sum(tuple(range(len(x.shape), len(x.shape) + rank)), False)
    divisor = _divisors(x, total, counts)
    return total / divisor if x.dtype.category >= FLOATING else total.trunc_divide(divisor)


def _divisors(x: Node, total: Node, counts: Any) -> Any:
    """A number where all windows have one, else a table that broadcasts."""
    if isinstance(counts, int):
        return constant(counts, x.dtype)
    node = _counts(*counts, "int64")
    if (node.buffer == node.buffer.flat[0]).all():
        return constant(int(node.buffer.flat[0]), x.dtype)
    wanted = "float64" if x.dtype.name == "float64" else "float32"
    if x.dtype.category < FLOATING:
        return node.cast(x.dtype)
    node = _counts(*counts, wanted)
    return node if node.dtype is x.dtype else node.cast(x.dtype)


_avg_ops = {
    1: widened("AvgPool2DBackward0", _average),
    2: widened("AvgPool2DBackward0", _average),
    3: widened("AvgPool3DBackward0", _average),
}


def _avg_pool(
    rank: int,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil: bool,
    with_padding: bool,
    divisor: int | None,
) -> Tensor:
    name = f"avg_pool{rank}d"
    need_tensor(name, input)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    found = _geometry(name, shape_of(input), rank, fixed(kernel), fixed(stride), fixed(padding), 1, ceil)
    refuse(name if rank != 1 else "avg_pool2d", input)
    sizes = shape_of(input)[-rank:]
    counts: Any = divisor
    if divisor is None:
        counts = (sizes, found.out, found.kernel, found.stride, found.padding, bool(with_padding))
    return operation(_avg_ops[rank], (input,), (found.kernel, found.stride, found.around, counts))


@function(method=False)
def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window along the last dimension.

    Args:
        input: (N, C, L) or (C, L).
        padding: zeros on both sides, at most half a window; they count as elements when count_include_pad.
        ceil_mode: a last window may hang over the end; what hangs over never counts.
    Source: torch.avg_pool1d.
    Example:
        >>> import rushlight as torch
        >>> torch.avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """As avg_pool1d over the last two dimensions; divisor_override is what every sum is divided by instead.

    Source: torch.nn.functional.avg_pool2d.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """As avg_pool2d over the last three dimensions. Source: torch.nn.functional.avg_pool3d."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


# ---------------------------------------------------------------- lp_pool


def _lp_pool(rank: int, input: Tensor, norm_type: Any, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    name = f"lp_pool{rank}d"
    need_tensor(name, input)
    if norm_type == math.inf:
        return _max_pool(rank, input.abs(), kernel, stride, 0, 1, ceil_mode, False)
    if norm_type == -math.inf:
        return -_max_pool(rank, -input.abs(), kernel, stride, 0, 1, ceil_mode, False)
    sizes = _number(f"avg_pool{rank}d", rank, "kernel_size", kernel, 3)
    mean = _avg_pool(rank, input.pow(norm_type), kernel, stride, 0, ceil_mode, True, None)
    total = (mean.sign() * relu(mean.abs())).mul(math.prod(sizes))
    return total.pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window; an infinite norm_type gives the largest |x|.

    Source: torch.nn.functional.lp_pool1d.
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """As lp_pool1d over the last two dimensions. Source: torch.nn.functional.lp_pool2d."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """As lp_pool1d over the last three dimensions. Source: torch.nn.functional.lp_pool3d."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
