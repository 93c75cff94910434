"""Least squares: lstsq, by the LAPACK driver that is asked for."""

from __future__ import annotations

from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import FLOATING
from ..graph.node import Node
from ..graph.registry import PICK
from ..ops import linalg
from ..ops.matrices import adjoint
from ..ops.spectra import machine_epsilon, pinv_rule, pseudo_inverse
from ..results import named
from ..shapes import broadcast
from ..tensor import Tensor, array_of, dtype_of, shape_of
from .arguments import need_tensor
from .linalg_checks import published
from .shaping import reshape


def _lstsq(a: Node, b: Node, rcond: float | None, driver: str) -> tuple[Node, ...]:
    found = linalg.lstsq(a, b, rcond, driver)
    return tuple([PICK(found, i) for i in range(4)])


def _lstsq_rule(g: tuple, outs: tuple, ins: tuple, needs: tuple, *params: Any) -> tuple:
    # X = A^+ B. What the residuals add is B - A X, twice, against the gradient of their sum.
    gx, gresidual = g[0], g[1]
    a, b = ins
    x = outs[0]
    ga = gb = None
    if gx is not None:
        inverse = pseudo_inverse(a)
        gb = adjoint(inverse) @ gx
        ga = pinv_rule(gx @ adjoint(b), inverse, a) if needs[0] else None
    if gresidual is not None:
        weight = gresidual.reshape((*gresidual.shape[:-1], 1, gresidual.shape[-1])).cast(a.dtype)
        away = (b - a @ x) * weight * 2
        turn = -(away @ adjoint(x))
        ga = turn if ga is None else ga + turn
        gb = away if gb is None else gb + away
    return ga, gb


_LSTSQ = Op("LinalgLstsqBackward0", _lstsq, _lstsq_rule, zeros=False)
_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _need_least_squares(A: Tensor, B: Tensor, driver: str) -> None:
    name = "torch.linalg.lstsq"
    if need_tensor(name, A).dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if not need_tensor(name, B, 2, "B").dim():
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if dtype_of(A) is not dtype_of(B):
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {title(dtype_of(A))} and "
            f"other's dtype {title(dtype_of(B))}"
        )
    if A.dim() - B.dim() not in (0, 1) and B.dim() != 1 and A.dim() < B.dim():
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    if driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    if dtype_of(A).category < FLOATING or dtype_of(A).itemsize < 4:
        raise RuntimeError("This function doesn't handle types other than float and double")


@published("linalg_lstsq")
def lstsq(input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """(solution, residuals, rank, singular_values) for the X of least ||A X - B||, A = input and B = b.

    Args:
        input: (..., m, n); b: (..., m, k), or vectors (..., m).
        rcond: singular values at most rcond times the largest count as 0; eps * max(m, n) by default.
        driver: LAPACK's gelsy (default: by QR), gels (full rank), gelsd or gelss (by SVD). Residuals are given by all
            but gelsy for tall A of full rank, singular values by the last two; what is not given is empty.
    Source: torch.linalg.lstsq.
    """
    A, B = input, b
    driver = "gelsy" if driver is None else driver
    _need_least_squares(A, B, driver)
    m, n = shape_of(A)[-2:]
    vector = B.dim() == 1 or (A.dim() - 1 == B.dim() and shape_of(B) == shape_of(A)[:-1])
    columns = B.unsqueeze(-1) if vector else B
    if shape_of(columns)[-2] != m:
        place = "-1" if vector else "-2"
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({place})")
    broadcast(shape_of(A)[:-2], shape_of(columns)[:-2])
    real = dtype_of(A).to_real()
    if rcond is None:
        rcond = machine_epsilon(real) * max(m, n)
    found, residuals, rank, singular = operation(_LSTSQ, (A, columns), (float(rcond), driver))
    given = driver != "gelsy" and m > n and (driver == "gels" or bool((array_of(rank) == n).all()))
    return named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")(
        found.squeeze(-1) if vector else found,
        residuals if given else _none_of(residuals),
        _none_of(rank) if driver == "gels" else rank,
        singular.detach() if driver in ("gelsd", "gelss") else _none_of(singular.detach()),
    )


def _none_of(x: Tensor) -> Tensor:
    """An empty vector, which requires grad where x does."""
    return reshape(x, (-1,)).narrow(0, 0, 0)
