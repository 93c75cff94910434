"""Factorizations: LU, Cholesky, QR, LDL, and products of Householder reflections.

As in linalg.py, nothing here raises on singular input; `info` says what LAPACK found. The gradient rules are written for
any number of rows and columns.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import int32, int64
from ..graph.node import Node
from ..graph.registry import OPAQUE, PICK, Primitive
from ..shapes import broadcast
from .linalg import each_matrix, lapack, solve_triangular
from .matrices import (
    adjoint,
    column_of,
    columns_part,
    hermitian_of,
    identity,
    lower,
    main_diagonal,
    rows_at,
    rows_part,
    upper,
    with_diagonal,
)
from .movement import concat
from .samples import Array, call

# ---------------------------------------------------------------- LU


def _lu_factor(np: Any, a: Any) -> tuple:
    (getrf,) = lapack(("getrf",), a)
    m, n = a.shape[-2:]
    k = min(m, n)

    def rule(a: Any) -> tuple:
        factors, pivots, info = getrf(a)
        return factors, pivots + 1, info

    return each_matrix(np, rule, (a,), (((m, n), a.dtype), ((k,), np.int32), ((), np.int32)))


def lu_rule(gl: Node | None, gu: Node | None, l: Node, u: Node, order: Node) -> Node | None:
    """The gradient of A = P L U from those of L (m, k) and U (k, n); row order[i] of A is row i of L U.

    A is cut into its square part and the rest: of a wide A the columns beyond determine columns of U alone, of a tall
    one the rows beyond determine rows of L alone, and each adds to the gradient of the square part.
    """
    if gl is None and gu is None:
        return None
    (m, k), n = l.shape[-2:], u.shape[-1]
    gl = l * 0 if gl is None else gl
    gu = u * 0 if gu is None else gu
    l1, gl1 = rows_part(l, 0, k), rows_part(gl, 0, k)
    u1, gu1 = columns_part(u, 0, k), columns_part(gu, 0, k)
    below = adjoint(l1) @ gl1
    above = gu1 @ adjoint(u1)
    if n > k:
        below = below - columns_part(gu, k, n) @ adjoint(columns_part(u, k, n))
    if m > k:
        above = above - adjoint(rows_part(l, k, m)) @ rows_part(gl, k, m)
    inner = lower(below, -1) + upper(above)
    found = solve_triangular(adjoint(l1), _over(inner, u1), True, True)
    if n > k:
        beyond = solve_triangular(adjoint(l1), columns_part(gu, k, n), True, True)
        found = concat((found, beyond), len(found.shape) - 1)
    if m > k:
        found = concat((found, _over(rows_part(gl, k, m), u1)), len(found.shape) - 2)
    return rows_at(found, inverse_order(order))


def _over(x: Node, u: Node) -> Node:
    """x U^-H for upper triangular U."""
    return adjoint(solve_triangular(u, adjoint(x), True, False))


def inverse_order(order: Node) -> Node:
    """The permutations that undo `order`."""
    return order.argsort(len(order.shape) - 1, False)


def unit_lower(factors: Node) -> Node:
    """L of packed factors: (m, k), with ones on its diagonal."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    l = lower(columns_part(factors, 0, k), -1)
    return l + identity(m, k, l.dtype)


def upper_factor(factors: Node) -> Node:
    """U of packed factors: (k, n)."""
    return upper(rows_part(factors, 0, min(factors.shape[-2:])))


def packed_lu_rule(g: Node, factors: Node, order: Node) -> Node:
    """The gradient of A from that of its packed factors."""
    k = min(factors.shape[-2:])
    gl, gu = lower(columns_part(g, 0, k), -1), upper(rows_part(g, 0, k))
    found = lu_rule(gl, gu, unit_lower(factors), upper_factor(factors), order)
    assert found is not None
    return found


def _lu_factor_rule(g: tuple, out: Node, a: Node) -> Node | None:
    if g[0] is None:
        return None
    return packed_lu_rule(g[0], PICK(out, 0), PICK(out, 1).pivot_order(a.shape[-2]))


