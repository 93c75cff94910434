"""Tensors built from tensors: diagonals and triangles, grids, products of all pairs, repeated and turned.

Joining along a dimension (hstack and the like) is in joining.py, views in shaping.py.
"""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation
from ..dtypes import INTEGRAL, int32, int64
from ..executors.observing import unchanging
from ..graph.node import Node, constant, of_array
from ..shapes import wrap_dim
from ..tensor import Tensor, array_of, dtype_of, from_array, shape_of, wrap
from .arguments import need_tensor, to_dtype
from .creation import zeros
from .indexing import index_select
from .reduction import cumprod
from .register import function
from .shaping import cat, diagonal, expand, flatten, flip, reshape, stack, transpose

# ---------------------------------------------------------------- diagonals and triangles


def _embedded(x: Node, offset: int, dim1: int, dim2: int) -> Node:
    shape = list(x.shape[:-1])
    n = x.shape[-1] + abs(offset)
    for dim in sorted((dim1, dim2)):
        shape.insert(dim, n)
    return constant(0, x.dtype).expand(tuple(shape)).diagonal_scatter(x, offset, dim1, dim2)


_DIAG_EMBED = Op("DiagEmbedBackward0", _embedded)


@function()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, in dims dim1 and dim2, with the last dimension of input on a diagonal. Source: torch.diag_embed."""
    rank = need_tensor("diag_embed", input).dim() + 1
    dim1, dim2 = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return operation(_DIAG_EMBED, (input,), (int(offset), dim1, dim2))


@function()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix with a vector on a diagonal, or a copy of a matrix's diagonal. Source: torch.diag.

    >>> import rushlight as torch
    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    rank = need_tensor("diag", input).dim()
    if rank not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {rank}D")
    return diag_embed(input, diagonal) if rank == 1 else _diagonal_of(input, diagonal)


def _diagonal_of(input: Tensor, offset: int) -> Tensor:
    return diagonal(input, offset).clone()


@function()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of input on a diagonal. Source: torch.diagflat."""
    return diag_embed(reshape(input, (-1,)), offset)


def _triangle(below: bool) -> Callable:
    def forward(x: Node, k: int) -> Node:
        rows, columns = (constant(0, int64).iota(n) for n in x.shape[-2:])
        limit = rows.reshape((x.shape[-2], 1)) + k
        kept = columns.le(limit) if below else columns.ge(limit)
        return kept.where(x, 0)

    return forward


def _triangular(name: str, op: Op, doc: str) -> Any:
    def compute(input: Tensor, diagonal: int = 0) -> Tensor:
        if need_tensor(name, input).dim() < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return operation(op, (input,), (int(diagonal),))

    compute.__name__ = name
    compute.__doc__ = f"{doc} of the last two dimensions, with 0 elsewhere. Source: torch.{name}."
    return function(name, inplace=True)(compute)


tril = _triangular("tril", Op("TrilBackward0", _triangle(True)), "What is on and below a diagonal")
triu = _triangular("triu", Op("TriuBackward0", _triangle(False)), "What is on and above a diagonal")


@function()
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal. Source: torch.trace."""
    if need_tensor("trace", input).dim() != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.dim()}")
    return diagonal(input).sum()


def _as_tensors(name: str, tensors: tuple) -> tuple:
    """The tensors of `f(a, b)` and of `f([a, b])`."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    for i, x in enumerate(tensors):
        need_tensor(name, x, i + 1, "tensors")
    return tensors


@function(method=False, out=False)
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with matrices along its diagonal; vectors are rows, numbers 1 x 1. Source: torch.block_diag."""
    blocks = []
    for i, x in enumerate(_as_tensors("block_diag", tensors)):
        if x.dim() > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.dim()} dimensions"
            )
        blocks.append(reshape(x, (1,) * (2 - x.dim()) + shape_of(x)))
    if not blocks:
        return zeros(1, 0)
    width = sum(x.size(1) for x in blocks)
    rows, before = [], 0
    for x in blocks:
        after = width - before - x.size(1)
        rows.append(cat([x.new_zeros(x.size(0), before), x, x.new_zeros(x.size(0), after)], 1))
        before += x.size(1)
    return cat(rows, 0)


# ---------------------------------------------------------------- grids and pairs

_told: list[bool] = []


@function(method=False, out=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Each vector expanded over the grid that all of them span; "ij" or "xy" (the first two exchanged).

    Source: torch.meshgrid.
    """
    if indexing is None and not _told:
        _told.append(True)
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=3,
        )
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    given = list(_as_tensors("meshgrid", tensors))
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in given:
        if x.dim() > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x.dim()}D"
            )
        if dtype_of(x) is not dtype_of(given[0]):
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swapped = indexing == "xy" and len(given) >= 2
    if swapped:
        given[0], given[1] = given[1], given[0]
    shape = tuple(x.numel() for x in given)
    grids = [expand(reshape(x, (-1,) + (1,) * (len(given) - d - 1)), shape) for d, x in enumerate(given)]
    if swapped:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@function(method=False, out=False)
