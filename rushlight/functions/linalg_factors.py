"""Factorizations: Cholesky, LU, QR and Householder reflections, LDL.

Those that can fail read LAPACK's info at the call; the `_ex` forms hand it on instead. Solving with the factors is in
linalg_systems.py.
"""

from __future__ import annotations

from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive, title
from ..dtypes import int32
from ..graph.gradient import pullback
from ..graph.node import Node, constant
from ..graph.registry import PICK
from ..ops import factorizations as ops
from ..ops.matrices import adjoint, identity, row_of, rows_numbered
from ..results import named
from ..tensor import Tensor, dtype_of, node_of, shape_of, wrap
from .arguments import need_tensor
from .creation import empty
from .linalg_checks import (
    need_kernel,
    need_matrix,
    need_numbers,
    need_same_dtype,
    need_square,
    no_derivative,
    published,
    raise_for,
    refuse_gradient,
    warn_deprecated,
    with_info,
)
from .register import function

# ---------------------------------------------------------------- Cholesky


def _cholesky(a: Node, upper: bool) -> tuple[Node, Node]:
    found = ops.cholesky(adjoint(a) if upper else a)
    factor = PICK(found, 0)
    return adjoint(factor) if upper else factor, PICK(found, 1)


def _cholesky_rule(g: Node, outs: tuple, ins: tuple, needs: tuple, upper: bool) -> tuple:
    factor = outs[0]
    return (ops.cholesky_rule(adjoint(g), adjoint(factor)) if upper else ops.cholesky_rule(g, factor),)


_CHOLESKY = Op("LinalgCholeskyExBackward0", _cholesky, _cholesky_rule, visible=1)
_OLD_CHOLESKY = Op("CholeskyBackward0", _cholesky, _cholesky_rule, visible=1)


def _not_positive(code: int) -> str:
    return (
        "The factorization could not be completed because the input is not positive-definite (the leading minor of "
        f"order {code} is not positive-definite)."
    )


@published("linalg_cholesky_ex")
def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """(L, info): as cholesky, but a matrix that is not positive definite is told by info: the order of the minor.

    Source: torch.linalg.cholesky_ex.
    """
    need_numbers("linalg.cholesky", need_square("linalg.cholesky", input), "cholesky_cpu")
    found, info = with_info(_CHOLESKY, (input,), (bool(upper),))
    if check_errors:
        raise_for(info, "linalg.cholesky_ex", _not_positive)
    return named("linalg_cholesky_ex", "L", "info")(found, info)


@published("linalg_cholesky")
def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """L, lower triangular, with A = L L^H for Hermitian positive definite A (..., n, n), of which one triangle is read.

    Args:
        upper: U with A = U^H U instead, from A's upper triangle.
    Raises: LinAlgError when a matrix is not positive definite.
    Source: torch.linalg.cholesky.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 2.0]]))
        tensor([[2., 0.],
                [1., 1.]])
    """
    found, info = cholesky_ex(input, upper=upper)
    raise_for(info, "linalg.cholesky", _not_positive)
    return found


