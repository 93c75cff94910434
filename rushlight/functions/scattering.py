"""Writing at positions: scatter and its reductions, the index_* functions, put; and take_along_dim.

Reading at positions, `x[...]` and index_put are in indexing.py, masks in masking.py, a tensor with one view replaced in
replacing.py. Positions outside are refused when the work runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL, int32, int64
from ..dtypes import bool as bool_dtype
from ..graph.node import Node, constant
from ..ops import indexing as ops
from ..shapes import broadcast, wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import is_number, need_tensor, plain, tensor_of, to_dtype
from .indexing import gather
from .pointwise import where
from .register import function
from .shaping import expand, reshape, whole

# ---------------------------------------------------------------- scatter


def _place(name: str, index: Any) -> Tensor:
    """The index as int64."""
    if dtype_of(need_tensor(name, index, 3, "index")) not in (int32, int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return to_dtype(index, int64)


def _check_sizes(input: Tensor, dim: int, index: Tensor, src: Tensor | None) -> None:
    """No larger than the input in the other dimensions, nor than the source in any."""
    if not index.numel():
        return
    have, want = shape_of(index) or (1,), shape_of(input) or (1,)
    if len(have) != len(want):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    source = None if src is None else shape_of(src) or (1,)
    if source is not None and len(source) != len(have):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    for d, n in enumerate(have):
        if (d != dim and n > want[d]) or (source is not None and n > source[d]):
            tail = "" if src is None else f" and to be no larger size than src {list(src.shape)}"
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension "
                f"{dim}{tail}"
            )


def _scatter_inputs(name: str, input: Tensor, dim: int, index: Any, src: Any) -> tuple[int, Tensor, Any]:
    """(dim, index, src), checked; all three of the input's rank."""
    need_tensor(name, input)
    dim, index = wrap_dim(dim, input.dim()), _place(name, index)
    if isinstance(src, Tensor):
        if dtype_of(src) is not dtype_of(input):
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        _check_sizes(input, dim, index, src)
        if src.dim() != max(input.dim(), index.dim()):
            src = reshape(src, (-1,) * input.dim())
    else:
        _check_sizes(input, dim, index, None)
        src = expand(tensor_of(src, dtype_of(input), input.device), shape_of(index))
    if index.dim() < input.dim():
        index, src = (reshape(x, (-1,)) if x.dim() < input.dim() else x for x in (index, src))
    return dim, index, src


def _scatter(name: str) -> Op:
    return Op(name, lambda x, index, src, dim, mode: x.scatter(index, src, dim, mode))


_SCATTER, _SCATTER_NUMBER = _scatter("ScatterBackward0"), _scatter("ScatterBackward1")
_SCATTER_ADD = _scatter("ScatterAddBackward0")


@function(inplace=True)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """input with src, a tensor or a number, written at index: out[index[i][j]][j] = src[i][j] for dim 0.

    Args:
        index: integers of input's rank, no larger than input in the other dimensions, nor than src in any.
        reduce: "add" or "multiply" instead of writing.
    Source: torch.scatter.
    Example:
        >>> import rushlight as torch
        >>> torch.zeros(2, 3).scatter(1, torch.tensor([[2], [0]]), 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    src = value if src is None else src
    if not isinstance(src, Tensor) and not is_number(src):
        raise TypeError(f"scatter(): argument 'src' must be Tensor or Number, not {type(src).__name__}")
    dim, index, source = _scatter_inputs("scatter", input, dim, index, src)
    mode = {None: "set", "add": "sum", "multiply": "prod"}[reduce]
    return operation(
        _SCATTER if isinstance(src, Tensor) else _SCATTER_NUMBER, (input, index, source), (dim, mode)
    )


@function(inplace=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input with src added at index along dim; several at one place are summed. Source: torch.scatter_add."""
    dim, index, src = _scatter_inputs(
        "scatter_add", input, dim, index, need_tensor("scatter_add", src, 4, "src")
    )
    return operation(_SCATTER_ADD, (input, index, src), (dim, "sum"))


def _identity(reduce: str, dtype: Any) -> Any:
    """What changes nothing in a reduction."""
    if reduce in ("sum", "mean", "prod"):
        return 1 if reduce == "prod" else 0
    sign = -1 if reduce == "amax" else 1
    if dtype.category >= FLOATING:
        return sign * math.inf
    if dtype.category == BOOL:
        return reduce == "amin"
    limits = np.iinfo(dtype.numpy)
    return int(limits.min if reduce == "amax" else limits.max)


