"""Orthogonal polynomials of whole degree, by their recurrences.

Each record takes x and the degree n, both in one floating dtype; n is cut to a whole number, and a negative one gives 0.
Chebyshev polynomials of higher degree are computed by angles where |x| < 1, as their recurrence loses digits. PyTorch has
no derivatives of any of them, and takes their results for constants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.registry import Binary, binary
from .samples import Array, Call

# From which degree on angles are used, and the highest degree that Hermite polynomials are computed for, by width.
BY_ANGLE = 6
HERMITE_LIMIT = {4: 128, 8: 512}


def _run(np: Any, x: Any, n: Any, first: Any, step: Callable) -> Any:
    """The polynomial of degree n from those of degrees 0 (1) and 1 (`first`): step(k, p, q) follows p, q of k - 1, k."""
    before, here = np.ones_like(x), first
    found = np.where(n <= 0, (n == 0).astype(x.dtype), here)
    for k in range(1, int(n.max(initial=0))):
        before, here = here, step(k, before, here)
        found = np.where(n > k, here, found)
        if np.isnan(here).all():
            break
    return found


def _by_recurrence(first: Callable, step: Callable) -> Callable:
    def rule(np: Any, x: Any, n: Any) -> Any:
        x, n = np.broadcast_arrays(x, n.astype(np.int64))
        return _run(np, x, n, first(x), lambda k, p, q: step(x, k, p, q).astype(x.dtype))

    return rule


# Each kind of Chebyshev polynomial: its value of degree 1, and at an angle with cos(angle) = x.
_KINDS = {
    "t": (lambda x: x, lambda np, n, angle: np.cos(n * angle)),
    "u": (lambda x: x + x, lambda np, n, angle: np.sin((n + 1) * angle) / np.sin(angle)),
    "v": (lambda x: x + x - 1, lambda np, n, angle: np.cos((n + 0.5) * angle) / np.cos(angle / 2)),
    "w": (lambda x: x + x + 1, lambda np, n, angle: np.sin((n + 0.5) * angle) / np.sin(angle / 2)),
}


def _ends(np: Any, kind: str, x: Any, n: Any) -> Any:
    """The values at x = 1 and x = -1, for any degree."""
    sign = np.where((x > 0) | (n % 2 == 0), 1, -1)
    if kind == "t":
        return sign
    if kind == "u":
        return sign * (n + 1)
    grows = (x < 0) if kind == "v" else (x > 0)
    return np.where(grows, sign * (2 * n + 1), sign)


def _chebyshev(kind: str, shifted: bool) -> Callable:
    first, at_angle = _KINDS[kind]

    def rule(np: Any, x: Any, n: Any) -> Any:
        x, n = np.broadcast_arrays(x + x - 1 if shifted else x, n.astype(np.int64))
        inside, end = (np.abs(x) < 1) & (n > BY_ANGLE), np.abs(x) == 1
        steps = np.where(inside | end, 0, n)
        found = _run(np, x, steps, first(x), lambda k, p, q: (x + x) * q - p)
        angle = np.arccos(np.where(inside, x, 0))
        found = np.where(inside, at_angle(np, n, angle), found)
        return np.where(end & (n >= 0), _ends(np, kind, x, n), np.where(n < 0, 0, found))

    return rule


def _hermite(double: bool) -> Callable:
    """H has 2 x where He has x, and 2 k where He has k."""
    first = (lambda x: x + x) if double else (lambda x: x)
    step = (lambda x, k, p, q: (x + x) * q - 2 * k * p) if double else (lambda x, k, p, q: x * q - k * p)
    recurrence = _by_recurrence(first, step)

    def rule(np: Any, x: Any, n: Any) -> Any:
        high = n > HERMITE_LIMIT[x.dtype.itemsize]
        return np.where(high, np.nan, recurrence(np, x, np.where(high, 0, n)))

    return rule


def _polynomial(name: str, doc: str, numpy: Callable) -> Binary:
    return binary(
        name,
        doc,
        numpy=numpy,
        samples=(
            Call((Array((2, 3), -1.5, 1.5), Array((3,), 0, 12)), (), False),
            Call((Array((), 0.1, 0.9), Array((4,), 0, 9)), (), False),
        ),
    )


_ORDINALS = {"t": "first", "u": "second", "v": "third", "w": "fourth"}


def _chebyshev_record(kind: str, shifted: bool) -> Binary:
    name = f"{'shifted_' if shifted else ''}chebyshev_polynomial_{kind}"
    where = " at 2 x - 1" if shifted else ""
    doc = f"The Chebyshev polynomial of the {_ORDINALS[kind]} kind{where}, of degree n."
    return _polynomial(name, doc, _chebyshev(kind, shifted))


CHEBYSHEV = {
    prim.name: prim for shifted in (False, True) for prim in (_chebyshev_record(k, shifted) for k in "tuvw")
}
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h", "The Hermite polynomial of degree n, as physicists have it.", _hermite(True)
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", "The Hermite polynomial of degree n, as probabilists have it.", _hermite(False)
)
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l",
    "The Laguerre polynomial of degree n.",
    _by_recurrence(lambda x: 1 - x, lambda x, k, p, q: ((2 * k + 1 - x) * q - k * p) / (k + 1)),
)
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p",
    "The Legendre polynomial of degree n.",
    _by_recurrence(lambda x: x, lambda x, k, p, q: ((2 * k + 1) * x * q - k * p) / (k + 1)),
)
