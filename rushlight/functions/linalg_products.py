"""Determinants, and products of matrices: powers, exponentials, chains, inner and cross products, Vandermonde."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive, title
from ..dtypes import BOOL, FLOATING, INTEGRAL, NARROW, float32, int64
from ..graph.node import Node, constant
from ..graph.registry import PICK
from ..ops import linalg as ops
from ..ops.matrices import column_of, identity
from ..results import named
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, to_dtype
from .contracting import cross_along
from .creation import ones
from .linalg_checks import need_numbers, need_square, published
from .linalg_systems import inv
from .products import matmul as product
from .reduction import cumprod
from .register import FUNCTIONS, function
from .shaping import cat
from .shaping import diagonal as diagonal_of

# ---------------------------------------------------------------- determinants


def _det_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    (a,) = ins
    if not a.numel:
        return (constant(0, a.dtype).expand(a.shape),)
    return (column_of(column_of(g)) * ops.cofactors(a).conj(),)


_DET = Op("LinalgDetBackward0", lambda a: ops.det(a), _det_rule)


@published("linalg_det")
def det(A: Tensor) -> Tensor:
    """The determinant of square matrices (..., n, n). Source: torch.linalg.det.

    >>> import rushlight as torch
    >>> torch.linalg.det(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor(6.)
    """
    need_numbers("linalg.det", need_square("linalg.det", A), "lu_cpu")
    return operation(_DET, (A,))


@function("det")
def det_of(input: Tensor) -> Tensor:
    """The determinant of square matrices. Source: torch.det."""
    return det(input)


_SLOGDET = Op(
    "LinalgSlogdetBackward0",
    lambda a: (PICK(found := ops.slogdet(a), 0), PICK(found, 1)),
    lambda g, outs, ins, needs: (ops.slogdet_rule(g, outs[0], ins[0]),),
    zeros=False,
)


def _slogdet(name: str, A: Tensor) -> tuple[Tensor, Tensor]:
    need_numbers(name, need_square(name, A))
    return operation(_SLOGDET, (A,))


@published("linalg_slogdet")
def slogdet(A: Tensor) -> Any:
    """(sign, logabsdet) with det(A) = sign * exp(logabsdet); a singular matrix has 0 and -inf.

    Source: torch.linalg.slogdet.
    """
    return named("linalg_slogdet", "sign", "logabsdet")(*_slogdet("linalg.slogdet", A))


@function("slogdet")
def slogdet_of(input: Tensor) -> Any:
    """(sign, logabsdet) with det(input) = sign * exp(logabsdet). Source: torch.slogdet."""
    return named("slogdet", "sign", "logabsdet")(*_slogdet("linalg.slogdet", input))


@function()
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN where it is negative, -inf where it is 0. Source: torch.logdet."""
    sign, size = _slogdet("logdet", input)
    return sign.log() + size


# ---------------------------------------------------------------- powers


@function()
def matrix_exp(input: Tensor) -> Tensor:
    """The sum of A^k / k! for square matrices (..., n, n). Source: torch.linalg.matrix_exp.

    >>> import rushlight as torch
    >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    name = "linalg.matrix_exp"
    need_square(name, input)
    if dtype_of(input).category < FLOATING:
        need_numbers(name, input)
    if dtype_of(input) in NARROW:
        return to_dtype(primitive(ops.matrix_exp, (to_dtype(input, float32),)), dtype_of(input))
    return primitive(ops.matrix_exp, (input,))


_POWER_0 = Op(
    "MatrixPowerBackward0",
    lambda a: identity(a.shape[-1], a.shape[-1], a.dtype).expand(a.shape),
    lambda g, out, ins, needs: (constant(0, g.dtype).expand(g.shape),),
)


@function()
def matrix_power(input: Tensor, n: int) -> Tensor:
    """A^n for square matrices and whole n; a negative one takes the inverse.

    Raises: LinAlgError for a negative n and a singular matrix.
    Source: torch.linalg.matrix_power.
    """
    need_square("linalg.matrix_power", input)
    if not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    if n == 0:
        return operation(_POWER_0, (input,))
    base = inv(input) if n < 0 else input
    n = abs(n)
    if n == 1:
        return base.clone() if base is input else base
    found = None
    while True:
        if n & 1:
            found = base if found is None else product(found, base)
        n >>= 1
        if not n:
            return found  # type: ignore[return-value]
        base = product(base, base)


# ---------------------------------------------------------------- chains


def _check_chain(tensors: Sequence[Tensor]) -> None:
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    for i, x in enumerate(tensors):
        allowed = (1, 2) if i in (0, n - 1) else (2,)
        if x.dim() not in allowed:
            which = {0: "the first tensor", n - 1: "the last tensor"}.get(i, f"tensor {i}")
            raise RuntimeError(
                f"multi_dot(): {which} must be {'1D or 2D' if 1 in allowed else '2D'} but got {x.dim()}D"
            )
        if dtype_of(x) is not dtype_of(tensors[0]):
            names = [_short(dtype_of(t)) for t in (tensors[0], x)]
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {names[0]} and tensor {i} {names[1]}"
            )


def _short(dtype: Any) -> str:
    return title(dtype).lower()


def _cheapest_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each stretch of the chain so that the fewest numbers are multiplied; sizes are n + 1 for n matrices."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            ways = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(ways)
    return split


@published("linalg_multi_dot")
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, in the cheapest order; the first and the last may be vectors.

    Source: torch.linalg.multi_dot.
    """
    tensors = list(tensors)
    _check_chain(tensors)
    first_row, last_column = tensors[0].dim() == 1, tensors[-1].dim() == 1
    chain = list(tensors)
    if first_row:
        chain[0] = chain[0].unsqueeze(0)
    if last_column:
        chain[-1] = chain[-1].unsqueeze(-1)
    for i in range(len(chain) - 1):
        if shape_of(chain[i])[1] != shape_of(chain[i + 1])[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(shape_of(chain[i]))} and "
                f"{list(shape_of(chain[i + 1]))} cannot be multiplied"
            )
    split = _cheapest_splits([shape_of(x)[0] for x in chain] + [shape_of(chain[-1])[1]])

    def multiplied(i: int, j: int) -> Tensor:
        if i == j:
            return chain[i]
        k = split[i, j]
        return product(multiplied(i, k), multiplied(k + 1, j))

    found = multiplied(0, len(chain) - 1)
    if first_row:
        found = found.squeeze(0)
    return found.squeeze(-1) if last_column else found