def _reduced(x: Node, index: Node, src: Node, dim: int, reduce: str, include_self: bool) -> Node:
    base = x
    if not include_self:
        nothing = constant(_identity(reduce, x.dtype), x.dtype).expand(index.shape)
        base = x.scatter(index, nothing, dim, "set")
    out = base.scatter(index, src, dim, "sum" if reduce == "mean" else reduce)
    if reduce != "mean":
        return out
    counts = constant(int(include_self), x.dtype).expand(x.shape)
    counts = counts.scatter(index, constant(1, x.dtype).expand(index.shape), dim, "sum")
    counts = counts.eq(0).where(1, counts)
    return out.floor_divide(counts) if x.dtype.category <= INTEGRAL else out / counts


def _extreme_rule(
    g: Node, out: Node, ins: tuple, needs: tuple, dim: int, reduce: str, include_self: bool
) -> tuple:
    # PyTorch counts input's own element among the ties even where it was left out; the same numbers need the same.
    x, index, src = ins
    used = src if src.shape == index.shape else src.slice(whole(index.shape))
    mine, theirs = x.eq(out), used.eq(out.gather(index, dim))
    share = g / mine.cast(g.dtype).scatter(index, theirs.cast(g.dtype), dim, "sum")
    nothing = constant(0, g.dtype).expand(index.shape)
    to_src = theirs.where(share.gather(index, dim), 0)
    if used is not src:
        to_src = to_src.unslice(src.shape, whole(index.shape))
    return mine.where(share, 0).scatter(index, nothing, dim, "set"), None, to_src


def _reductions(name: str) -> tuple[Op, Op]:
    """(the Op, the Op for an extreme of what is sent alone)."""
    return Op(name, _reduced), Op(name, _reduced, _extreme_rule)


_SCATTER_REDUCE, _INDEX_REDUCE = _reductions("ScatterReduceBackward0"), _reductions("IndexReduceBackward0")


def _reduce_op(ops_: tuple[Op, Op], reduce: str, include_self: bool) -> Op:
    return ops_[reduce in ("amax", "amin") and not include_self]


@function(inplace=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input with what src sends to each place reduced: "sum", "prod", "mean", "amax" or "amin".

    Args:
        include_self: whether input's own elements take part where anything is sent.
    Source: torch.scatter_reduce.
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    dim, index, src = _scatter_inputs(
        "scatter_reduce", input, dim, index, need_tensor("scatter_reduce", src, 4, "src")
    )
    op = _reduce_op(_SCATTER_REDUCE, reduce, include_self)
    return operation(op, (input, index, src), (dim, reduce, bool(include_self)))


# ---------------------------------------------------------------- index_*


def _put_along(x: Node, index: Node, src: Node, dim: int, accumulate: bool) -> Node:
    """x with src written, or added, at positions of one dimension."""
    if not x.shape:
        return _put_along(
            x.reshape((1,)), index, src.reshape((1,) if index.numel else (0,)), 0, accumulate
        ).reshape(())
    if dim == 0 or not accumulate:
        return ops.put((x, src, index), (dim,), accumulate)
    rank = len(x.shape)
    order = (dim, *(d for d in range(rank) if d != dim))
    back = tuple(order.index(d) for d in range(rank))
    return ops.put((x.permute(order), src.permute(order), index), (0,), accumulate).permute(back)


def _index_add(x: Node, index: Node, src: Node, dim: int, alpha: Any) -> Node:
    return _put_along(x, index, src if alpha == 1 else src * alpha, dim, True)


_INDEX_ADD = Op("IndexAddBackward0", _index_add)
_INDEX_COPY = Op("IndexCopyBackward0", lambda x, index, src, dim: _put_along(x, index, src, dim, False))


def _index_fill(x: Node, index: Node, value: Node, dim: int) -> Node:
    # Through a mask, since a place that is named twice is filled once.
    shape = x.shape[:dim] + index.shape + x.shape[dim + 1 :]
    no, yes = constant(False, bool_dtype), constant(True, bool_dtype)
    return _put_along(no.expand(x.shape), index, yes.expand(shape), dim, False).where(value, x)


_INDEX_FILL = Op("IndexFillBackward0", _index_fill)


def _vector(name: str, index: Any) -> Tensor:
    """An index as a vector of int64."""
    need_tensor(name, index, 3, "index")
    if dtype_of(index) not in (int32, int64):
        raise RuntimeError(
            f"{name}_(): Expected dtype int32/int64 for index but got: {title(dtype_of(index))}"
        )
    if index.dim() > 1:
        raise IndexError(
            f"{name}_(): Index is supposed to be a vector, but got dim: {index.dim()} with type: "
            f"{title(dtype_of(index))} and size: {list(index.shape)}"
        )
    return reshape(to_dtype(index, int64), (-1,))


def _check_source(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """The source: input's sizes, but index's along dim."""
    if dtype_of(source) is not dtype_of(input):
        raise RuntimeError(
            f"{name}_(): self ({title(dtype_of(input))}) and source ({title(dtype_of(source))}) must have the same "
            "scalar type"
        )
    have = shape_of(source) or (1,)
    want = shape_of(input) or (1,)
    if len(have) != len(want) and source.numel() == 1 and len(have) == 1:
        have = (1,) * len(want)
    if len(have) <= dim or have[dim] != index.numel():
        raise IndexError(
            f"{name}_(): Number of indices ({index.numel()}) should be equal to source.size(dim): "
            f"({have[dim] if len(have) > dim else 1}), for dim: {dim}"
        )
    rest = [(n, m) for d, (n, m) in enumerate(zip(have, want)) if d != dim]
    if len(have) != len(want) or any(n != m for n, m in rest):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}"
        )
    return source if source.dim() == input.dim() else reshape(source, have if input.dim() else ())