@function("cholesky")
def cholesky_of(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factor of positive definite matrices. Source: torch.cholesky, deprecated for torch.linalg.cholesky."""
    warn_deprecated("cholesky", "torch.linalg.cholesky")
    need_kernel(need_square("cholesky", input), "cholesky_cpu")
    found, info = with_info(_OLD_CHOLESKY, (input,), (bool(upper),))
    raise_for(info, "cholesky", _not_positive)
    return found


# ---------------------------------------------------------------- LU


def _lu_factor(a: Node) -> tuple[Node, ...]:
    found = ops.lu_factor(a)
    return tuple([PICK(found, i) for i in range(3)])


def _lu_factor_rule(g: tuple, outs: tuple, ins: tuple, needs: tuple) -> tuple:
    factors, pivots = outs[:2]
    return (ops.packed_lu_rule(g[0], factors, pivots.pivot_order(factors.shape[-2])),)


_LU_FACTOR = Op("LinalgLuFactorExBackward0", _lu_factor, _lu_factor_rule, zeros=False)


def _need_lu(name: str, A: Any, pivot: bool) -> Tensor:
    if need_tensor(name, A).dim() < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(shape_of(A))} instead"
        )
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return need_kernel(A, "lu_cpu")


@published("linalg_lu_factor_ex")
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """(LU, pivots, info): as lu_factor, but a pivot that is 0 is told by info. Source: torch.linalg.lu_factor_ex."""
    found = operation(_LU_FACTOR, (_need_lu("torch.lu_factor", A, pivot),))
    if check_errors:
        raise_for(found[2], "torch.linalg.lu_factor_ex", _zero_pivot, RuntimeError)
    return named("linalg_lu_factor_ex", "LU", "pivots", "info")(*found)


def _zero_pivot(code: int) -> str:
    return (
        f"U[{code},{code}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
        "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    )


@published("linalg_lu_factor")
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """(LU, pivots) of matrices (..., m, n): L below the diagonal of LU, U above it, row swaps counted from 1.

    Raises: RuntimeError when a pivot is 0.
    Source: torch.linalg.lu_factor.
    """
    factors, pivots, info = operation(_LU_FACTOR, (_need_lu("torch.lu_factor", A, pivot),))
    raise_for(info, "torch.linalg.lu_factor", _zero_pivot, RuntimeError)
    return named("linalg_lu_factor", "LU", "pivots")(factors, pivots)


def _lu(a: Node) -> tuple[Node, ...]:
    found = ops.lu_factor(a)
    factors = PICK(found, 0)
    return ops.unit_lower(factors), ops.upper_factor(factors), PICK(found, 1).pivot_order(a.shape[-2])


_LU = Op(
    "LinalgLuBackward0",
    _lu,
    lambda g, outs, ins, needs: (ops.lu_rule(g[0], g[1], *outs),),
    zeros=False,
)


def _permutation(order: Tensor, dtype: Any) -> Tensor:
    """P with A = P L U, from the order of the rows; integer data, so without gradients."""
    node = node_of(order)
    return wrap(rows_numbered(node.shape[-1]).eq(row_of(node)).cast(dtype), order._storage.device)


@published("linalg_lu")
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """(P, L, U) with A = P L U: a permutation, a unit lower and an upper triangular matrix, of (..., m, n).

    Source: torch.linalg.lu.
    """
    l, u, order = operation(_LU, (_need_lu("linalg.lu", A, pivot),))
    return named("linalg_lu", "P", "L", "U")(_permutation(order, dtype_of(A)), l, u)


@function("lu")
def lu_of(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """(LU, pivots), and infos where asked for. Source: torch.lu, deprecated for torch.linalg.lu_factor."""
    warn_deprecated("lu", "torch.linalg.lu_factor / torch.linalg.lu_factor_ex")
    found = tuple(lu_factor_ex(A, pivot=pivot))
    return named("_lu_with_info", "LU", "pivots", "info")(*found) if get_infos else found[:2]


_LU_UNPACK = Op("LuUnpackBackward0", lambda factors: (ops.unit_lower(factors), ops.upper_factor(factors)))


@function(method=False)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """(P, L, U) of what lu_factor gave; what is not asked for is empty. Source: torch.lu_unpack."""
    if unpack_pivots and dtype_of(LU_pivots) is not int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    dtype, device = dtype_of(LU_data), LU_data._storage.device
    p, l, u = (empty(0, dtype=dtype, device=device) for _ in range(3))
    if unpack_data:
        l, u = operation(_LU_UNPACK, (LU_data,))
    if unpack_pivots:
        p = _permutation(primitive(ops.pivot_order, (LU_pivots,), (shape_of(LU_data)[-2],)), dtype)
    return named("lu_unpack", "P", "L", "U")(p, l, u)


# ---------------------------------------------------------------- QR


def _qr(a: Node, mode: str) -> tuple[Node, Node]:
    found = ops.qr(a, mode == "complete")
    q, r = PICK(found, 0), PICK(found, 1)
    return (q.reshape((q.numel,)).slice(((0, 0, 1),)) if mode == "r" else q), r


def _qr_rule(g: tuple, outs: tuple, ins: tuple, needs: tuple, mode: str) -> tuple:
    m, n = ins[0].shape[-2:]
    if mode == "r":
        refuse_gradient(
            g,
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients.",
            RuntimeError,
        )
        return (ins[0],)
    if mode == "complete" and m > n:
        refuse_gradient(
            g,
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
            RuntimeError,
        )
        return (ins[0],)
    return (ops.qr_rule(*g, *outs),)


_QR = Op("LinalgQrBackward0", _qr, _qr_rule, zeros=False)


@published("linalg_qr")
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """(Q, R) with A = Q R for A (..., m, n), k = min(m, n).

    Args:
        mode: "reduced": Q (..., m, k), R (..., k, n); "complete": Q (..., m, m), R (..., m, n); "r": as reduced, with Q
            empty.
    Source: torch.linalg.qr.
    Example:
        >>> import rushlight as torch
        >>> Q, R = torch.linalg.qr(torch.eye(2))
        >>> torch.dist(Q @ R, torch.eye(2))
        tensor(0.)
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    need_numbers("linalg.qr", need_matrix("linalg.qr", A), "geqrf_cpu")
    return named("linalg_qr", "Q", "R")(*operation(_QR, (A,), (mode,)))


@function("qr")
def qr_of(input: Tensor, some: bool = True) -> Any:
    """(Q, R), reduced where `some`, else complete. Source: torch.qr, deprecated for torch.linalg.qr."""
    warn_deprecated("qr", "torch.linalg.qr")
    return named("qr", "Q", "R")(*qr(input, "reduced" if some else "complete"))


_GEQRF = Op(
    "GeqrfBackward0", lambda a: (PICK(found := ops.geqrf(a), 0), PICK(found, 1)), no_derivative("geqrf")
)


@function()
def geqrf(input: Tensor) -> Any:
    """(a, tau): LAPACK's own form of a QR factorization, R above the diagonal and reflections below.

    Source: torch.geqrf.
    """
    if need_tensor("geqrf", input).dim() < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    need_kernel(input, "geqrf_cpu")
    return named("geqrf", "a", "tau")(*operation(_GEQRF, (input,)))


def _householder_product(a: Node, tau: Node) -> Node:
    m, n = a.shape[-2:]
    return ops.reflected(a, tau, identity(m, n, a.dtype), False)


def _householder_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    if not ins[1].numel:  # no reflection: nothing depends on the vectors
        return tuple([constant(0, x.dtype).expand(x.shape) for x in ins])
    return tuple(pullback([_householder_product(*ins)], list(ins), [g]))


_HOUSEHOLDER_PRODUCT = Op("LinalgHouseholderProductBackward0", _householder_product, _householder_rule)


def _need_reflections(name: str, input: Tensor, tau: Tensor) -> None:
    lead = shape_of(input)[:-2]
    if tau.dim() != input.dim() - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.dim()} and "
            f"input.ndim is equal to {input.dim()}"
        )
    if lead and shape_of(tau)[:-1] != lead:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(shape_of(tau)[:-1])}"
        )


