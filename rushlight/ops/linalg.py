"""Linear systems and triangular factorizations: solve, det, LU, Cholesky, QR, LDL, the matrix exponential.

Every primitive takes batches in the leading dimensions. None raises on singular input: those that can fail give an
`info` (int32, 0 for success, else LAPACK's) beside their results, which functions/ reads. NumPy's batched routines run
where they suffice; LAPACK through SciPy, matrix by matrix, where packed factors or `info` are wanted. Eigenvalues and
singular values are in spectra.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..dtypes import int32, int64
from ..graph.node import Node
from ..graph.registry import OPAQUE, PICK, Primitive
from ..shapes import broadcast
from .contraction import transposed
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

# ---------------------------------------------------------------- LAPACK, matrix by matrix


def lapack(names: Sequence[str], *arrays: Any) -> list[Callable]:
    """LAPACK routines for the arrays' dtype."""
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs(names, arrays)


def each_matrix(np: Any, rule: Callable, inputs: Sequence[Any], results: Sequence[tuple]) -> tuple:
    """`rule` on the matrices of a batch; `results` are (core shape, dtype). Nothing is called for empty matrices."""
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in inputs))
    inputs = [np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in inputs]
    made = tuple(np.zeros((*lead, *shape), dtype) for shape, dtype in results)
    if all(x.size for x in inputs):
        for at in np.ndindex(*lead):
            for out, value in zip(made, rule(*[x[at] for x in inputs])):
                out[at] = value
    return made


def _lead(a: Node, b: Node) -> tuple[int, ...]:
    return broadcast(a.shape[:-2], b.shape[:-2])


# ---------------------------------------------------------------- A X = B


def _solve(np: Any, a: Any, b: Any) -> tuple:
    none = np.zeros(a.shape[:-2], np.int32)
    if not (a.size and b.size):
        return np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype), none
    try:
        if a.ndim == 2 and b.ndim > 2:
            return _solve_many(np, a, b), none
        return np.linalg.solve(a, b), none
    except np.linalg.LinAlgError:
        return _solve_each(np, a, b)


def _solve_many(np: Any, a: Any, b: Any) -> Any:
    """One matrix for a batch of right sides, which become columns."""
    lead, (n, k) = b.shape[:-2], b.shape[-2:]
    columns = np.moveaxis(b.reshape(-1, n, k), 0, 1).reshape(n, -1)
    found = np.linalg.solve(a, columns).reshape(n, -1, k)
    return np.moveaxis(found, 0, 1).reshape(*lead, n, k)


def _solve_each(np: Any, a: Any, b: Any) -> tuple:
    """With a singular matrix in the batch: infinities where it is divided by 0, and its info."""
    getrf, getrs = lapack(("getrf", "getrs"), a)

    def rule(a: Any, b: Any) -> tuple:
        factors, pivots, _ = getrf(a)
        return (getrs(factors, pivots, b)[0],)

    infos = each_matrix(np, lambda a: (getrf(a)[2],), (a,), (((), np.int32),))
    return each_matrix(np, rule, (a, b), ((b.shape[-2:], b.dtype),)) + infos


def solution(a: Node, b: Node) -> Node:
    """X with A X = B; infinite or NaN where A is singular."""
    return PICK(solve(a, b), 0)


def inverse(a: Node) -> Node:
    """The inverse of A; infinite or NaN where A is singular."""
    return solution(a, identity(a.shape[-1], a.shape[-1], a.dtype))


def solve_rule(g: Node, x: Node, a: Node, needs: tuple) -> tuple:
    """Gradients of A and B from that of X."""
    gb = solution(adjoint(a), g)
    return -(gb @ adjoint(x)) if needs[0] else None, gb


solve = Primitive(
    "solve",
    "(X, info) with A X = B for square A; info is the number of the first pivot that is 0.",
    kind=OPAQUE,
    arity=2,
    shape=lambda a, b: ((*_lead(a, b), *b.shape[-2:]), a.shape[:-2]),
    dtype=lambda a, b: (a.dtype, int32),
    numpy=_solve,
    vjp=(
        lambda g, out, a, b: solve_rule(g[0], PICK(out, 0), a, (True, True))[0],
        lambda g, out, a, b: solve_rule(g[0], PICK(out, 0), a, (False, True))[1],
    ),
    samples=(
        call(Array((3, 3), 0, 4), (3, 2)),
        call(Array((2, 3, 3), 0, 4), (3, 1)),
        call(Array((3, 3), 0, 4), (2, 3, 1)),
        call((0, 0), (0, 2)),
        call(Array((2, 2), dtype="complex128"), Array((2, 1), dtype="complex128")),
    ),
)


def _solve_triangular(np: Any, a: Any, b: Any, is_upper: bool, unit: bool) -> Any:
    from scipy.linalg import get_blas_funcs

    (trsm,) = get_blas_funcs(("trsm",), (a,))
    rule = lambda a, b: (trsm(1.0, a, b, lower=not is_upper, diag=unit),)
    return each_matrix(np, rule, (a, b), ((b.shape[-2:], b.dtype),))[0]


def solve_triangular_rule(g: Node, x: Node, a: Node, needs: tuple, is_upper: bool, unit: bool) -> tuple:
    """Gradients of A and B from that of X; only A's own triangle has one."""
    gb = solve_triangular(adjoint(a), g, not is_upper, unit)
    if not needs[0]:
        return None, gb
    triangle = upper if is_upper else lower
    beyond = int(unit) if is_upper else -int(unit)
    return triangle(-(gb @ adjoint(x)), beyond), gb


