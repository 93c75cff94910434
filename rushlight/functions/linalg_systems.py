"""Linear systems: solve, inverse, triangular and factored systems, and tensors read as matrices.

Solvers are one tape entry each, whose gradient solves the adjoint system. The factorizations that some of them take are
made in linalg_factors.py; least squares are in linalg_least_squares.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import INTEGRAL, int32
from ..graph.node import Node
from ..graph.registry import PICK
from ..ops import factorizations, linalg
from ..ops.factorizations import inverse_order, unit_lower, upper_factor
from ..ops.linalg import cholesky_solve_rule, factor_gradient, solve_rule, solve_triangular_rule
from ..ops.matrices import adjoint, identity, rows_at
from ..results import named
from ..shapes import broadcast
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .linalg_checks import (
    need_kernel,
    need_matrix,
    need_numbers,
    need_same_dtype,
    need_square,
    no_derivative,
    published,
    raise_for,
    warn_deprecated,
    with_info,
)
from .register import function
from .shaping import movedim, reshape, transpose


def turned(x: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    return transpose(x, -2, -1)


def _equation(left: bool) -> str:
    return "AX = B" if left else "XA = B"


def need_fitting(name: str, a: Tensor, b: Tensor, left: bool) -> None:
    """B has to have as many rows (columns, for XA = B) as A."""
    need_matrix(name, b, "B")
    (n, _), (rows, columns) = shape_of(a)[-2:], shape_of(b)[-2:]
    if n != (rows if left else columns):
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {_equation(left)} ({n}x{n} and {rows}x{columns})"
        )


# ---------------------------------------------------------------- solve and inverse


def _is_vector(a: Tensor, b: Tensor) -> bool:
    """Whether B is a batch of vectors: one dimension, or A's sizes without the last."""
    return b.dim() == 1 or (b.dim() + 1 == a.dim() and shape_of(b) == shape_of(a)[:-1])


_SOLVE = Op(
    "LinalgSolveExBackward0",
    lambda a, b: (PICK(found := linalg.solve(a, b), 0), PICK(found, 1)),
    lambda g, outs, ins, needs: solve_rule(g, outs[0], ins[0], needs),
    visible=1,
)
_INV = Op(
    "LinalgInvExBackward0",
    lambda a: (
        PICK(found := linalg.solve(a, identity(a.shape[-1], a.shape[-1], a.dtype)), 0),
        PICK(found, 1),
    ),
    lambda g, outs, ins, needs: (-(adjoint(outs[0]) @ g @ adjoint(outs[0])),),
    visible=1,
)


def _solved(A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    """(X, info)."""
    name = "linalg.solve"
    need_numbers(name, need_square(name, A))
    need_same_dtype(name, A, need_tensor(name, B, 2, "B"))
    if not B.dim():
        raise RuntimeError(f"{name}: The input tensor B must have at least 2 dimensions.")
    vector = _is_vector(A, B)
    columns = B.unsqueeze(-1) if vector else B
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    need_fitting(name, A, columns, left)
    broadcast(shape_of(columns)[:-2], shape_of(A)[:-2])
    if left:
        found, info = with_info(_SOLVE, (A, columns))
    else:
        found, info = with_info(_SOLVE, (turned(A), turned(columns)))
        found = turned(found)
    return found.squeeze(-1) if vector else found, info


def _singular(code: int) -> str:
    return "The solver failed because the input matrix is singular."


@published("linalg_solve_ex")
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """(result, info): as solve, but singular matrices are told by info (the number of the pivot that is 0).

    Source: torch.linalg.solve_ex.
    """
    found, info = _solved(A, B, left)
    if check_errors:
        raise_for(info, "torch.linalg.solve_ex", _singular)
    return named("linalg_solve_ex", "result", "info")(found, info)


@published("linalg_solve")
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or X A = B with left=False: A (..., n, n), B (..., n, k) or vectors (..., n).

    Raises: LinAlgError when a matrix is singular; RuntimeError when the sizes do not fit.
    Source: torch.linalg.solve.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([1.0, 1.0]))
        tensor([0.5000, 0.2500])
    """
    found, info = _solved(A, B, left)
    raise_for(info, "torch.linalg.solve", _singular)
    return found


def _inverted(A: Tensor) -> tuple[Tensor, Tensor]:
    need_numbers("linalg.inv", need_square("linalg.inv", A))
    return with_info(_INV, (A,))


def _not_invertible(code: int) -> str:
    return (
        f"The diagonal element {code} is zero, the inversion could not be completed because the input matrix is "
        "singular."
    )


@published("linalg_inv_ex")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """(inverse, info): as inv, but singular matrices are told by info. Source: torch.linalg.inv_ex."""
    found, info = _inverted(A)
    if check_errors:
        raise_for(info, "linalg.inv_ex", _not_invertible)
    return named("linalg_inv_ex", "inverse", "info")(found, info)


@published("linalg_inv")
def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices (..., n, n).

    Raises: LinAlgError when a matrix is singular.
    Source: torch.linalg.inv.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    found, info = _inverted(A)
    raise_for(info, "linalg.inv", _not_invertible)
    return found


@function()
def inverse(input: Tensor) -> Tensor:
    """The inverse of square matrices. Source: torch.inverse."""
    return inv(input)


# ---------------------------------------------------------------- triangular systems


_SOLVE_TRIANGULAR = Op(
    "LinalgSolveTriangularBackward0",
    lambda a, b, is_upper, unit: linalg.solve_triangular(a, b, is_upper, unit),
    lambda g, out, ins, needs, is_upper, unit: solve_triangular_rule(g, out, ins[0], needs, is_upper, unit),
)


@published("linalg_solve_triangular")
def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B (X A = B) for triangular A = input, whose other triangle is not read.

    Args:
        input: (..., n, n); B: (..., n, k).
        unitriangular: A's diagonal is not read either, and counts as ones.
    Source: torch.linalg.solve_triangular.
    """
    name, A = "linalg.solve_triangular", input
    need_square(name, A)
    need_matrix(name, B, "B")
    need_same_dtype(name, A, B)
    need_fitting(name, A, B, left)
    need_kernel(A, "triangular_solve_cpu")
    broadcast(shape_of(B)[:-2], shape_of(A)[:-2])
    if left:
        return operation(_SOLVE_TRIANGULAR, (A, B), (bool(upper), bool(unitriangular)))
    found = operation(_SOLVE_TRIANGULAR, (turned(A), turned(B)), (not upper, bool(unitriangular)))
    return turned(found)