lu_factor = Primitive(
    "lu_factor",
    "(LU, pivots, info): L below the diagonal and U above it, row swaps counted from 1.",
    kind=OPAQUE,
    shape=lambda a: (a.shape, (*a.shape[:-2], min(a.shape[-2:])), a.shape[:-2]),
    dtype=lambda a: (a.dtype, int32, int32),
    numpy=_lu_factor,
    vjp=_lu_factor_rule,
    samples=(
        call(Array((3, 3), 0, 4)),
        call(Array((2, 2, 4), 0, 4)),
        call(Array((4, 2), 0, 4)),
        call(Array((3, 3), dtype="complex128")),
    ),
)


def _pivot_order(np: Any, pivots: Any, m: int) -> Any:
    lead = pivots.shape[:-1]
    order = np.empty((*lead, m), np.int64)
    order[...] = np.arange(m)
    for i in range(pivots.shape[-1]):
        other = pivots[..., i, None].astype(np.int64) - 1
        here = order[..., i, None].copy()
        order[..., i, None] = np.take_along_axis(order, other, -1)
        np.put_along_axis(order, other, here, -1)
    return order


pivot_order = Primitive(
    "pivot_order",
    "The order that m rows have after LAPACK's row swaps (counted from 1), one after another.",
    kind=OPAQUE,
    shape=lambda pivots, m: (*pivots.shape[:-1], m),
    dtype=lambda pivots, m: int64,
    numpy=_pivot_order,
    samples=(call(Array((2, 3), 3, 3, "int64"), params=(4,)),),
)

# ---------------------------------------------------------------- Cholesky


def _cholesky(np: Any, a: Any) -> tuple:
    none = np.zeros(a.shape[:-2], np.int32)
    try:
        found, info = np.linalg.cholesky(a), none
    except np.linalg.LinAlgError:
        (potrf,) = lapack(("potrf",), a)
        rule = lambda a: potrf(a, lower=1, clean=1)
        found, info = each_matrix(np, rule, (a,), ((a.shape[-2:], a.dtype), ((), np.int32)))
    if not a.shape[-1]:
        return found, info
    bad = np.isnan(np.diagonal(found, axis1=-2, axis2=-1))  # which LAPACK does not always report
    return found, np.where((info == 0) & bad.any(-1), bad.argmax(-1) + 1, info)


def cholesky_rule(g: Node, l: Node) -> Node:
    """The gradient of A = L L^H from that of L; both triangles have their share."""
    below = lower(adjoint(l) @ g, -1)
    inner = with_diagonal(below + adjoint(below), main_diagonal(adjoint(l) @ g)) * 0.5
    left = solve_triangular(adjoint(l), inner, True, False)
    return adjoint(solve_triangular(adjoint(l), adjoint(left), True, False))


cholesky = Primitive(
    "cholesky",
    "(L, info) with A = L L^H; A's lower triangle is read. info is the order of the first minor that is not positive.",
    kind=OPAQUE,
    shape=lambda a: (a.shape, a.shape[:-2]),
    dtype=lambda a: (a.dtype, int32),
    numpy=_cholesky,
    vjp=lambda g, out, a: cholesky_rule(g[0], PICK(out, 0)),
    samples=(call(Array((1, 1), 1, 2)), call(Array((2, 1, 1), 1, 2)), call((0, 0))),
)

# ---------------------------------------------------------------- QR


def _qr(np: Any, a: Any, complete: bool) -> tuple:
    return tuple(np.linalg.qr(a, "complete" if complete else "reduced"))


def qr_rule(gq: Node | None, gr: Node | None, q: Node, r: Node) -> Node | None:
    """The gradient of A = Q R. Of a wide A the columns beyond the square determine columns of R alone."""
    if gq is None and gr is None:
        return None
    k, n = r.shape[-2:]
    gq = q * 0 if gq is None else gq
    gr = r * 0 if gr is None else gr
    if n == k:
        return _square_qr_rule(gq, gr, q, r)
    beyond, gbeyond = columns_part(r, k, n), columns_part(gr, k, n)
    gq = gq + q @ beyond @ adjoint(gbeyond)
    first = _square_qr_rule(gq, columns_part(gr, 0, k), q, columns_part(r, 0, k))
    return concat((first, q @ gbeyond), len(r.shape) - 1)


def _square_qr_rule(gq: Node, gr: Node, q: Node, r: Node) -> Node:
    inner = upper(gr @ adjoint(r) - adjoint(q) @ gq)
    return _over(q @ hermitian_of(inner) + gq, r)


