"""Special functions at torch's top level: erf, gamma and Bessel functions, sinc, logit.

Their primitives are in ops/special.py. What PyTorch has under torch.special alone is elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..autograd.record import operation, primitive
from ..dtypes import COMPLEX, FLOATING
from ..graph.node import Node
from ..ops import special as ops
from ..tensor import Tensor, dtype_of
from .arguments import as_floating, lacking, need_tensor, operands
from .creation import arange
from .opmath import widened
from .register import function


def _of_one(name: str, prim: Any) -> Callable:
    def compute(input: Tensor) -> Tensor:
        if dtype_of(need_tensor(name, input)).category == COMPLEX:
            raise lacking(f"{name}_vml_cpu", input)
        return primitive(prim, (as_floating(input),))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise. Source: torch.{name}."
    return function(name, inplace=True)(compute)


erf = _of_one("erf", ops.erf)
erfc = _of_one("erfc", ops.erfc)
erfinv = _of_one("erfinv", ops.erfinv)
lgamma = _of_one("lgamma", ops.lgamma)
digamma = _of_one("digamma", ops.digamma)
i0 = _of_one("i0", ops.i0)


def _polygamma(n: int, input: Tensor) -> Tensor:
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        return digamma(input)
    if dtype_of(need_tensor("polygamma", input, 2)).category == COMPLEX:
        raise lacking("polygamma", input)
    return primitive(ops.polygamma, (as_floating(input),), (int(n),))


@function()
def polygamma(n: Any, input: Any) -> Tensor:
    """The n-th derivative of digamma; as a method, x.polygamma(n). Source: torch.polygamma."""
    return _polygamma(input, n) if isinstance(n, Tensor) else _polygamma(n, input)


def polygamma_(self: Tensor, n: int) -> Tensor:
    """In-place polygamma. Source: torch.Tensor.polygamma_."""
    return self.copy_(_polygamma(n, self))


Tensor.polygamma_ = polygamma_  # type: ignore[attr-defined]


@function(inplace=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p. Source: torch.mvlgamma."""
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, but got {p}")
    x = as_floating(need_tensor("mvlgamma", input))
    steps = arange(0, p, dtype=dtype_of(x), device=x.device) / 2
    return lgamma(x.unsqueeze(-1) - steps).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


def _incomplete(name: str, prim: Any) -> Callable:
    def compute(input: Tensor, other: Tensor) -> Tensor:
        a, x = operands(name, need_tensor(name, input), need_tensor(name, other, 2, "other"))
        if dtype_of(a).category != FLOATING:
            raise lacking(f"{name}_cpu", a)
        return primitive(prim, (a, x))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise; PyTorch has no derivative in the order. Source: torch.{name}."
    return function(name, inplace=True)(compute)


igamma = _incomplete("igamma", ops.igamma)
igammac = _incomplete("igammac", ops.igammac)


def _sinc(x: Node) -> Node:
    flat = x.eq(0)
    turn = x * math.pi
    return flat.where(1, turn.sin() / flat.where(1, turn))


# The series of the derivative of sin(t) / t, over t: near 0 its closed form loses all digits.
_SLOPE = (-1 / 3, 1 / 30, -1 / 840, 1 / 45360, -1 / 3991680, 1 / 518918400)


def _sinc_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    (x,) = ins
    turn = x * math.pi
    square = turn * turn
    series = square * 0 + _SLOPE[-1]
    for factor in reversed(_SLOPE[:-1]):
        series = series * square + factor
    near = turn.abs().lt(0.3)
    far = near.where(1, turn)
    slope = near.where(series * turn, (far.cos() * far - far.sin()) / (far * far))
    return (g * (slope * math.pi).conj(),)


_SINC = widened("SincBackward0", _sinc, _sinc_rule)


@function(inplace=True)
def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0. Source: torch.sinc."""
    return operation(_SINC, (as_floating(need_tensor("sinc", input)),))


def _logit(x: Node, eps: float | None) -> Node:
    if eps is not None:
        x = x.maximum(eps).minimum(1 - eps)
    return (x / (1 - x)).log()


def _logit_rule(g: Node, out: Node, ins: tuple, needs: tuple, eps: float | None) -> tuple:
    (x,) = ins
    low, high = (0.0, 1.0) if eps is None else (eps, 1 - eps)
    inside = x.ge(low) & x.le(high)
    return (inside.where(g / (x * (1 - x)), math.nan if eps is None else 0.0),)


_LOGIT = widened("LogitBackward0", _logit, _logit_rule)


@function(inplace=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), of x held in [eps, 1 - eps] where eps is given. Source: torch.logit."""
    if dtype_of(need_tensor("logit", input)).category == COMPLEX:
        raise lacking("logit_cpu", input)
    return operation(_LOGIT, (as_floating(input),), (None if eps is None else float(eps),))
