"""Eigenvalues and singular values.

Vectors are defined up to a factor of size 1 (a sign, for real matrices). A loss must not depend on it; for complex
matrices its gradient is then the one given here, and where it does depend on it an error says so when the gradient is
computed. Results that did not converge are NaN, with a non-zero `info`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dtypes import DType, int32
from ..graph.node import Node, constant
from ..graph.registry import OPAQUE, PICK, Primitive
from ..shapes import broadcast_all
from .elementwise import complex_
from .linalg import each_matrix, solution
from .matrices import (
    adjoint,
    column_of,
    columns_part,
    identity,
    main_diagonal,
    of_diagonal,
    row_of,
    rows_part,
    with_diagonal,
)
from .samples import Array, call

PHASE_TOLERANCE = 1e-2


def _converging(np: Any, rule: Callable, a: Any) -> tuple:
    """(*results, info) of a NumPy routine for the whole batch, or for those matrices that it can do."""
    try:
        return (*rule(a), np.zeros(a.shape[:-2], np.int32))
    except np.linalg.LinAlgError:
        pass
    shapes = [((*x.shape,), x.dtype) for x in rule(np.zeros(a.shape[-2:], a.dtype))]

    def one(a: Any) -> tuple:
        try:
            return (*rule(a), 0)
        except np.linalg.LinAlgError:
            return (*(np.nan for _ in shapes), 1)

    return each_matrix(np, one, (a,), (*shapes, ((), np.int32)))


def _without_phase(inner: Node, turning: Node, what: str) -> Node:
    """`inner` itself; at run time an error when `turning`, how the loss changes with the vectors' phases, is not 0."""
    if not inner.dtype.is_complex:
        return inner
    message = (
        f"{what} in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss function "
        "depends on this quantity, so it is ill-defined."
    )
    still = turning.within(-PHASE_TOLERANCE, PHASE_TOLERANCE, True, "RuntimeError", message)
    d = main_diagonal(inner)
    return with_diagonal(inner, complex_(d.real(), d.imag() + (still - turning)))


def _gaps(values: Node) -> Node:
    """values[j] - values[i] at (i, j), and 1 where i = j, which nothing is divided by."""
    found = row_of(values) - column_of(values)
    return with_diagonal(found, main_diagonal(found) + 1)


# ---------------------------------------------------------------- Hermitian matrices


def _eigh(np: Any, a: Any, uplo: str) -> tuple:
    return _converging(np, lambda a: tuple(np.linalg.eigh(a, uplo)), a)


def eigh_rule(gw: Node | None, gv: Node | None, w: Node, v: Node) -> Node | None:
    """The gradient of A = V diag(w) V^H: Hermitian, both triangles having their share."""
    if gv is None:
        return None if gw is None else (v * row_of(gw.cast(v.dtype))) @ adjoint(v)
    inner = adjoint(v) @ gv
    if inner.dtype.is_complex:
        turning = main_diagonal(inner).imag()
        inner = _without_phase(inner, turning, "linalg_eigh_backward: The eigenvectors")
    inner = inner / _gaps(w).cast(v.dtype)
    along = w * 0 if gw is None else gw
    found = v @ with_diagonal(inner, along.cast(v.dtype)) @ adjoint(v)
    return (found + adjoint(found)) * 0.5


eigh = Primitive(
    "eigh",
    "(eigenvalues, ascending; eigenvectors as columns; info) of a Hermitian matrix given by one triangle, L or U.",
    kind=OPAQUE,
    shape=lambda a, uplo: (a.shape[:-1], a.shape, a.shape[:-2]),
    dtype=lambda a, uplo: (a.dtype.to_real(), a.dtype, int32),
    numpy=_eigh,
    vjp=lambda g, out, a, uplo: eigh_rule(g[0], g[1], PICK(out, 0), PICK(out, 1)),
    samples=(call((1, 1), params=("L",)), call((2, 1, 1), params=("U",)), call((0, 0), params=("L",))),
)


def _eigvalsh(np: Any, a: Any, uplo: str) -> tuple:
    return _converging(np, lambda a: (np.linalg.eigvalsh(a, uplo),), a)


eigvalsh = Primitive(
    "eigvalsh",
    "(eigenvalues, info) of a Hermitian matrix; the gradient computes the eigenvectors.",
    kind=OPAQUE,
    shape=lambda a, uplo: (a.shape[:-1], a.shape[:-2]),
    dtype=lambda a, uplo: (a.dtype.to_real(), int32),
    numpy=_eigvalsh,
    vjp=lambda g, out, a, uplo: eigh_rule(g[0], None, PICK(out, 0), PICK(eigh(a, uplo), 1)),
    samples=(call((1, 1), params=("L",)),),
)

# ---------------------------------------------------------------- any square matrix


