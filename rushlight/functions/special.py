"""Special functions that PyTorch has under torch.special alone: normal distribution, Bessel functions, polynomials.

Those that it has in the top namespace too (erf, digamma, ...) are in transcendental.py and pointwise.py. All work
elementwise; integers are taken in the default floating dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive
from ..dtypes import COMPLEX
from ..graph.node import Node
from ..ops import bessel, polynomials
from ..ops import special as ops
from ..tensor import Tensor, dtype_of
from .arguments import as_floating, lacking, need_tensor, operands
from .register import function


def _published(name: str) -> Callable:
    return function(f"special_{name}", method=False, top=False)


def _floating(name: str, input: Any) -> Tensor:
    if dtype_of(need_tensor(f"special_{name}", input)).category == COMPLEX:
        raise lacking(name, input)
    return as_floating(input)


def _of_one(prim: Any) -> Callable:
    name = prim.name

    def compute(input: Tensor) -> Tensor:
        return primitive(prim, (_floating(name, input),))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise. Source: torch.special.{name}."
    return _published(name)(compute)


i0e, i1, i1e = _of_one(ops.i0e), _of_one(ops.i1), _of_one(ops.i1e)
erfcx, log_ndtr, ndtri = _of_one(ops.erfcx), _of_one(ops.log_ndtr), _of_one(ops.ndtri)
airy_ai = _of_one(bessel.airy_ai)
bessel_j0, bessel_j1 = _of_one(bessel.bessel_j0), _of_one(bessel.bessel_j1)
bessel_y0, bessel_y1 = _of_one(bessel.bessel_y0), _of_one(bessel.bessel_y1)
modified_bessel_i0 = _of_one(bessel.modified_bessel_i0)
modified_bessel_i1 = _of_one(bessel.modified_bessel_i1)
modified_bessel_k0 = _of_one(bessel.modified_bessel_k0)
modified_bessel_k1 = _of_one(bessel.modified_bessel_k1)
scaled_modified_bessel_k0 = _of_one(bessel.scaled_modified_bessel_k0)
scaled_modified_bessel_k1 = _of_one(bessel.scaled_modified_bessel_k1)
spherical_bessel_j0 = _of_one(bessel.spherical_bessel_j0)

# ---------------------------------------------------------------- entropy, normal distribution


def _entr(x: Node) -> Node:
    inside = x.gt(0)
    found = -x * inside.where(x, 1).log()
    return x.lt(0).where(-math.inf, found)


_ENTR = Op("SpecialEntrBackward0", _entr, lambda g, out, ins, needs: (-(g * (ins[0].log() + 1)),))


@_published("entr")
def entr(input: Tensor) -> Tensor:
    """-x log(x), 0 at 0, and -inf below. Source: torch.special.entr."""
    return operation(_ENTR, (_floating("entr", input),))


_ROOT_HALF = math.sqrt(0.5)
_NDTR = Op(
    "SpecialNdtrBackward0",
    lambda x: (x * -_ROOT_HALF).erfc() * 0.5,
    lambda g, out, ins, needs: (g * (ins[0] * ins[0] * -0.5).exp() * (1 / math.sqrt(2 * math.pi)),),
)


@_published("ndtr")
def ndtr(input: Tensor) -> Tensor:
    """The area under the standard normal density up to x. Source: torch.special.ndtr.

    >>> import rushlight as torch
    >>> torch.special.ndtr(torch.tensor([0.0]))
    tensor([0.5000])
    """
    return operation(_NDTR, (_floating("ndtr", input),))


# ---------------------------------------------------------------- two arguments


def _xlog1py(x: Node, y: Node) -> Node:
    return (x.eq(0) & y.eq(y)).where(0, x * y.log1p())


def _xlog1py_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    x, y = ins
    first = (x.eq(0) & y.le(-1)).where(0, g * y.log1p()) if needs[0] else None
    return first, g * (x / (y + 1)) if needs[1] else None


_XLOG1PY = Op("SpecialXlog1PyBackward0", _xlog1py, _xlog1py_rule)


@_published("xlog1py")
def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log1p(other), and 0 where input is 0 and other is no NaN. Source: torch.special.xlog1py."""
    a, b = _two("special_xlog1py", (input, other), {}, ("input", "other"))
    return operation(_XLOG1PY, tuple(operands("special_xlog1py", a, b, floating=True)))


def _of_two(prim: Any, first: str, second: str) -> Callable:
    name = prim.name

    def compute(*args: Any, **kwargs: Any) -> Tensor:
        a, b = _two(f"special_{name}", args, kwargs, (first, second))
        return primitive(prim, tuple(operands(f"special_{name}", a, b, floating=True)))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise, of ({first}, {second}). Source: torch.special.{name}."
    return _published(name)(compute)


_FORMS = (("Tensor", "Tensor"), ("Number", "Tensor"), ("Tensor", "Number"))


def _two(name: str, args: tuple, kwargs: dict, names: tuple[str, str]) -> tuple:
    """Two arguments, by position or name; one of them has to be a tensor."""
    given = list(args)
    for key in names[len(args) :]:
        if key not in kwargs:
            raise TypeError(f'{name}() missing 1 required positional arguments: "{key}"')
        given.append(kwargs.pop(key))
    if kwargs or len(given) != 2:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: expected ({', '.join(names)})"
        )
    if not any(isinstance(x, Tensor) for x in given):
        kinds = ", ".join(type(x).__name__ for x in given)
        forms = " or ".join(f"({a} {names[0]}, {b} {names[1]})" for a, b in _FORMS)
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but expected one of: {forms}"
        )
    return tuple(given)


zeta = _of_two(ops.zeta, "input", "other")
chebyshev_polynomial_t = _of_two(polynomials.CHEBYSHEV["chebyshev_polynomial_t"], "x", "n")
chebyshev_polynomial_u = _of_two(polynomials.CHEBYSHEV["chebyshev_polynomial_u"], "x", "n")
chebyshev_polynomial_v = _of_two(polynomials.CHEBYSHEV["chebyshev_polynomial_v"], "x", "n")
chebyshev_polynomial_w = _of_two(polynomials.CHEBYSHEV["chebyshev_polynomial_w"], "x", "n")
shifted_chebyshev_polynomial_t = _of_two(polynomials.CHEBYSHEV["shifted_chebyshev_polynomial_t"], "x", "n")
shifted_chebyshev_polynomial_u = _of_two(polynomials.CHEBYSHEV["shifted_chebyshev_polynomial_u"], "x", "n")
shifted_chebyshev_polynomial_v = _of_two(polynomials.CHEBYSHEV["shifted_chebyshev_polynomial_v"], "x", "n")
shifted_chebyshev_polynomial_w = _of_two(polynomials.CHEBYSHEV["shifted_chebyshev_polynomial_w"], "x", "n")
hermite_polynomial_h = _of_two(polynomials.hermite_polynomial_h, "x", "n")
hermite_polynomial_he = _of_two(polynomials.hermite_polynomial_he, "x", "n")
laguerre_polynomial_l = _of_two(polynomials.laguerre_polynomial_l, "x", "n")
legendre_polynomial_p = _of_two(polynomials.legendre_polynomial_p, "x", "n")