def _need_older(name: str, b: Tensor, a: Tensor) -> None:
    """The checks of the functions that came before torch.linalg, which name b before A."""
    if dtype_of(a) is not dtype_of(b):
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {title(dtype_of(b))} and A of type "
            f"{title(dtype_of(a))} instead."
        )
    (m, n), (rows, columns) = shape_of(a)[-2:], shape_of(b)[-2:]
    if m != n:
        raise RuntimeError(f"A must be batches of square matrices, but they are {m} by {n} matrices")
    if n != rows:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix is {rows} by {columns}"
        )


@function()
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """(solution, cloned_coefficient) of A X = input for triangular A. Source: torch.triangular_solve.

    PyTorch has deprecated it for torch.linalg.solve_triangular.
    """
    b = input
    warn_deprecated("triangular_solve", "torch.linalg.solve_triangular")
    for x, letter in ((b, "b"), (A, "A")):
        if x.dim() < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {letter} to have at least 2 dimensions, but it has {x.dim()} "
                "dimensions instead"
            )
    _need_older("triangular_solve", b, A)
    need_kernel(A, "triangular_solve_cpu")
    broadcast(shape_of(b)[:-2], shape_of(A)[:-2])
    coefficient = turned(A) if transpose else A
    found = operation(
        _SOLVE_TRIANGULAR, (coefficient, b), (bool(upper) != bool(transpose), bool(unitriangular))
    )
    lead = shape_of(found)[:-2]
    copy = A.expand((*lead, *shape_of(A)[-2:])).clone()
    return named("triangular_solve", "solution", "cloned_coefficient")(found, copy)


_CHOLESKY_SOLVE = Op(
    "CholeskySolveBackward0",
    lambda b, factor, is_upper: linalg.cholesky_solve(b, factor, is_upper),
    lambda g, x, ins, needs, is_upper: cholesky_solve_rule(g, x, ins[1], needs, is_upper),
)