@published("linalg_householder_product")
def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of the product of k Householder reflections, as geqrf gives them.

    Args:
        input: (..., m, n), m >= n, the vectors below its diagonal; tau: (..., k), k <= n, their factors.
    Source: torch.linalg.householder_product.
    """
    name = "torch.linalg.householder_product"
    if need_tensor(name, input).dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    m, n = shape_of(input)[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau.size(-1):
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    _need_reflections(name, input, tau)
    need_same_dtype(name, input, tau, "input", "tau")
    need_kernel(input, "orgqr_cpu")
    return operation(_HOUSEHOLDER_PRODUCT, (input, tau))


@function()
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """householder_product(input, input2). Source: torch.orgqr."""
    return householder_product(input, input2)


def _ormqr(a: Node, tau: Node, c: Node, left: bool, adjointly: bool) -> Node:
    if left:
        return ops.reflected(a, tau, c, adjointly)
    return adjoint(ops.reflected(a, tau, adjoint(c), not adjointly))


_ORMQR = Op("OrmqrBackward0", _ormqr)


@function()
def ormqr(
    input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """Q input3, or input3 Q, with Q the whole product of geqrf's reflections (input, input2); `transpose` takes Q^H.

    Source: torch.ormqr.
    """
    name, tau, other = "torch.ormqr", input2, input3
    for x, argument in ((input, "input"), (other, "other")):
        if need_tensor(name, x).dim() < 2:
            raise RuntimeError(f"{name}: {argument} must have at least 2 dimensions.")
    side, place = (-2, "-2") if left else (-1, "-1")
    if shape_of(other)[side] < tau.size(-1):
        raise RuntimeError(f"{name}: other.shape[{place}] must be greater than or equal to tau.shape[-1]")
    if tau.size(-1) != min(shape_of(other)[side], shape_of(input)[-1]):
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be equal to min(other.shape[{place}], input.shape[-1])"
        )
    if shape_of(other)[side] != shape_of(input)[-2]:
        raise RuntimeError(f"{name}: other.shape[{place}] must be equal to input.shape[-2]")
    _need_reflections(name, input, tau)
    if shape_of(other)[:-2] != shape_of(input)[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(shape_of(other)[:-2])}"
        )
    for x, argument in ((tau, "tau"), (other, "other")):
        if dtype_of(x) is not dtype_of(input):
            raise RuntimeError(
                f"{name}: Expected input and {argument} to have the same dtype, but input has dtype "
                f"{title(dtype_of(input))} and {argument} has dtype {title(dtype_of(x))}"
            )
    need_kernel(input, "ormqr_cpu")
    return operation(_ORMQR, (input, tau, other), (bool(left), bool(transpose)))


# ---------------------------------------------------------------- LDL


def _ldl_factor(a: Node, hermitian: bool) -> tuple[Node, ...]:
    found = ops.ldl_factor(a, hermitian)
    return tuple([PICK(found, i) for i in range(3)])


_LDL_FACTOR = Op("LinalgLdlFactorExBackward0", _ldl_factor, no_derivative("linalg_ldl_factor_ex"))


@published("linalg_ldl_factor_ex")
def ldl_factor_ex(input: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """(LD, pivots, info): as ldl_factor, but a block of D that is 0 is told by info.

    Source: torch.linalg.ldl_factor_ex.
    """
    name = "torch.linalg.ldl_factor_ex"
    need_numbers(name, need_square(name, input), "ldl_factor_kernel_cpu")
    found = operation(_LDL_FACTOR, (input,), (bool(hermitian),))
    if check_errors:
        raise_for(found[2], name, _zero_block)
    return named("linalg_ldl_factor_ex", "LD", "pivots", "info")(*found)


def _zero_block(code: int) -> str:
    return f"D[{code},{code}] is exactly zero: the matrix is singular, and cannot be used to solve a system."


@published("linalg_ldl_factor")
def ldl_factor(input: Tensor, *, hermitian: bool = False) -> Any:
    """(LD, pivots) of symmetric, or Hermitian, matrices (..., n, n), indefinite ones too; their lower triangle is read.

    Raises: LinAlgError when D is singular.
    Source: torch.linalg.ldl_factor.
    """
    found = ldl_factor_ex(input, hermitian=hermitian)
    raise_for(found[2], "torch.linalg.ldl_factor", _zero_block)
    return named("linalg_ldl_factor", "LD", "pivots")(*found[:2])
