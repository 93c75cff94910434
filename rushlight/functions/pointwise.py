"""Functions of one number each, made from the primitives' records; and the few that take more."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive
from ..dtypes import BOOL, COMPLEX, INTEGRAL
from ..graph.node import constant
from ..ops import elementwise as ops
from ..tensor import Tensor, dtype_of
from .arguments import as_floating, is_number, need_tensor, operands
from .register import alias, function


def _floating(name: str, prim: Any) -> Callable:
    def compute(input: Tensor) -> Tensor:
        return primitive(prim, (as_floating(need_tensor(name, input)),))

    return _named(compute, name, prim)


def _keeping(name: str, prim: Any, whole_is_itself: bool = False) -> Callable:
    def compute(input: Tensor) -> Tensor:
        need_tensor(name, input)
        if whole_is_itself and dtype_of(input).category <= INTEGRAL:
            return primitive(ops.copy, (input,))
        return primitive(prim, (input,))

    return _named(compute, name, prim)


def _named(compute: Callable, name: str, prim: Any) -> Callable:
    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise. Source: torch.{name}."
    return function(name, inplace=True)(compute)


exp = _floating("exp", ops.exp)
exp2 = _floating("exp2", ops.exp2)
expm1 = _floating("expm1", ops.expm1)
log = _floating("log", ops.log)
log2 = _floating("log2", ops.log2)
log10 = _floating("log10", ops.log10)
log1p = _floating("log1p", ops.log1p)
sqrt = _floating("sqrt", ops.sqrt)
rsqrt = _floating("rsqrt", ops.rsqrt)
reciprocal = _floating("reciprocal", ops.reciprocal)
sin = _floating("sin", ops.sin)
cos = _floating("cos", ops.cos)
tan = _floating("tan", ops.tan)
asin = _floating("asin", ops.asin)
acos = _floating("acos", ops.acos)
atan = _floating("atan", ops.atan)
sinh = _floating("sinh", ops.sinh)
cosh = _floating("cosh", ops.cosh)
tanh = _floating("tanh", ops.tanh)
asinh = _floating("asinh", ops.asinh)
acosh = _floating("acosh", ops.acosh)
atanh = _floating("atanh", ops.atanh)
sigmoid = _floating("sigmoid", ops.sigmoid)
for _name in ("asin", "acos", "atan", "asinh", "acosh", "atanh"):
    alias("arc" + _name[1:], _name)
floor = _keeping("floor", ops.floor, whole_is_itself=True)
ceil = _keeping("ceil", ops.ceil, whole_is_itself=True)
trunc = _keeping("trunc", ops.trunc, whole_is_itself=True)
alias("fix", "trunc")


@function(inplace=True)
def neg(input: Tensor) -> Tensor:
    """-input. Source: torch.neg."""
    if dtype_of(input).category == BOOL:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return primitive(ops.neg, (input,))


alias("negative", "neg")


@function()
def positive(input: Tensor) -> Tensor:
    """input itself; booleans are refused. Source: torch.positive."""
    if dtype_of(input).category == BOOL:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@function(inplace=True)
def abs(input: Tensor) -> Tensor:
    """The distance from 0. Source: torch.abs."""
    if dtype_of(input).category == BOOL:
        return primitive(ops.copy, (input,))
    return primitive(ops.abs, (input,))


alias("absolute", "abs")


@function(inplace=True)
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1. Source: torch.sign."""
    if dtype_of(input).category == COMPLEX:
        raise RuntimeError("Unlike NumPy, torch.sign doesn't support complex numbers: use torch.sgn instead.")
    return primitive(ops.copy if dtype_of(input).category == BOOL else ops.sign, (input,))


@function(inplace=True)
def sgn(input: Tensor) -> Tensor:
    """input / |input|, and 0 at 0. Source: torch.sgn."""
    return primitive(ops.copy if dtype_of(input).category == BOOL else ops.sign, (input,))


@function(inplace=True)
def square(input: Tensor) -> Tensor:
    """input ** 2. Source: torch.square."""
    return input**2


@function(inplace=True)
def relu(input: Tensor) -> Tensor:
    """max(input, 0). Source: torch.relu.

    >>> import rushlight as torch
    >>> torch.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if dtype_of(input).category == BOOL:
        raise RuntimeError("Boolean inputs not supported for relu")
    return primitive(ops.relu, (input,))


def _scaled_round(x: Any, factor: float, inverse: bool) -> Any:
    return (x / factor).round() * factor if inverse else (x * factor).round() / factor


_round_decimals = Op(
    "RoundBackward1", _scaled_round, lambda g, out, ins, needs, *p: (constant(0, g.dtype).expand(g.shape),)
)


@function(inplace=True)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, or multiple of 10 ** -decimals; halves go to the even one. Source: torch.round."""
    if dtype_of(input).category <= INTEGRAL:
        return primitive(ops.copy, (input,))
    if decimals == 0:
        return primitive(ops.round, (input,))
    return operation(_round_decimals, (input,), (10.0 ** max(decimals, -decimals), decimals < 0))


@function(inplace=True)
def frac(input: Tensor) -> Tensor:
    """input without its whole part. Source: torch.frac."""
    return input - trunc(input)


@function(inplace=True)
def deg2rad(input: Tensor) -> Tensor:
    """Degrees in radians. Source: torch.deg2rad."""
    return as_floating(input) * (math.pi / 180)


@function(inplace=True)
def rad2deg(input: Tensor) -> Tensor:
    """Radians in degrees. Source: torch.rad2deg."""
    return as_floating(input) * (180 / math.pi)