@function()
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X with A X = input, A given by its Cholesky factor input2, the lower one or the upper. Source: torch.cholesky_solve.

    >>> import rushlight as torch
    >>> torch.cholesky_solve(torch.ones(1, 1), torch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    B, L = input, input2
    for x, letter in ((B, "b"), (L, "u")):
        if x.dim() < 2:
            raise RuntimeError(
                f"{letter} should have at least 2 dimensions, but has {x.dim()} dimensions instead"
            )
    _need_older("cholesky_solve", B, L)
    need_kernel(B, "cholesky_solve_cpu")
    broadcast(shape_of(B)[:-2], shape_of(L)[:-2])
    return operation(_CHOLESKY_SOLVE, (B, L), (bool(upper),))


@function()
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, given by its Cholesky factor. Source: torch.cholesky_inverse."""
    need_kernel(need_square("cholesky_inverse", input), "cholesky_inverse_out_cpu")
    return operation(_CHOLESKY_INVERSE, (input,), (bool(upper),))


def _cholesky_inverse(factor: Node, is_upper: bool) -> Node:
    n = factor.shape[-1]
    return linalg.cholesky_solve(identity(n, n, factor.dtype), factor, is_upper)


_CHOLESKY_INVERSE = Op(
    "CholeskyInverseBackward0",
    _cholesky_inverse,
    lambda g, out, ins, needs, is_upper: (factor_gradient(out @ g @ out, ins[0], is_upper),),
)

# ---------------------------------------------------------------- systems of packed factors


def _lu_solve(factors: Node, pivots: Node, b: Node, left: bool, adjointly: bool) -> Node:
    if not left:  # X A = B is A^H X^H = B^H
        return adjoint(_lu_solve(factors, pivots, adjoint(b), True, not adjointly))
    lead = broadcast(factors.shape[:-2], b.shape[:-2])
    n = factors.shape[-1]
    b = b.expand((*lead, *b.shape[-2:]))
    order = pivots.pivot_order(n).expand((*lead, n))
    l, u = unit_lower(factors), upper_factor(factors)
    if adjointly:
        half = linalg.solve_triangular(adjoint(u), b, False, False)
        return rows_at(linalg.solve_triangular(adjoint(l), half, True, True), inverse_order(order))
    half = linalg.solve_triangular(l, rows_at(b, order), False, True)
    return linalg.solve_triangular(u, half, True, False)


_LU_SOLVE = Op("LinalgLuSolveBackward0", _lu_solve)


@published("linalg_lu_solve")
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (or X A = B; with adjoint A^H in A's place), A given by lu_factor's LU and pivots.

    Source: torch.linalg.lu_solve.
    """
    name = "linalg.lu_solve"
    need_numbers("torch.linalg.lu_solve", need_square("torch.linalg.lu_solve", LU))
    need_same_dtype(name, LU, B, "LU", "B")
    if dtype_of(pivots) is not int32:
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    need_fitting(name, LU, B, left)
    if shape_of(pivots) != shape_of(LU)[:-1]:
        raise RuntimeError(
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(shape_of(pivots))} instead"
        )
    broadcast(shape_of(LU)[:-2], shape_of(B)[:-2])
    return operation(_LU_SOLVE, (LU, pivots, B), (bool(left), bool(adjoint)))


@function("lu_solve")
def lu_solve_of(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = input, A given by its LU factors. Source: torch.lu_solve, deprecated for torch.linalg.lu_solve."""
    warn_deprecated("lu_solve", "torch.linalg.lu_solve")
    return lu_solve(LU_data, LU_pivots, input)


_LDL_SOLVE = Op(
    "LinalgLdlSolveBackward0",
    lambda factors, pivots, b, hermitian: factorizations.ldl_solve(factors, pivots, b, hermitian),
    no_derivative("linalg_ldl_solve"),
)


@published("linalg_ldl_solve")
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X with A X = B, A given by ldl_factor's LD and pivots. Source: torch.linalg.ldl_solve."""
    name = "torch.linalg.ldl_solve"
    need_square(name, LD)
    if B.dim() < 2:
        raise RuntimeError(
            f"{name}: Expected B to have at least 2 dimensions, but it has {B.dim()} dimensions instead"
        )
    if shape_of(pivots) != shape_of(LD)[:-1]:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(shape_of(pivots))} instead"
        )
    if dtype_of(pivots).category != INTEGRAL:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {title(dtype_of(pivots))}")
    if dtype_of(LD) is not dtype_of(B):
        raise RuntimeError(
            f"{name}: LD dtype{title(dtype_of(LD))} does not match b dtype {title(dtype_of(B))}"
        )
    need_kernel(LD, "ldl_solve_cpu")
    broadcast(shape_of(LD)[:-2], shape_of(B)[:-2])
    return operation(_LDL_SOLVE, (LD, pivots, B), (bool(hermitian),))


# ---------------------------------------------------------------- tensors as matrices


@published("linalg_tensorinv")
def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """The inverse of input read as a matrix: its first `ind` dimensions as rows, the others as columns.

    Raises: LinAlgError when it is singular; RuntimeError when it is not square.
    Source: torch.linalg.tensorinv.
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = shape_of(need_tensor("tensorinv", input))
    rows, columns = math.prod(shape[:ind]), math.prod(shape[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns} != {rows}"
        )
    found, info = with_info(_INV, (need_numbers("linalg.inv", reshape(input, (rows, rows))),))
    raise_for(info, "inv", _not_invertible)
    return reshape(found, (*shape[ind:], *shape[:ind]))


@published("linalg_tensorsolve")
def tensorsolve(input: Tensor, other: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X with tensordot(input, X, X.ndim) = other: input read as a matrix with other's dimensions as rows.

    Args:
        dims: dimensions of input that are moved to the end first.
    Source: torch.linalg.tensorsolve.
    """
    A = input
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(-len(dims), 0)))
    shape = shape_of(need_tensor("tensorsolve", A))
    rank = need_tensor("tensorsolve", other, 2, "other").dim()
    rows, columns = other.numel(), math.prod(shape[rank:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {columns} != {rows}"
        )
    found = solve(reshape(A, (rows, rows)), reshape(other, (-1,)))
    return reshape(found, shape[rank:])