def _eig(np: Any, a: Any) -> tuple:
    return _converging(np, lambda a: tuple(np.linalg.eig(a)), a)


def eig_rule(gw: Node | None, gv: Node | None, w: Node, v: Node) -> Node | None:
    """The gradient of A with A V = V diag(w), the columns of V having length 1."""
    if gw is None and gv is None:
        return None
    if gv is None:
        inner = of_diagonal(gw)  # type: ignore[arg-type]
    else:
        inner = adjoint(v) @ gv
        turning = main_diagonal(inner).imag()
        inner = _without_phase(inner, turning, "linalg_eig_backward: The eigenvectors")
        # A column keeps its length: what its gradient has along it changes nothing.
        kept = main_diagonal(inner).real().cast(v.dtype)
        inner = (inner - (adjoint(v) @ v) * row_of(kept)) / _gaps(w).conj()
        inner = with_diagonal(inner, w * 0 if gw is None else gw)
    return solution(adjoint(v), inner @ adjoint(v))


eig = Primitive(
    "eig",
    "(eigenvalues, eigenvectors as columns, info) of a square matrix: complex.",
    kind=OPAQUE,
    shape=lambda a: (a.shape[:-1], a.shape, a.shape[:-2]),
    dtype=lambda a: (a.dtype.to_complex(), a.dtype.to_complex(), int32),
    numpy=_eig,
    vjp=lambda g, out, a: eig_rule(g[0], g[1], PICK(out, 0), PICK(out, 1)),
    samples=(call((3, 3), grad=False), call((0, 0))),
)
eigvals = Primitive(
    "eigvals",
    "(eigenvalues, info) of a square matrix: complex; the gradient computes the eigenvectors.",
    kind=OPAQUE,
    shape=lambda a: (a.shape[:-1], a.shape[:-2]),
    dtype=lambda a: (a.dtype.to_complex(), int32),
    numpy=lambda np, a: _converging(np, lambda a: (np.linalg.eigvals(a),), a),
    vjp=lambda g, out, a: eig_rule(g[0], None, PICK(out, 0), PICK(eig(a), 1)),
    samples=(call(Array((3, 3), distinct=True)), call(Array((2, 2, 2), dtype="complex128"))),
)

# ---------------------------------------------------------------- singular values


def _svd(np: Any, a: Any, full: bool) -> tuple:
    return _converging(np, lambda a: tuple(np.linalg.svd(a, full)), a)


def _skew(x: Node) -> Node:
    return x - adjoint(x)


def svd_rule(gu: Node | None, gs: Node | None, gvh: Node | None, u: Node, s: Node, vh: Node) -> Node | None:
    """The gradient of A = U diag(s) Vh. Columns of U and rows of Vh beyond the singular values have none."""
    (m, n), k = (u.shape[-2], vh.shape[-1]), s.shape[-1]
    gu = None if gu is None else columns_part(gu, 0, k)
    gvh = None if gvh is None else rows_part(gvh, 0, k)
    u, vh = columns_part(u, 0, k), rows_part(vh, 0, k)
    if gu is None and gvh is None:
        return None if gs is None else (u * row_of(gs.cast(u.dtype))) @ vh
    sizes = s.cast(u.dtype)
    left = None if gu is None else adjoint(u) @ gu
    right = None if gvh is None else adjoint(gvh @ adjoint(vh))  # V^H gV, with gV = gvh^H
    inner = _svd_core(left, right, s)
    inner = with_diagonal(inner, _svd_diagonal(gs, left, right, s, u.dtype))
    if m <= n or gu is None:
        found = (u @ inner) @ vh
    else:
        # What of gu is not in the span of U.
        beyond = (gu - u @ left) / row_of(sizes)  # type: ignore[operator]
        found = (u @ inner + beyond) @ vh
    if n > m and gvh is not None:
        along = gvh - adjoint(right) @ vh  # type: ignore[arg-type]
        found = found + (u / row_of(sizes)) @ along
    return found


def _svd_core(left: Node | None, right: Node | None, s: Node) -> Node:
    """The part of the gradient between different singular values, in their coordinates."""
    squares = _gaps(s * s).cast((left if left is not None else right).dtype)  # type: ignore[union-attr]
    parts = []
    if left is not None:
        parts.append(_skew(left) / squares * row_of(s.cast(left.dtype)))
    if right is not None:
        parts.append(column_of(s.cast(right.dtype)) * (_skew(right) / squares))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _svd_diagonal(gs: Node | None, left: Node | None, right: Node | None, s: Node, dtype: Any) -> Node:
    """The gradient of the singular values; for complex matrices also of the phases that U and V share."""
    along = (s * 0 if gs is None else gs).cast(dtype)
    if not dtype.is_complex:
        return along
    turns = [main_diagonal(x).imag() for x in (left, right) if x is not None]
    total = turns[0] if len(turns) == 1 else turns[0] + turns[1]
    message = (
        "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. The "
        "specified loss function depends on this phase term, making it ill-defined."
    )
    still = total.within(-PHASE_TOLERANCE, PHASE_TOLERANCE, True, "RuntimeError", message)
    if left is None:
        return complex_(along.real(), still * 0)
    return along + ((turns[0] + (still - total)) / s).cast(dtype) * 1j


