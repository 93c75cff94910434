"""Special functions of mathematics, as SciPy computes them. SciPy is loaded when the first of them runs.

Each record's derivative is written with the other records here, so every order exists. What can be composed (sinc,
xlogy, logit, mvlgamma, ...) is in functions/.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..dtypes import int32
from ..graph.node import STAND_IN, Node
from ..graph.registry import binary, unary
from .elementwise import of_floats
from .samples import Array, Call, call, floats

TWO_BY_ROOT_PI = 2 / math.sqrt(math.pi)


def _of_scipy(name: str) -> Callable:
    """The NumPy rule of a scipy.special function."""

    def rule(np: Any, *args: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*args)

    return rule


def _refuses(name: str, argument: str) -> Callable:
    """The gradient rule of an argument that PyTorch has no derivative for: fails when a gradient arrives."""

    def rule(g: Node, out: Node, *args: Any) -> Node:
        if g.prim is not STAND_IN:
            raise NotImplementedError(f"the derivative for '{name}: {argument}' is not implemented")
        return g

    return rule


# ---------------------------------------------------------------- error function

erf = unary(
    "erf",
    "2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
    numpy=_of_scipy("erf"),
    vjp=lambda g, out, x: g * (-(x * x)).exp() * TWO_BY_ROOT_PI,
    samples=floats(),
    llvm=of_floats("erf"),
)
erfc = unary(
    "erfc",
    "1 - erf(x), accurate for large x.",
    numpy=_of_scipy("erfc"),
    vjp=lambda g, out, x: g * (-(x * x)).exp() * -TWO_BY_ROOT_PI,
    samples=floats(),
    llvm=of_floats("erfc"),
)
erfinv = unary(
    "erfinv",
    "The number whose erf is x, for |x| <= 1.",
    numpy=_of_scipy("erfinv"),
    vjp=lambda g, out, x: g * (out * out).exp() * (1 / TWO_BY_ROOT_PI),
    samples=floats(-0.8, 0.8),
    llvm=of_floats("erfinv"),
)

# ---------------------------------------------------------------- gamma function

lgamma = unary(
    "lgamma",
    "The logarithm of |gamma(x)|.",
    numpy=_of_scipy("gammaln"),
    vjp=lambda g, out, x: g * x.digamma(),
    samples=floats(0.3, 4),
    llvm=of_floats("lgamma"),
)
digamma = unary(
    "digamma",
    "The derivative of lgamma.",
    numpy=_of_scipy("psi"),
    vjp=lambda g, out, x: g * x.polygamma(1),
    samples=floats(0.3, 4),
    llvm=of_floats("digamma"),
)


def _polygamma(np: Any, x: Any, n: int) -> Any:
    from scipy import special

    if n == 1:
        return _trigamma(np, special, x)
    # (-1)^(n + 1) n! zeta(n + 1, x)
    return (1.0 if n % 2 else -1.0) * special.gamma(n + 1.0) * special.zeta(n + 1.0, x)


def _trigamma(np: Any, special: Any, x: Any) -> Any:
    # zeta(2, x) overflows its steps for very negative x: there the reflection formula is used.
    direct = special.zeta(2.0, np.where(x < 0.5, 1 - x, x))
    return np.where(x < 0.5, (np.pi / np.sin(np.pi * x)) ** 2 - direct, direct)


polygamma = unary(
    "polygamma",
    "The n-th derivative of digamma, n >= 1.",
    numpy=_polygamma,
    vjp=lambda g, out, x, n: g * x.polygamma(n + 1),
    samples=(call(Array((2, 3), 0.5, 4), params=(1,)), call(Array((5,), 0.5, 4), params=(3,))),
)


def _gamma_density(a: Node, x: Node) -> Node:
    """x^(a - 1) exp(-x) / gamma(a): the derivative of igamma in x."""
    return ((a - 1) * x.log() - x - a.lgamma()).exp()


_GAMMA = (Call((Array((2, 3), 0.5, 3), Array((3,), 0.5, 3)), (), False),)
igamma = binary(
    "igamma",
    "The lower incomplete gamma function of order a at x, over gamma(a).",
    numpy=_of_scipy("gammainc"),
    vjp=(_refuses("igamma", "input"), lambda g, out, a, x: g * _gamma_density(a, x)),
    samples=_GAMMA,
)
igammac = binary(
    "igammac",
    "1 - igamma(a, x), accurate for large x.",
    numpy=_of_scipy("gammaincc"),
    vjp=(_refuses("igammac", "input"), lambda g, out, a, x: -g * _gamma_density(a, x)),
    samples=_GAMMA,
)

# ---------------------------------------------------------------- parts of a floating number

mantissa = unary(
    "mantissa",
    "m with x = m * 2^exponent(x) and 1/2 <= |m| < 1; zero, infinities and NaN are their own.",
    numpy=lambda np, x: np.frexp(x)[0],
    vjp=lambda g, out, x: g / x.exponent().cast(g.dtype).exp2(),
    samples=floats(0.6, 0.9),
    llvm=of_floats("mantissa"),
)
exponent = unary(
    "exponent",
    "The power of two above |x|; 0 for zero, infinities and NaN.",
    numpy=lambda np, x: np.frexp(x)[1],
    dtype=lambda x: int32,
    samples=floats(),
    llvm=of_floats("exponent"),
)

# ---------------------------------------------------------------- modified Bessel functions


def _i1_slope(g: Node, out: Node, x: Node) -> Node:
    # i0 - i1 / x, which tends to 1/2 at 0.
    flat = x.eq(0)
    return g * flat.where(0.5, x.i0() - out / flat.where(1, x))


def _i1e_slope(g: Node, out: Node, x: Node) -> Node:
    flat = x.eq(0)
    return g * flat.where(0.5, x.i0e() - out * (x.sign() + flat.where(1, x).reciprocal()))


i0 = unary(
    "i0",
    "The modified Bessel function of order 0.",
    numpy=_of_scipy("i0"),
    vjp=lambda g, out, x: g * x.i1(),
    samples=floats(),
)
i1 = unary(
    "i1",
    "The modified Bessel function of order 1.",
    numpy=_of_scipy("i1"),
    vjp=_i1_slope,
    samples=floats(),
    grad_name="SpecialI1Backward0",
)
i0e = unary(
    "i0e",
    "i0(x) exp(-|x|).",
    numpy=_of_scipy("i0e"),
    vjp=lambda g, out, x: g * (x.i1e() - x.sign() * out),
    samples=floats(),
    grad_name="SpecialI0EBackward0",
)
i1e = unary(
    "i1e",
    "i1(x) exp(-|x|).",
    numpy=_of_scipy("i1e"),
    vjp=_i1e_slope,
    samples=floats(),
    grad_name="SpecialI1EBackward0",
)

# ---------------------------------------------------------------- normal distribution

erfcx = unary(
    "erfcx",
    "exp(x^2) erfc(x), which neither overflows nor vanishes for large x.",
    numpy=_of_scipy("erfcx"),
    vjp=lambda g, out, x: g * (x * out * 2 - TWO_BY_ROOT_PI),
    samples=floats(),
    grad_name="SpecialErfcxBackward0",
)
log_ndtr = unary(
    "log_ndtr",
    "The logarithm of the area under the standard normal density up to x.",
    numpy=_of_scipy("log_ndtr"),
    vjp=lambda g, out, x: g * math.sqrt(2 / math.pi) / (x * -math.sqrt(0.5)).erfcx(),
    samples=floats(),
    grad_name="SpecialLogNdtrBackward0",
)
ndtri = unary(
    "ndtri",
    "The number up to which the area under the standard normal density is x.",
    numpy=_of_scipy("ndtri"),
    vjp=lambda g, out, x: g * (out * out * 0.5).exp() * math.sqrt(2 * math.pi),
    samples=floats(0.1, 0.9),
    grad_name="SpecialNdtriBackward0",
)

# ---------------------------------------------------------------- zeta function

zeta = binary(
    "zeta",
    "Hurwitz's zeta function: the sum over k from 0 of (k + q)^-s.",
    numpy=_of_scipy("zeta"),
    grad_name="SpecialZetaBackward0",
    vjp=(_refuses("zeta", "self"), lambda g, out, s, q: -(g * s * (s + 1).zeta(q))),
    samples=(Call((Array((2, 3), 1.5, 4), Array((3,), 0.5, 3)), (), False),),
)