@function(inplace=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """input with alpha * source added at positions `index` of dim. Source: torch.index_add."""
    dim, index = wrap_dim(dim, need_tensor("index_add", input).dim()), _vector("index_add", index)
    source = _check_source("index_add", input, dim, index, need_tensor("index_add", source, 4, "source"))
    return operation(_INDEX_ADD, (input, index, source), (dim, plain(alpha)))


@function(inplace=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input with source written at positions `index` of dim. Source: torch.index_copy."""
    dim, index = wrap_dim(dim, need_tensor("index_copy", input).dim()), _vector("index_copy", index)
    source = _check_source("index_copy", input, dim, index, need_tensor("index_copy", source, 4, "source"))
    return operation(_INDEX_COPY, (input, index, source), (dim,))


@function(inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """input with one number, or 0-d tensor, at positions `index` of dim. Source: torch.index_fill."""
    dim, index = wrap_dim(dim, need_tensor("index_fill", input).dim()), _vector("index_fill", index)
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.dim()} dimension(s)."
        )
    value = tensor_of(_real_for("index_fill_", input, value), dtype_of(input), input.device)
    return operation(_INDEX_FILL, (input, index, value), (dim,))


def _real_for(name: str, input: Tensor, value: Any) -> Any:
    """The value, which must not be complex for a real tensor."""
    if isinstance(value, complex) and dtype_of(input).category != COMPLEX:
        raise RuntimeError(f"{name}(): Converting complex Scalar to non-complex type is not supported")
    return value


@function(inplace=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input with source reduced into positions `index` of dim: "prod", "mean", "amax" or "amin".

    Source: torch.index_reduce.
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    dim, index = wrap_dim(dim, need_tensor("index_reduce", input).dim()), _vector("index_reduce", index)
    source = _check_source(
        "index_reduce", input, dim, index, need_tensor("index_reduce", source, 4, "source")
    )
    rank = input.dim()
    wide = reshape(index, (1,) * dim + (-1,) + (1,) * (rank - dim - 1)) if rank else reshape(index, ())
    op = _reduce_op(_INDEX_REDUCE, reduce, include_self)
    return operation(op, (input, expand(wide, shape_of(source)), source), (dim, reduce, bool(include_self)))


_PUT = Op(
    "PutBackward0",
    lambda x, index, src, accumulate: ops.put((x.reshape((x.numel,)), src, index), (0,), accumulate).reshape(
        x.shape
    ),
)


@function(inplace=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input with source written, or added, at positions of its row-major order. Source: torch.Tensor.put_."""
    if dtype_of(need_tensor("put", source, 3, "source")) is not dtype_of(need_tensor("put", input)):
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{title(dtype_of(input))} and source.dtype = {title(dtype_of(source))}"
        )
    if source.numel() != index.numel():
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    flat = reshape(_place("put", index), (-1,))
    return operation(_PUT, (input, flat, reshape(source, (-1,))), (bool(accumulate),))


# ---------------------------------------------------------------- along a dimension


@function()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """input at indices along dim, the others broadcast; without dim, of the flattened input. Negative ones count
    from the end.

    Source: torch.take_along_dim.
    """
    if dtype_of(need_tensor("take_along_dim", indices, 2, "indices")) is not int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {title(dtype_of(indices))}"
        )
    if dim is None:
        return take_along_dim(reshape(input, (-1,)), reshape(indices, (-1,)), 0)
    if input.dim() != indices.dim():
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.dim()} dimensions for input, and {indices.dim()} dimensions for indices"
        )
    dim = wrap_dim(dim, input.dim())
    shape, places = list(shape_of(input)), list(shape_of(indices))
    shape[dim : dim + 1], places[dim : dim + 1] = (1,), (1,)
    spread = list(broadcast(tuple(shape), tuple(places)))
    shape, places = list(spread), list(spread)
    shape[dim], places[dim] = input.size(dim), indices.size(dim)
    indices = where(indices < 0, indices + input.size(dim), indices)
    return gather(expand(input, tuple(shape)), dim, expand(indices, tuple(places)))
