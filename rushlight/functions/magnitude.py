"""The size of tensors: norm, dist, and renorm, which holds it down.

`norm` with a number is the p-norm of all elements in the given dimensions, never a matrix norm (torch.linalg has
those), except for "nuc", the sum of singular values.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.record import title
from ..dtypes import FLOATING, DType
from ..shapes import wrap_dim, wrap_dims
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, operands, to_dtype
from .distance import lengths
from .pointwise import where
from .register import FUNCTIONS, function
from .shaping import movedim


def _nuclear(input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    dims = tuple(range(input.dim())) if dim is None else tuple(wrap_dim(d, input.dim()) for d in dim)
    if len(dims) != 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    total = FUNCTIONS["svd"](movedim(input, dims, (-2, -1)))[1].sum(-1)
    for d in sorted(dims) if keepdim else ():
        total = total.unsqueeze(d)
    return total


def _check_extreme(p: float, input: Tensor, dims: tuple[int, ...]) -> None:
    shape = shape_of(input)
    if not (p < 0 or math.isinf(p)) or all(shape[d] for d in dims):
        return
    raise RuntimeError(
        f"linalg.vector_norm cannot compute the {p:g} norm on an empty tensor because the operation does not have an "
        "identity"
    )


@function()
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """The p-norm over all or some dimensions: (sum |x|^p)^(1/p).

    Args:
        p: a number, inf and -inf among them; "fro" is 2; "nuc" the sum of a matrix's singular values.
    Raises: RuntimeError for integers.
    Source: torch.norm.
    Example:
        >>> import rushlight as torch
        >>> torch.norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    x = need_tensor("norm", input) if dtype is None else to_dtype(input, dtype)
    if dtype_of(x).category < FLOATING:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {title(dtype_of(x))}"
        )
    if p == "nuc":
        return _nuclear(x, dim, keepdim)
    dims = wrap_dims(dim, x.dim())
    if p == "fro" and dim is not None and not isinstance(dim, int) and len(dim) > 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {list(dim)}")
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    power = 2.0 if p is None or p == "fro" else float(p)
    _check_extreme(power, x, dims)
    return lengths(x, power, dims, keepdim) if x.dim() else lengths(x.reshape(1), power, 0, False)


@function()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other. Source: torch.dist."""
    a, b = operands("dist", need_tensor("dist", input), need_tensor("dist", other, 2, "other"), floating=True)
    return norm(a - b, p)


@function(inplace=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """input with each slice along dim whose p-norm is above maxnorm scaled down to it. Source: torch.renorm."""
    rank = need_tensor("renorm", input).dim()
    if rank < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {rank} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dim = wrap_dim(dim, rank)
    size = lengths(input, float(p), tuple(d for d in range(rank) if d != dim), True)
    return input * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