def _test(name: str, prim: Any, otherwise: bool) -> Callable:
    def compute(input: Tensor) -> Tensor:
        need_tensor(name, input)
        if dtype_of(input).category <= INTEGRAL:
            other = primitive(ops.ne, (input, input))
            return primitive(ops.bitwise_not, (other,)) if otherwise else other
        return primitive(prim, (input,))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise. Source: torch.{name}."
    return function(name)(compute)


isnan = _test("isnan", ops.isnan, False)
isinf = _test("isinf", ops.isinf, False)
isfinite = _test("isfinite", ops.isfinite, True)


@function()
def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set. Source: torch.signbit."""
    return (
        primitive(ops.signbit, (input,))
        if dtype_of(input).category != BOOL
        else primitive(ops.ne, (input, input))
    )


@function()
def isposinf(input: Tensor) -> Tensor:
    """Whether input is +infinity. Source: torch.isposinf."""
    return isinf(input) & (input > 0)


@function()
def isneginf(input: Tensor) -> Tensor:
    """Whether input is -infinity. Source: torch.isneginf."""
    return isinf(input) & (input < 0)


@function()
def isreal(input: Tensor) -> Any:
    """Whether the imaginary part is 0. Source: torch.isreal."""
    return (
        primitive(ops.imag, (input,)) == 0
        if dtype_of(input).category == COMPLEX
        else primitive(ops.eq, (input, input)) | True
    )


def _clamp_number(x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = x.maximum(low)
    return x if high is None else x.minimum(high)


def _clamp_rule(g: Any, out: Any, ins: tuple, needs: tuple, low: Any, high: Any) -> tuple:
    # At a bound itself the gradient passes.
    (x,) = ins
    inside: Any = None if low is None else x.ge(low)
    if high is not None:
        below = x.le(high)
        inside = below if inside is None else inside & below
    return (inside.where(g, 0),)


_clamp = Op("ClampBackward1", _clamp_number, _clamp_rule)


def _clamp_tensors(x: Any, low: Any, high: Any) -> Any:
    return _clamp_number(x, low, high)


def _clamp_tensors_rule(g: Any, out: Any, ins: tuple, needs: tuple) -> tuple:
    x, low, high = ins
    above: Any = None if low is None else x.ge(low)
    below: Any = None if high is None else x.le(high)
    inside = above if below is None else below if above is None else above & below
    gx = inside.where(g, 0)
    glow = ghigh = None
    if low is not None:
        under = x.lt(low) if high is None else x.lt(low) & low.lt(high)
        glow = under.where(g, 0)
    if high is not None:
        over = x.gt(high) if low is None else x.gt(high) | high.lt(low)
        ghigh = over.where(g, 0)
    return gx, glow, ghigh


_clamp_by_tensors = Op("ClampBackward0", _clamp_tensors, _clamp_tensors_rule)


@function(inplace=True)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input held between min and max, each a number, a tensor that broadcasts, or None. Source: torch.clamp.

    Raises: RuntimeError when both are None.

    >>> import rushlight as torch
    >>> torch.clamp(torch.tensor([-2.0, 0.5, 3.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    bounds = [b for b in (min, max) if b is not None]
    x, *rest = operands("clamp", input, *bounds)
    if dtype_of(x).category == COMPLEX:
        raise RuntimeError("clamp is not supported for complex types")
    if all(is_number(b) for b in bounds):
        if any(b != b for b in bounds):
            return primitive(ops.add, tuple(operands("clamp", x, float("nan"))))
        return operation(_clamp, (x,), (min, max))
    low = rest.pop(0) if min is not None else None
    high = rest.pop(0) if max is not None else None
    return operation(_clamp_by_tensors, (x, low, high))


alias("clip", "clamp")


@function(inplace=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """The larger of input and min. Source: torch.clamp_min."""
    return clamp(input, min, None)


@function(inplace=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """The smaller of input and max. Source: torch.clamp_max."""
    return clamp(input, None, max)


@function(method=False)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; with the condition alone, its true positions.

    Source: torch.where.
    Example:
        >>> import rushlight as torch
        >>> torch.where(torch.tensor([True, False]), 1.0, torch.tensor([5.0, 6.0]))
        tensor([1., 6.])
    """
    need_tensor("where", condition)
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if dtype_of(condition).category != BOOL:
        if dtype_of(condition).name != "uint8":
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
            )
        condition = condition.ne(0)
    a, b = operands("where", input, other)
    return primitive(ops.where, (condition, a, b))


Tensor.where = lambda self, condition, other: where(condition, self, other)  # type: ignore[attr-defined]


@function(inplace=True)
def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate. Source: torch.conj_physical."""
    return (
        primitive(ops.conj, (input,))
        if dtype_of(input).category == COMPLEX
        else primitive(ops.copy, (input,))
    )


@function()
def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself. Source: torch.conj."""
    return primitive(ops.conj, (input,)) if dtype_of(input).category == COMPLEX else input


@function()
def resolve_conj(input: Tensor) -> Tensor:
    """input: conjugates are never lazy here. Source: torch.resolve_conj."""
    return input


@function()
def resolve_neg(input: Tensor) -> Tensor:
    """input: negation is never lazy here. Source: torch.resolve_neg."""
    return input


@function()
def is_conj(input: Tensor) -> bool:
    """False: conjugates are computed, never pending. Source: torch.is_conj."""
    return False


@function()
def is_neg(input: Tensor) -> bool:
    """False: negation is computed, never pending. Source: torch.is_neg."""
    return False


setattr(Tensor, "__neg__", neg)  # noqa: B010
setattr(Tensor, "__pos__", positive)  # noqa: B010
setattr(Tensor, "__abs__", abs)  # noqa: B010