solve_triangular = Primitive(
    "solve_triangular",
    "X with A X = B, where only A's upper (or lower) triangle is read, and with `unit` ones for its diagonal.",
    kind=OPAQUE,
    arity=2,
    shape=lambda a, b, *_: (*_lead(a, b), *b.shape[-2:]),
    numpy=_solve_triangular,
    vjp=(
        lambda g, out, a, b, *p: solve_triangular_rule(g, out, a, (True, True), *p)[0],
        lambda g, out, a, b, *p: solve_triangular_rule(g, out, a, (False, True), *p)[1],
    ),
    samples=(
        call(Array((3, 3), 1, 2), (3, 2), params=(True, False)),
        call(Array((2, 3, 3), 1, 2), (3, 2), params=(False, False)),
        call(Array((3, 3), 1, 2), (2, 3, 1), params=(False, True)),
    ),
)

# ---------------------------------------------------------------- determinants


def _cofactors(np: Any, a: Any) -> Any:
    if not a.size:
        return np.zeros(a.shape, a.dtype)
    try:
        found = np.linalg.inv(a) * np.linalg.det(a)[..., None, None]
    except np.linalg.LinAlgError:
        found = _cofactors_of_singular(np, a)
    return np.swapaxes(found, -1, -2)


def _cofactors_of_singular(np: Any, a: Any) -> Any:
    """The adjugate: singular values taken out one at a time leave something where one of them is 0."""
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.repeat(s[..., None, :], n, -2)
    others[..., np.arange(n), np.arange(n)] = 1
    turn = np.linalg.det(u @ vh)[..., None, None]
    left = np.conj(np.swapaxes(vh, -1, -2)) * np.prod(others, -1)[..., None, :]
    return left @ np.conj(np.swapaxes(u, -1, -2)) * turn


def _cofactors_rule(g: Node, out: Node, a: Node) -> Node:
    # C = det(A) A^-T, so dC = tr(A^-1 dA) C - C dA^T A^-T.
    back = inverse(a).conj()  # of the conjugate, transposed where it is used
    held = out.conj()
    along = (g * held).sum((len(a.shape) - 2, len(a.shape) - 1), True)
    return along * transposed(back) - transposed(back) @ transposed(g) @ held


cofactors = Primitive(
    "cofactors",
    "The signed minors of square A: the derivative of its determinant; also where A is singular.",
    kind=OPAQUE,
    shape=lambda a: a.shape,
    numpy=_cofactors,
    vjp=_cofactors_rule,
    samples=(call(Array((3, 3), 0, 4)), call(Array((2, 2, 2), dtype="complex128"))),
)
det = Primitive(
    "det",
    "The determinant.",
    kind=OPAQUE,
    shape=lambda a: a.shape[:-2],
    numpy=lambda np, a: np.linalg.det(a),
    vjp=lambda g, out, a: column_of(column_of(g)) * cofactors(a).conj(),
    grad_name="LinalgDetBackward0",
    samples=(call(Array((3, 3), 0, 4)), call((2, 1, 1)), call((0, 0)), call(Array((2, 2), dtype="complex128"))),
)


def slogdet_rule(g: tuple, sign: Node, a: Node) -> Node:
    """The gradient of A from those of sign and log|det|: a turn of the sign counts only for complex numbers."""
    turn, grow = g
    weight = None if grow is None else grow.cast(a.dtype)
    if turn is not None and a.dtype.is_complex:
        turning = (turn * sign.conj()).imag().cast(a.dtype) * 1j
        weight = turning if weight is None else weight + turning
    if weight is None:
        return a * 0
    return column_of(column_of(weight)) * adjoint(inverse(a))


slogdet = Primitive(
    "slogdet",
    "(sign, log|det|); a singular matrix has sign 0 and -inf.",
    kind=OPAQUE,
    shape=lambda a: (a.shape[:-2], a.shape[:-2]),
    dtype=lambda a: (a.dtype, a.dtype.to_real()),
    numpy=lambda np, a: tuple(np.linalg.slogdet(a)),
    vjp=lambda g, out, a: slogdet_rule(g, PICK(out, 0), a),
    samples=(call(Array((3, 3), 0, 4)), call((0, 0)), call(Array((2, 2, 2), dtype="complex128"))),
)

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
    try:
        return np.linalg.cholesky(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        (potrf,) = lapack(("potrf",), a)
        return each_matrix(
            np, lambda a: potrf(a, lower=1, clean=1), (a,), ((a.shape[-2:], a.dtype), ((), np.int32))
        )


def cholesky_rule(g: Node, l: Node) -> Node:
    """The gradient of A = L L^H from that of L; Hermitian, both triangles having their share."""
    inner = hermitian_of(lower(adjoint(l) @ g)) * 0.5
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
    vjp=lambda g, out, a, complete: qr_rule(*g, PICK(out, 0), PICK(out, 1)),
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
        return np.tril(factors), _counted_from_one(np, pivots), info

    return each_matrix(np, rule, (a,), (((m, n), a.dtype), ((n,), np.int32), ((), np.int32)))


def _counted_from_one(np: Any, pivots: Any) -> Any:
    """LAPACK's own pivots, negative ones for blocks of two; SciPy hands them on as they are."""
    return pivots


ldl_factor = Primitive(
    "ldl_factor",
    "(LD, pivots, info): A = P L D L^T P^T with D of blocks of one and two; L and D packed in the lower triangle.",
    kind=OPAQUE,
    shape=lambda a, hermitian: (a.shape, a.shape[:-1], a.shape[:-2]),
    dtype=lambda a, hermitian: (a.dtype, int32, int32),
    numpy=_sytrf,
    samples=(call((3, 3), params=(False,)), call(Array((2, 2, 2), dtype="complex128"), params=(True,))),
)