def _qr_sizes(a: Node, complete: bool) -> tuple:
    m, n = a.shape[-2:]
    k = m if complete else min(m, n)
    lead = a.shape[:-2]
    return (*lead, m, k), (*lead, k, n)


qr = Primitive(
    "qr",
    "(Q, R) with A = Q R: Q's columns are orthonormal, R is upper triangular.",
    kind=OPAQUE,
    shape=_qr_sizes,
    dtype=lambda a, complete: (a.dtype, a.dtype),
    numpy=_qr,
    vjp=lambda g, out, a, complete: qr_rule(g[0], g[1], PICK(out, 0), PICK(out, 1)),
    samples=(
        call((3, 3), params=(False,)),
        call((2, 4, 2), params=(False,)),
        call((2, 4), params=(True,)),
        call(Array((3, 2), dtype="complex128"), params=(False,)),
    ),
)


def _geqrf(np: Any, a: Any) -> tuple:
    (geqrf,) = lapack(("geqrf",), a)
    m, n = a.shape[-2:]
    return each_matrix(np, lambda a: geqrf(a)[:2], (a,), (((m, n), a.dtype), ((min(m, n),), a.dtype)))


geqrf = Primitive(
    "geqrf",
    "(a, tau): R above the diagonal, and below it the vectors of the Householder reflections that make Q.",
    kind=OPAQUE,
    shape=lambda a: (a.shape, (*a.shape[:-2], min(a.shape[-2:]))),
    dtype=lambda a: (a.dtype, a.dtype),
    numpy=_geqrf,
    samples=(call((2, 4, 3)), call((2, 3))),
)


def reflected(a: Node, tau: Node, c: Node, adjointly: bool) -> Node:
    """Q C (or Q^H C), Q = H_1 ... H_k the product of reflections I - tau_i v_i v_i^H; v_i is column i of `a`.

    In closed form Q = I - V T V^H with T = (I + diag(tau) N)^-1 diag(tau), N the strictly upper part of V^H V.
    """
    m, k = a.shape[-2], tau.shape[-1]
    v = lower(columns_part(a, 0, k), -1) + identity(m, k, a.dtype)
    scale = column_of(tau)
    inner = scale * upper(adjoint(v) @ v, 1) + identity(k, k, a.dtype)
    along = adjoint(v) @ c
    if adjointly:
        turned = scale.conj() * solve_triangular(adjoint(inner), along, False, True)
    else:
        turned = solve_triangular(inner, scale * along, True, True)
    return c - v @ turned


# ---------------------------------------------------------------- LDL


def _sytrf(np: Any, a: Any, hermitian: bool) -> tuple:
    name = "hetrf" if hermitian and a.dtype.kind == "c" else "sytrf"
    (factor,) = lapack((name,), a)
    m, n = a.shape[-2:]

    def rule(a: Any) -> tuple:
        factors, pivots, info = factor(a, lower=1)
        return np.tril(factors), pivots, info

    return each_matrix(np, rule, (a,), (((m, n), a.dtype), ((n,), np.int32), ((), np.int32)))


ldl_factor = Primitive(
    "ldl_factor",
    "(LD, pivots, info): A = P L D L^T P^T with D of blocks of one and two; L and D packed in the lower triangle.",
    kind=OPAQUE,
    shape=lambda a, hermitian: (a.shape, a.shape[:-1], a.shape[:-2]),
    dtype=lambda a, hermitian: (a.dtype, int32, int32),
    numpy=_sytrf,
    samples=(call((3, 3), params=(False,)), call(Array((2, 2, 2), dtype="complex128"), params=(True,))),
)


def _ldl_solve(np: Any, factors: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    name = "hetrs" if hermitian and factors.dtype.kind == "c" else "sytrs"
    (backward,) = lapack((name,), factors)

    def rule(a: Any, pivots: Any, b: Any) -> tuple:
        return (backward(a, pivots[:, 0], b, lower=1)[0],)

    return each_matrix(np, rule, (factors, pivots[..., None], b), ((b.shape[-2:], b.dtype),))[0]


ldl_solve = Primitive(
    "ldl_solve",
    "X with A X = B, A given by ldl_factor's LD and pivots.",
    kind=OPAQUE,
    arity=3,
    shape=lambda factors, pivots, b, hermitian: (*broadcast(factors.shape[:-2], b.shape[:-2]), *b.shape[-2:]),
    numpy=_ldl_solve,
)