def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element from each vector, a row each. Source: torch.cartesian_prod."""
    given = _as_tensors("cartesian_prod", tensors)
    for x in given:
        if x.dim() != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(given) == 1:
        return given[0]
    return stack([flatten(g) for g in meshgrid(*given, indexing="ij")], 1)


@function(method=False, out=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of r elements of a vector, in order, a row each. Source: torch.combinations."""
    if need_tensor("combinations", input).dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.numel()), r)), dtype=np.int64).reshape(-1, r)
    return reshape(index_select(input, 0, wrap(unchanging(of_array(rows.reshape(-1), int64)))), rows.shape)


@function(method=False, out=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element, a row each: N columns, the highest first. Source: torch.vander."""
    if need_tensor("vander", x).dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.numel() if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    powers = x.new_ones(x.numel(), n)
    if dtype_of(x).category <= INTEGRAL:
        powers = to_dtype(powers, int64)
    if n > 1:
        repeated = expand(to_dtype(x, dtype_of(powers)).unsqueeze(1), (x.numel(), n - 1))
        powers = cat([powers[:, :1], cumprod(repeated, 1)], 1)
    return powers if increasing else flip(powers, 1)


@function()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Every element of input times the whole of other, block by block. Source: torch.kron."""
    need_tensor("kron", input)
    need_tensor("kron", other, 2, "other")
    rank = max(input.dim(), other.dim())
    a = (1,) * (rank - input.dim()) + shape_of(input)
    b = (1,) * (rank - other.dim()) + shape_of(other)
    left = reshape(input, [n for size in a for n in (size, 1)])
    right = reshape(other, [n for size in b for n in (1, size)])
    return reshape(left * right, [n * m for n, m in zip(a, b)])


# ---------------------------------------------------------------- turned and repeated


@function()
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """input turned by k right angles in the plane of two dimensions, from the first to the second.

    Source: torch.rot90.
    """
    rank = need_tensor("rot90", input).dim()
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if rank < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {rank}")
    if abs(dims[0] - dims[1]) == rank or dims[0] == dims[1]:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    first, second = (wrap_dim(d, rank) for d in dims)
    k %= 4
    if k == 0:
        return input.clone()
    if k == 2:
        return flip(input, first, second)
    return transpose(flip(input, second if k == 1 else first), first, second).clone()


def _spread_index(repeats: Tensor, output_size: int | None) -> Tensor:
    """Position i repeats[i] times: data decides the size, so the value is read now."""
    if dtype_of(repeats) not in (int32, int64):
        raise RuntimeError("repeats has to be Long or Int tensor")
    times = array_of(repeats).reshape(-1)
    if repeats.dim() > 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if times.size and int(times.min()) < 0:
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and int(times.sum()) != output_size:
        raise RuntimeError(
            f"Allocated size does not match required size: {output_size} and {int(times.sum())}"
        )
    return from_array(np.repeat(np.arange(times.size), times))


@function(out=False)
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or slice along dim) repeated in place; input is flattened where dim is None.

    Args:
        repeats: a number, or a vector with one for each element. Given alone, the positions it makes.
    Source: torch.repeat_interleave.
    Example:
        >>> import rushlight as torch
        >>> torch.repeat_interleave(torch.tensor([7, 8]), torch.tensor([1, 2]))
        tensor([7, 8, 8])
    """
    if repeats is None:
        return _spread_index(need_tensor("repeat_interleave", input), output_size)
    x = reshape(input, (-1,)) if dim is None else input
    dim = 0 if dim is None else wrap_dim(dim, input.dim())
    if not isinstance(repeats, Tensor):
        return _repeated(x, operator.index(repeats), dim, output_size)
    n = x.size(dim) if x.dim() else 1
    if repeats.dim() == 0 or (repeats.dim() == 1 and repeats.numel() == 1):
        repeats = expand(reshape(repeats, (1,)), (n,))
    elif repeats.numel() != n:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.numel()} and "
            f"input.size({dim}) = {n}"
        )
    return index_select(x, dim, _spread_index(repeats, output_size))


def _repeated(x: Tensor, times: int, dim: int, output_size: int | None) -> Tensor:
    if times < 0:
        raise RuntimeError("Repeats must be non-negative")
    x = x if x.dim() else reshape(x, (1,))
    shape = shape_of(x)
    if output_size is not None and output_size != shape[dim] * times:
        raise RuntimeError(
            f"Allocated size does not match required size: {output_size} and {shape[dim] * times}"
        )
    wide = expand(x.unsqueeze(dim + 1), (*shape[: dim + 1], times, *shape[dim + 1 :]))
    return reshape(wide.clone(), (*shape[:dim], shape[dim] * times, *shape[dim + 1 :]))


@function(method=False, out=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Positions of the flattened tensor as one index a dimension. Source: torch.unravel_index."""
    if dtype_of(need_tensor("unravel_index", indices)).category != INTEGRAL:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found, rest = [], to_dtype(indices, int64)
    for n in reversed(sizes):
        found.append(rest % n)
        rest = rest.div(n, rounding_mode="floor")
    return tuple(reversed(found))
