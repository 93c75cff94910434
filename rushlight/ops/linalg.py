"""Linear systems: solve, triangular solve, determinants, least squares, the matrix exponential.

Every primitive takes batches in the leading dimensions. None raises on singular input: those that can fail give an
`info` (int32, 0 for success, else LAPACK's) beside their results, which functions/ reads. NumPy's batched routines run
where they suffice; LAPACK through SciPy, matrix by matrix, where they do not. Factorizations are in factorizations.py,
eigenvalues and singular values in spectra.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..dtypes import int32, int64
from ..graph.node import Node
from ..graph.registry import OPAQUE, PICK, Primitive
from ..shapes import broadcast
from .contraction import transposed
from .matrices import adjoint, column_of, columns_part, identity, lower, rows_part, upper
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


def _cholesky_solve(np: Any, b: Any, factor: Any, is_upper: bool) -> Any:
    back = np.conj(np.swapaxes(factor, -1, -2))
    first, second = (back, factor) if is_upper else (factor, back)
    half = _solve_triangular(np, first, b, False, False)
    return _solve_triangular(np, second, half, True, False)


def factor_gradient(inner: Node, factor: Node, is_upper: bool) -> Node:
    """What a Cholesky factor gets from -`inner`, the gradient of A: the whole matrix, also beyond its triangle."""
    both = inner + adjoint(inner)
    return -(factor @ both) if is_upper else -(both @ factor)


def cholesky_solve_rule(g: Node, x: Node, factor: Node, needs: tuple, is_upper: bool) -> tuple:
    """Gradients of B and of the factor from that of X."""
    gb = cholesky_solve(g, factor, is_upper)
    return gb, factor_gradient(gb @ adjoint(x), factor, is_upper) if needs[1] else None


cholesky_solve = Primitive(
    "cholesky_solve",
    "X with A X = B, A given by its lower Cholesky factor, or by the upper one.",
    kind=OPAQUE,
    arity=2,
    shape=lambda b, factor, is_upper: (*_lead(factor, b), *b.shape[-2:]),
    numpy=_cholesky_solve,
    vjp=(
        lambda g, out, b, factor, up: cholesky_solve_rule(g, out, factor, (True, False), up)[0],
        lambda g, out, b, factor, up: cholesky_solve_rule(g, out, factor, (True, True), up)[1],
    ),
    samples=(
        call((1, 2), Array((1, 1), 1, 2), params=(False,)),
        call((2, 1, 1), Array((1, 1), 1, 2), params=(True,)),
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
    samples=(
        call(Array((3, 3), 0, 4)),
        call((2, 1, 1)),
        call((0, 0)),
        call(Array((2, 2), dtype="complex128")),
    ),
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

# ---------------------------------------------------------------- least squares


def _lstsq(np: Any, a: Any, b: Any, rcond: float | None, driver: str) -> tuple:
    m, n = a.shape[-2:]
    k, real = b.shape[-1], a.real.dtype
    rule = _gels(np, a) if driver == "gels" else _lstsq_of_scipy(np, a, rcond, driver)
    results = (((n, k), a.dtype), ((k,), real), ((), np.int64), ((min(m, n),), real))
    return each_matrix(np, rule, (a, b), results)


def _gels(np: Any, a: Any) -> Callable:
    """For matrices of full rank."""
    gels, gels_lwork = lapack(("gels", "gels_lwork"), a)
    m, n = a.shape[-2:]

    def rule(a: Any, b: Any) -> tuple:
        tall = np.zeros((max(m, n), b.shape[-1]), b.dtype)
        tall[:m] = b
        work = int(np.real(gels_lwork(m, n, b.shape[-1])[0]))
        _, found, _ = gels(a, tall, lwork=work)
        return found[:n], np.sum(np.abs(found[n:]) ** 2, 0), min(m, n), 0

    return rule


def _lstsq_of_scipy(np: Any, a: Any, rcond: float | None, driver: str) -> Callable:
    from scipy.linalg import lstsq

    def rule(a: Any, b: Any) -> tuple:
        found, residues, rank, singular = lstsq(a, b, rcond, lapack_driver=driver, check_finite=False)
        return found, residues if residues.size else 0, rank, 0 if singular is None else singular

    return rule


lstsq = Primitive(
    "lstsq",
    "(X, residuals, rank, singular values) for the least ||A X - B||; by LAPACK's gels, gelsy, gelsd or gelss.",
    kind=OPAQUE,
    arity=2,
    shape=lambda a, b, rcond, driver: (
        (*_lead(a, b), a.shape[-1], b.shape[-1]),
        (*_lead(a, b), b.shape[-1]),
        _lead(a, b),
        (*_lead(a, b), min(a.shape[-2:])),
    ),
    dtype=lambda a, b, rcond, driver: (a.dtype, a.dtype.to_real(), int64, a.dtype.to_real()),
    numpy=_lstsq,
    samples=tuple(
        call((2, 4, 3), (2, 4, 2), params=(None, driver)) for driver in ("gels", "gelsy", "gelsd", "gelss")
    ),
)

# ---------------------------------------------------------------- exponential


def _matrix_exp(np: Any, a: Any) -> Any:
    from scipy.linalg import expm

    # The scaling and squaring lose digits: single precision is computed in double.
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    return expm(a.astype(wide)) if a.size else np.zeros(a.shape, a.dtype)


def _matrix_exp_rule(g: Node, out: Node, a: Node) -> Node:
    # exp([[A^H, G], [0, A^H]]) has in its upper right block the derivative of exp at A^H along G.
    n, rows, columns = a.shape[-1], len(a.shape) - 2, len(a.shape) - 1
    back = adjoint(a)
    top = concat((back, g), columns)
    bottom = concat((g * 0, back), columns)
    return columns_part(rows_part(concat((top, bottom), rows).matrix_exp(), 0, n), n, 2 * n)


matrix_exp = Primitive(
    "matrix_exp",
    "The sum of A^k / k!.",
    kind=OPAQUE,
    shape=lambda a: a.shape,
    numpy=_matrix_exp,
    vjp=_matrix_exp_rule,
    grad_name="LinalgMatrixExpBackward0",
    samples=(call((3, 3)), call(Array((2, 2, 2), dtype="complex128")), call((0, 0))),
)