def _svd_sizes(a: Node, full: bool) -> tuple:
    m, n = a.shape[-2:]
    k, lead = min(m, n), a.shape[:-2]
    return (*lead, m, m if full else k), (*lead, k), (*lead, n if full else k, n), lead


svd = Primitive(
    "svd",
    "(U, singular values in descending order, V^H, info): A = U diag(s) V^H.",
    kind=OPAQUE,
    shape=_svd_sizes,
    dtype=lambda a, full: (a.dtype, a.dtype.to_real(), a.dtype, int32),
    numpy=_svd,
    vjp=lambda g, out, a, full: svd_rule(*g[:3], *(PICK(out, i) for i in range(3))),
    samples=(
        call((3, 3), params=(False,)),
        call((2, 4, 2), params=(False,)),
        call((2, 4), params=(False,)),
        call((0, 2), params=(True,)),
    ),
)
svdvals = Primitive(
    "svdvals",
    "(singular values in descending order, info); the gradient computes the vectors.",
    kind=OPAQUE,
    shape=lambda a: ((*a.shape[:-2], min(a.shape[-2:])), a.shape[:-2]),
    dtype=lambda a: (a.dtype.to_real(), int32),
    numpy=lambda np, a: _converging(np, lambda a: (np.linalg.svd(a, compute_uv=False),), a),
    vjp=lambda g, out, a: svdvals_rule(g[0], a),
    samples=(call((3, 4)), call(Array((2, 2, 2), dtype="complex128"))),
)


def svdvals_rule(g: Node | None, a: Node) -> Node | None:
    """The gradient of A from that of its singular values."""
    found = svd(a, False)
    return svd_rule(None, g, None, *(PICK(found, i) for i in range(3)))


# ---------------------------------------------------------------- pseudo-inverse


def machine_epsilon(dtype: DType) -> float:
    """The distance from 1 to the next number of float32 or float64 (or of their complex numbers)."""
    return 2.0**-23 if dtype.to_real().name == "float32" else 2.0**-52


def _pinv(np: Any, a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    m, n = a.shape[-2:]
    if not a.size:
        return np.zeros((*a.shape[:-2], n, m), a.dtype)
    if hermitian:
        values, v, _ = _eigh(np, a, "L")
        left = right = v
    else:
        left, values, vh, _ = _svd(np, a, False)
        right = np.conj(np.swapaxes(vh, -1, -2))
    sizes = np.abs(values)
    kept = sizes > np.maximum(atol, rtol * sizes.max(-1))[..., None]
    turned = np.where(kept, 1 / np.where(kept, values, 1), 0)[..., None, :]
    return (right * turned) @ np.conj(np.swapaxes(left, -1, -2))


def pinv_rule(g: Node, p: Node, a: Node) -> Node:
    """The gradient of A from that of its pseudo-inverse P, after Golub and Pereyra (1973), for constant rank."""
    (m, n), ph, gh = a.shape[-2:], adjoint(p), adjoint(g)
    beyond_rows = (identity(m, m, a.dtype) - a @ p) @ gh @ (p @ ph)
    beyond_columns = (ph @ p) @ gh @ (identity(n, n, a.dtype) - p @ a)
    return beyond_rows + beyond_columns - ph @ g @ ph


pinv = Primitive(
    "pinv",
    "The pseudo-inverse over the singular values above max(atol, rtol * largest).",
    kind=OPAQUE,
    arity=3,
    shape=lambda a, atol, rtol, hermitian: (
        *broadcast_all((a.shape[:-2], atol.shape, rtol.shape)),
        a.shape[-1],
        a.shape[-2],
    ),
    numpy=_pinv,
    vjp=(lambda g, out, a, atol, rtol, hermitian: pinv_rule(g, out, a), None, None),
    grad_name="LinalgPinvBackward0",
    samples=(
        call((3, 2), Array((), 0, 0), Array((), 0, 0), params=(False,), grad=False),
        call((2, 2, 3), Array((2,), 0, 0), Array((), 0, 0), params=(False,), grad=False),
    ),
)


def pseudo_inverse(a: Node) -> Node:
    """The pseudo-inverse with the usual tolerance, eps * max(m, n)."""
    real = a.dtype.to_real()
    return pinv(a, constant(0, real), constant(machine_epsilon(real) * max(a.shape[-2:]), real), False)