# ---------------------------------------------------------------- vectors


@published("linalg_vecdot")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum over dim of conj(x) * y, which broadcast. Source: torch.linalg.vecdot."""
    name = "linalg.vecdot"
    for v in (need_tensor(name, x), need_tensor(name, y, 2, "y")):
        if dtype_of(v).category < FLOATING:
            need_numbers(name, v)
    if dtype_of(x) is not dtype_of(y):
        raise RuntimeError(
            f"{name}: Expected x and y to have the same dtype, but found x of type {title(dtype_of(x))} and y of type "
            f"{title(dtype_of(y))} instead"
        )
    if x.dim() == y.dim() == 1:
        return FUNCTIONS["vdot"](x, y)
    return (x.conj() * y).sum(dim)


@published("linalg_cross")
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product along a dimension of size 3; the others broadcast. Source: torch.linalg.cross."""
    need_tensor("linalg_cross", input)
    need_tensor("linalg_cross", other, 2, "other")
    if input.dim() == other.dim() and dim >= -input.dim() and (input.size(dim) != 3 or other.size(dim) != 3):
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.size(dim)} and {other.size(dim)}"
        )
    return cross_along(input, other, dim)


@published("linalg_vander")
def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 ... N - 1 of each element of x (..., n): (..., n, N), N being n by default.

    Source: torch.linalg.vander.
    """
    if dtype_of(need_tensor("linalg.vander", x)).category == BOOL:
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {title(dtype_of(x))}"
        )
    x = x if x.dim() else x.reshape(1)
    columns = x.size(-1) if N is None else operator.index(N)
    if columns <= 1:
        raise RuntimeError("N must be greater than 1.")
    kind = int64 if dtype_of(x).category == INTEGRAL else dtype_of(x)
    powers = to_dtype(x, kind).unsqueeze(-1).expand((*shape_of(x), columns - 1))
    first = ones((*shape_of(x), 1), dtype=kind, device=x._storage.device)
    return cat([first, cumprod(powers, -1)], -1)


@published("linalg_diagonal")
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of dims dim1 and dim2 as a last dimension; a view. Source: torch.linalg.diagonal."""
    return diagonal_of(A, offset, dim1, dim2)


@published("linalg_matmul")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product. Source: torch.linalg.matmul."""
    return product(input, other)
