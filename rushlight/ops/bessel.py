"""Bessel functions of orders 0 and 1, their modified and spherical kin, and Airy's function, as SciPy computes them.

PyTorch has no derivatives of them, and takes their results for constants; so do these records. i0, i1 and their scaled
forms, which have derivatives, are in special.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.registry import Unary, unary
from .samples import Array, Call


def _of_scipy(name: str) -> Callable:
    def rule(np: Any, x: Any) -> Any:
        from scipy import special

        return getattr(special, name)(x)

    return rule


def _underivable(name: str, doc: str, numpy: Callable, low: float = -4.0) -> Unary:
    return unary(
        name,
        doc,
        numpy=numpy,
        samples=tuple(Call((Array(shape, low, 4.0),), (), False) for shape in ((), (5,), (2, 3), (0,))),
    )


bessel_j0 = _underivable("bessel_j0", "The Bessel function of the first kind of order 0.", _of_scipy("j0"))
bessel_j1 = _underivable("bessel_j1", "The Bessel function of the first kind of order 1.", _of_scipy("j1"))
bessel_y0 = _underivable(
    "bessel_y0", "The Bessel function of the second kind of order 0.", _of_scipy("y0"), 0.1
)
bessel_y1 = _underivable(
    "bessel_y1", "The Bessel function of the second kind of order 1.", _of_scipy("y1"), 0.1
)
modified_bessel_i0 = _underivable(
    "modified_bessel_i0", "The modified Bessel function of the first kind of order 0.", _of_scipy("i0")
)
modified_bessel_i1 = _underivable(
    "modified_bessel_i1", "The modified Bessel function of the first kind of order 1.", _of_scipy("i1")
)
modified_bessel_k0 = _underivable(
    "modified_bessel_k0", "The modified Bessel function of the second kind of order 0.", _of_scipy("k0"), 0.1
)
modified_bessel_k1 = _underivable(
    "modified_bessel_k1", "The modified Bessel function of the second kind of order 1.", _of_scipy("k1"), 0.1
)
scaled_modified_bessel_k0 = _underivable(
    "scaled_modified_bessel_k0", "exp(x) modified_bessel_k0(x).", _of_scipy("k0e"), 0.1
)
scaled_modified_bessel_k1 = _underivable(
    "scaled_modified_bessel_k1", "exp(x) modified_bessel_k1(x).", _of_scipy("k1e"), 0.1
)


def _spherical_j0(np: Any, x: Any) -> Any:
    # Near 0 the quotient loses nothing, but 0 / 0 has to be told; at infinity it is 0.
    flat = x == 0
    return np.where(np.isinf(x), 0, np.where(flat, 1, np.sin(x) / np.where(flat, 1, x)))


spherical_bessel_j0 = _underivable("spherical_bessel_j0", "sin(x) / x, and 1 at 0.", _spherical_j0)


def _airy(np: Any, x: Any) -> Any:
    from scipy import special

    return special.airy(x)[0]


airy_ai = _underivable("airy_ai", "Airy's function Ai.", _airy)
