"""Norms of vectors and matrices as torch.linalg has them, and condition numbers.

torch.norm, which is older and knows no matrix norms but one, is in magnitude.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.record import operation, title
from ..dtypes import FLOATING, DType, can_cast
from ..graph.node import Node, constant
from ..ops.reduction import reduced
from ..shapes import wrap_dim, wrap_dims
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, to_dtype
from .creation import zeros
from .linalg_checks import need_matrix, need_square, published
from .linalg_spectra import svdvals
from .linalg_systems import inv_ex
from .opmath import widened
from .pointwise import where
from .shaping import movedim, reshape


def _in_dtype(name: str, x: Any, dtype: DType | None) -> Tensor:
    """The input in the dtype asked for, which must not be narrower or of another kind."""
    kind = dtype_of(need_tensor(name, x))
    if kind.category < FLOATING:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {title(kind)}")
    if dtype is None:
        return x
    if dtype.category < FLOATING:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {title(dtype)}")
    if kind.is_complex != dtype.is_complex:
        wanted, given = ("complex", "complex") if kind.is_complex else ("real", "real")
        raise RuntimeError(f"{name}: dtype should be {wanted} for {given} inputs, but got {title(dtype)}")
    if dtype.itemsize < kind.itemsize or not can_cast(kind, dtype):
        raise RuntimeError(
            f"{name}: the dtype of the input ({title(kind)}) should be convertible without narrowing to the specified "
            f"dtype ({title(dtype)})"
        )
    return to_dtype(x, dtype)


def _need_identity(x: Tensor, power: float, dim: Any, dims: tuple[int, ...]) -> None:
    """An extreme (or a norm with a negative exponent) of no elements has no value."""
    if x.numel() or not (power < 0 or power == math.inf):
        return
    shown = f"{power:g}"
    if dim is None or not dims:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {shown} norm on an empty tensor because the operation does not have "
            "an identity"
        )
    for d in dims:
        if not shape_of(x)[d]:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {shown} norm on the dimension {d}because this dimension is empty "
                "and the operation does not have an identity"
            )


def _length(x: Node, p: float, dims: tuple, keepdim: bool) -> Node:
    size = x.abs()
    if p == 0:
        return x.ne(0).cast(size.dtype).sum(dims, keepdim)
    if p == 1:
        return size.sum(dims, keepdim)
    if p == 2:
        return (size * size).sum(dims, keepdim).sqrt()
    if math.isinf(p):
        return size.amax(dims, keepdim) if p > 0 else size.amin(dims, keepdim)
    return size.pow(p).sum(dims, keepdim).pow(1 / p)


def _slope(g: Node, length: Node, x: Node, p: float, dims: tuple) -> Node:
    """The gradient of x from that of its norm (both with `dims` kept): 0 where the norm is 0.

    What is divided by 0 is masked after the division, so that second derivatives there are NaN, as PyTorch's are: a norm
    has none at 0.
    """
    if p == 0:
        return constant(0, x.dtype).expand(x.shape)
    if p == 1:
        return x.sign() * g.cast(x.dtype)
    if math.isinf(p):
        hit = x.abs().eq(length)
        return x.sign() * hit.where(g / hit.cast(g.dtype).sum(dims, True), 0).cast(x.dtype)
    none = length.eq(0)
    if p == 2:
        return none.where(0, x / length.cast(x.dtype)) * g.cast(x.dtype)
    if p < 1:
        along = x.eq(0).where(0, x.sign() * x.abs().pow(p - 1).cast(x.dtype))
        return along * (g * length.pow(1 - p)).cast(x.dtype)
    along = x.sign() * x.abs().pow(p - 1).cast(x.dtype) if p < 2 else x * x.abs().pow(p - 2).cast(x.dtype)
    return along * none.where(0, g / length.pow(p - 1)).cast(x.dtype)


def _norm_rule(g: Node, out: Node, ins: tuple, needs: tuple, p: float, dims: tuple, keepdim: bool) -> tuple:
    if not keepdim:
        kept = reduced(ins[0].shape, dims, True)
        g, out = g.reshape(kept), out.reshape(kept)
    return (_slope(g, out, ins[0], p, dims),)


_VECTOR_NORM = widened("LinalgVectorNormBackward0", _length, _norm_rule)


def lengths(x: Tensor, p: float, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """The p-norm along dims."""
    return operation(_VECTOR_NORM, (x,), (float(p), dims, bool(keepdim)))


@published("linalg_vector_norm")
def vector_norm(
    input: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over all dimensions, flattened, or over some.

    Args:
        ord: any number; inf and -inf are the extremes of |x|, 0 counts what is not 0.
        dtype: computed and returned in it.
    Raises: RuntimeError for integers, and for extremes of nothing.
    Source: torch.linalg.vector_norm.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    x = _in_dtype("linalg.vector_norm", input, dtype)
    if isinstance(ord, (str, complex)):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' must be Number, not {type(ord).__name__}")
    dims = wrap_dims(dim, x.dim())
    _need_identity(x, float(ord), dim, dims)
    if x.dim():
        return lengths(x, float(ord), dims, keepdim)
    return lengths(reshape(x, (1,)), float(ord), (0,), False)


_SPECTRAL = ("nuc", 2, -2)
_SUMMED = (1, -1, math.inf, -math.inf)


def _matrix_dims(x: Tensor, dim: Any) -> tuple[int, int]:
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(given) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, given))}")
    first, second = (wrap_dim(d, x.dim()) for d in given)
    if first == second:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({first}, {second})")
    return first, second


def _extreme(x: Tensor, largest: bool, dim: int, keepdim: bool) -> Tensor:
    """The largest or smallest along dim; of nothing, the largest is 0, the least that a norm can be."""
    if largest and not x.size(dim):
        shape = list(shape_of(x))
        if keepdim:
            shape[dim] = 1
        else:
            shape.pop(dim)
        return zeros(shape, dtype=dtype_of(x), device=x._storage.device)
    return x.amax(dim, keepdim) if largest else x.amin(dim, keepdim)


def _of_singular_values(x: Tensor, ord: Any, dims: tuple[int, int], keepdim: bool) -> Tensor:
    sizes = svdvals(movedim(x, dims, (-2, -1)))
    found = sizes.sum(-1) if ord == "nuc" else _extreme(sizes, ord > 0, sizes.dim() - 1, False)
    if keepdim:
        for d in sorted(dims):
            found = found.unsqueeze(d)
    return found


def _of_sums(x: Tensor, ord: float, dims: tuple[int, int], keepdim: bool) -> Tensor:
    """Of the sums of columns (1, -1) or of rows (inf, -inf), the largest or smallest."""
    summed, compared = dims if abs(ord) == 1 else dims[::-1]
    sums = lengths(x, 1.0, (summed,), keepdim)
    if not keepdim and summed < compared:
        compared -= 1
    return _extreme(sums, ord > 0, compared, keepdim)


@published("linalg_matrix_norm")
def matrix_norm(
    input: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """A norm of the matrices in two dimensions.

    Args:
        ord: "fro" the root of the sum of squares; "nuc" the sum of singular values; 2, -2 the largest, smallest singular
            value; 1, -1 the largest, smallest sum of a column's sizes; inf, -inf of a row's.
    Source: torch.linalg.matrix_norm.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.matrix_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
        tensor(4.)
    """
    name = "linalg.matrix_norm"
    need_matrix(name, input)
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise RuntimeError(f"{name}: Order {ord} not supported.")
    elif ord not in (2, -2, *_SUMMED):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    dims = _matrix_dims(input, dim)
    x = _in_dtype(name, input, dtype)
    if ord == "fro":
        return lengths(x, 2.0, tuple(sorted(dims)), keepdim)
    return (_of_singular_values if ord in _SPECTRAL else _of_sums)(x, ord, dims, keepdim)


@published("linalg_norm")
def norm(
    input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """A vector norm or, of two dimensions with an ord, a matrix norm; without ord and dim, of all elements.

    Source: torch.linalg.norm.
    """
    rank = need_tensor("linalg.norm", input).dim()
    if dim is not None:
        given = (dim,) if isinstance(dim, int) else tuple(dim)
        if ord is not None and len(given) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(given)}"
            )
        if len(given) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(given)}"
            )
    elif ord is not None:
        if not isinstance(ord, str) and rank not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {rank}D."
            )
    of_matrix = ord is not None and (
        isinstance(ord, str) or (dim is None and rank == 2) or (dim is not None and len(given) == 2)
    )
    if not of_matrix:
        return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    return matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)


# ---------------------------------------------------------------- condition numbers


@published("linalg_cond")
def cond(input: Tensor, p: Any = None) -> Tensor:
    """norm(A, p) * norm(inverse, p): how much relative errors can grow in solving; infinite for singular matrices.

    Args:
        p: as `ord` of matrix_norm; None and 2 (largest singular value over smallest) take any matrices (..., m, n), -2
            the other way round; the others square ones.
    Source: torch.linalg.cond.
    """
    if need_tensor("linalg.cond", input).dim() < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if isinstance(p, str):
        if p not in ("fro", "nuc"):
            raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    elif p is not None and p not in (2, -2, *_SUMMED):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if not input.numel():
        return zeros(shape_of(input)[:-2], dtype=dtype_of(input).to_real(), device=input._storage.device)
    if p in (None, 2, -2):
        sizes = svdvals(input)
        first, last = sizes.select(-1, 0), sizes.select(-1, -1)
        return last / first if p == -2 else first / last
    need_square(f"linalg.cond(ord={p})", input)
    found, info = inv_ex(input)
    singular = info != 0
    size = matrix_norm(input, p) * matrix_norm(found, p)
    return where(singular, math.inf, size)
