"""Elementwise primitives: arithmetic, functions of one number, comparisons, bits, choice and casts.

Inputs of one dtype, which broadcast; promotion is settled before a node is built. A vjp rule has one function an
input: (g, out, *inputs) -> gradient. For complex numbers a gradient is PyTorch's: g times the conjugate of the
derivative. Comparisons and integer functions have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..dtypes import COMPLEX, DType, complex128, float64
from ..dtypes import bool as bool_dtype
from ..graph.node import Node, constant
from ..graph.registry import ELEMENTWISE, Primitive, Unary, binary, unary
from ..shapes import broadcast_all
from .samples import Array, call, floats, pairs

LN2 = math.log(2.0)
LN10 = math.log(10.0)


def of_floats(name: str) -> Callable:
    """The `llvm` rule that is the emitter's own function `name`, of floating numbers only."""

    def rule(emit: Any, *values: Any) -> Any:
        return getattr(emit, name)(*values) if values[0].type.floating else None

    return rule


# ---------------------------------------------------------------- arithmetic

add = binary(
    "add",
    "a + b; `or` for booleans.",
    numpy=lambda np, a, b: a + b,
    vjp=(lambda g, out, a, b: g, lambda g, out, a, b: g),
    samples=pairs(),
    llvm=lambda emit, a, b: a | b if a.type.kind == "i1" else a + b,
)
sub = binary(
    "sub",
    "a - b.",
    numpy=lambda np, a, b: a - b,
    vjp=(lambda g, out, a, b: g, lambda g, out, a, b: -g),
    samples=pairs(),
    llvm=lambda emit, a, b: None if a.type.kind == "i1" else a - b,
)
mul = binary(
    "mul",
    "a * b; `and` for booleans.",
    numpy=lambda np, a, b: a * b,
    vjp=(lambda g, out, a, b: g * b.conj(), lambda g, out, a, b: g * a.conj()),
    samples=pairs(),
    llvm=lambda emit, a, b: a & b if a.type.kind == "i1" else a * b,
)
div = binary(
    "div",
    "a / b of floating or complex numbers.",
    numpy=lambda np, a, b: np.true_divide(a, b),
    vjp=(lambda g, out, a, b: g / b.conj(), lambda g, out, a, b: -g * (out / b).conj()),
    samples=pairs(0.5, 2.0),
    llvm=lambda emit, a, b: a / b if a.type.floating else None,
)


def _refuse_zero(np: Any, a: Any, b: Any) -> None:
    if a.dtype.kind in "iu" and a.size and not np.all(b):
        raise RuntimeError("ZeroDivisionError")


def _floor_divide(np: Any, a: Any, b: Any) -> Any:
    _refuse_zero(np, a, b)
    return np.floor_divide(a, b) if a.dtype.kind in "iu" else _float_floor_divide(np, a, b)


def _float_floor_divide(np: Any, a: Any, b: Any) -> Any:
    return np.where(b == 0, np.true_divide(a, b), np.floor_divide(a, b))


def _trunc_divide(np: Any, a: Any, b: Any) -> Any:
    _refuse_zero(np, a, b)
    if a.dtype.kind not in "iu":
        return np.trunc(np.true_divide(a, b))
    quotient = np.floor_divide(a, b)
    return quotient + ((quotient < 0) & (quotient * b != a))


def _remainder(np: Any, a: Any, b: Any) -> Any:
    _refuse_zero(np, a, b)
    return np.remainder(a, b)


def _fmod(np: Any, a: Any, b: Any) -> Any:
    _refuse_zero(np, a, b)
    return np.fmod(a, b)


floor_divide = binary(
    "floor_divide",
    "The largest whole number not above a / b.",
    numpy=_floor_divide,
    samples=pairs(0.5, 2.0, False),
    llvm=of_floats("floor_divide"),
)
trunc_divide = binary(
    "trunc_divide",
    "a / b rounded towards zero.",
    numpy=_trunc_divide,
    samples=pairs(0.5, 2.0, False),
    llvm=of_floats("trunc_divide"),
)
remainder = binary(
    "remainder",
    "a - b * floor(a / b): the sign is b's.",
    numpy=_remainder,
    vjp=(lambda g, out, a, b: g, lambda g, out, a, b: -g * (a / b).floor()),
    samples=(call(Array((2, 3), 2.1, 2.4), Array((3,), 0.9, 1.0)),),
    llvm=of_floats("remainder"),
)
fmod = binary(
    "fmod",
    "a - b * trunc(a / b): the sign is a's.",
    numpy=_fmod,
    vjp=(lambda g, out, a, b: g, lambda g, out, a, b: -g * (a / b).trunc()),
    samples=(call(Array((2, 3), 2.1, 2.4), Array((3,), 0.9, 1.0)),),
    llvm=of_floats("fmod"),
)


def _pow(np: Any, a: Any, b: Any) -> Any:
    if a.dtype.kind == "i" and np.any(b < 0):
        # NumPy refuses negative whole exponents; the result is 0, or +-1 for a base of +-1.
        unit = np.where(a == 1, 1, np.where(a == -1, np.where(b % 2 == 0, 1, -1), 0))
        return np.where(b < 0, unit, np.power(a, np.where(b < 0, 0, b)))
    return np.power(a, b)


def _pow_base(g: Node, out: Node, a: Node, b: Node) -> Node:
    return b.eq(0).where(0, g * (b * a.pow(b - 1)).conj())


def _pow_exponent(g: Node, out: Node, a: Node, b: Node) -> Node:
    # 0 ** b is flat in b for b >= 0, where out * log(a) would be 0 * -inf.
    flat = a.eq(0) if a.dtype.is_complex else a.eq(0) & b.ge(0)
    return flat.where(0, g * (out * a.log()).conj())


def _pow_llvm(emit: Any, a: Any, b: Any) -> Any:
    if a.type.kind == "i1":
        return a | ~b
    return emit.pow(a, b) if a.type.floating else emit.whole_pow(a, b)


pow = binary(
    "pow",
    "a ** b. At b = 0 the derivative in a is 0.",
    numpy=_pow,
    vjp=(_pow_base, _pow_exponent),
    samples=pairs(0.5, 2.0),
    llvm=_pow_llvm,
)


def _at_ties(wins: str) -> tuple:
    """Gradients of an extreme of two: all to the winner, half to each at a tie."""

    def first(g: Node, out: Node, a: Node, b: Node) -> Node:
        return a.eq(b).where(g / 2, getattr(a, wins)(b).where(g, 0))

    def second(g: Node, out: Node, a: Node, b: Node) -> Node:
        return a.eq(b).where(g / 2, getattr(a, wins)(b).where(0, g))

    return first, second


maximum = binary(
    "maximum",
    "The larger of a and b; NaN where either is. A tie halves the gradient.",
    numpy=lambda np, a, b: np.maximum(a, b),
    vjp=_at_ties("gt"),
    samples=pairs(),
    llvm=lambda emit, a, b: emit.maximum(a, b),
)
minimum = binary(
    "minimum",
    "The smaller of a and b; NaN where either is. A tie halves the gradient.",
    numpy=lambda np, a, b: np.minimum(a, b),
    vjp=_at_ties("lt"),
    samples=pairs(),
    llvm=lambda emit, a, b: emit.minimum(a, b),
)
atan2 = binary(
    "atan2",
    "The angle of the point (b, a), in (-pi, pi].",
    numpy=lambda np, a, b: np.arctan2(a, b),
    vjp=(
        lambda g, out, a, b: g * (b / (a * a + b * b)),
        lambda g, out, a, b: g * (-a / (a * a + b * b)),
    ),
    samples=pairs(0.5, 2.0),
    llvm=of_floats("atan2"),
)
hypot = binary(
    "hypot",
    "sqrt(a^2 + b^2) without overflow.",
    numpy=lambda np, a, b: np.hypot(a, b),
    vjp=(lambda g, out, a, b: g * (a / out), lambda g, out, a, b: g * (b / out)),
    samples=pairs(0.5, 2.0),
    llvm=of_floats("hypot"),
)
copysign = binary(
    "copysign",
    "The size of a with the sign of b; the derivative at a = 0 is 0.",
    numpy=lambda np, a, b: np.copysign(a, b),
    vjp=(lambda g, out, a, b: g * a.eq(0).where(0, out / a), lambda g, out, a, b: g * 0),
    samples=pairs(0.5, 2.0),
    llvm=of_floats("copysign"),
)
nextafter = binary(
    "nextafter",
    "The number next to a towards b.",
    numpy=lambda np, a, b: np.nextafter(a, b),
    samples=pairs(grad=False),
    llvm=of_floats("nextafter"),
)

# ---------------------------------------------------------------- functions of one number


def _same(np: Any, x: Any) -> Any:
    return x


neg = unary(
    "neg",
    "-x.",
    numpy=lambda np, x: -x,
    vjp=lambda g, out, x: -g,
    samples=floats(),
    llvm=lambda emit, x: None if x.type.kind == "i1" else -x,
)


class Conj(Unary):
    """A real number is its own conjugate, so for real dtypes no node is made."""

    __slots__ = ()

    def builder(self) -> Callable[..., Node]:
        def build(x: Node) -> Node:
            return Node(self, (x,), (), x.shape, x.dtype) if x.dtype.category == COMPLEX else x

        return build


conj = Conj(
    "conj",
    "The complex conjugate.",
    kind=ELEMENTWISE,
    shape=lambda x: x.shape,
    numpy=lambda np, x: np.conj(x),
    vjp=lambda g, out, x: g.conj(),
    samples=(call(Array((2, 3), dtype="complex128")),),
)
real = unary(
    "real",
    "The real part.",
    numpy=lambda np, x: np.real(x),
    dtype=lambda x: x.dtype.to_real(),
    vjp=lambda g, out, x: g.cast(x.dtype),
    samples=(call(Array((2, 3), dtype="complex128")),),
    llvm=lambda emit, x: x,
)
imag = unary(
    "imag",
    "The imaginary part.",
    numpy=lambda np, x: np.imag(x),
    dtype=lambda x: x.dtype.to_real(),
    vjp=lambda g, out, x: g.cast(x.dtype) * 1j,
    samples=(call(Array((2, 3), dtype="complex128")),),
    llvm=lambda emit, x: emit.constant(0),
)


def _complex(np: Any, a: Any, b: Any) -> Any:
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(a.dtype, np.complex64))
    out.real, out.imag = a, b  # a + 1j * b would turn infinities into NaN
    return out


complex_ = Primitive(
    "complex",
    "A complex number of its real and imaginary parts.",
    kind=ELEMENTWISE,
    arity=2,
    shape=lambda a, b: broadcast_all((a.shape, b.shape)),
    dtype=lambda a, b: a.dtype.to_complex(),
    numpy=_complex,
    vjp=(lambda g, out, a, b: g.real(), lambda g, out, a, b: g.imag()),
    samples=pairs(),
)


exp = unary(
    "exp",
    "e ** x.",
    numpy=lambda np, x: np.exp(x),
    vjp=lambda g, out, x: g * out.conj(),
    samples=floats(),
    llvm=of_floats("exp"),
)
exp2 = unary(
    "exp2",
    "2 ** x.",
    numpy=lambda np, x: np.exp2(x),
    vjp=lambda g, out, x: g * (out * LN2).conj(),
    samples=floats(),
    llvm=of_floats("exp2"),
)
expm1 = unary(
    "expm1",
    "exp(x) - 1, accurate for small x.",
    numpy=lambda np, x: np.expm1(x),
    vjp=lambda g, out, x: g * (out + 1).conj(),
    samples=floats(),
    llvm=of_floats("expm1"),
)
log = unary(
    "log",
    "The natural logarithm.",
    numpy=lambda np, x: np.log(x),
    vjp=lambda g, out, x: g / x.conj(),
    samples=floats(0.3, 3),
    llvm=of_floats("log"),
)
log2 = unary(
    "log2",
    "The logarithm to base 2.",
    numpy=lambda np, x: np.log2(x),
    vjp=lambda g, out, x: g / (x.conj() * LN2),
    samples=floats(0.3, 3),
    llvm=of_floats("log2"),
)
log10 = unary(
    "log10",
    "The logarithm to base 10.",
    numpy=lambda np, x: np.log10(x),
    vjp=lambda g, out, x: g / (x.conj() * LN10),
    samples=floats(0.3, 3),
    llvm=of_floats("log10"),
)
log1p = unary(
    "log1p",
    "log(1 + x), accurate for small x.",
    numpy=lambda np, x: np.log1p(x),
    vjp=lambda g, out, x: g / (x + 1).conj(),
    samples=floats(-0.6, 3),
    llvm=of_floats("log1p"),
)
sqrt = unary(
    "sqrt",
    "The square root.",
    numpy=lambda np, x: np.sqrt(x),
    vjp=lambda g, out, x: g / (out.conj() * 2),
    samples=floats(0.3, 3),
    llvm=of_floats("sqrt"),
)
rsqrt = unary(
    "rsqrt",
    "1 / sqrt(x).",
    numpy=lambda np, x: 1 / np.sqrt(x),
    vjp=lambda g, out, x: g * (out * out * out).conj() * -0.5,
    samples=floats(0.3, 3),
    llvm=of_floats("rsqrt"),
)
reciprocal = unary(
    "reciprocal",
    "1 / x.",
    numpy=lambda np, x: np.true_divide(1, x).astype(x.dtype),
    vjp=lambda g, out, x: -g * (out * out).conj(),
    samples=floats(0.3, 3),
    llvm=lambda emit, x: 1 / x if x.type.floating else None,
)
sin = unary(
    "sin",
    "The sine of x radians.",
    numpy=lambda np, x: np.sin(x),
    vjp=lambda g, out, x: g * x.cos().conj(),
    samples=floats(),
    llvm=of_floats("sin"),
)
cos = unary(
    "cos",
    "The cosine of x radians.",
    numpy=lambda np, x: np.cos(x),
    vjp=lambda g, out, x: -g * x.sin().conj(),
    samples=floats(),
    llvm=of_floats("cos"),
)
tan = unary(
    "tan",
    "The tangent of x radians.",
    numpy=lambda np, x: np.tan(x),
    vjp=lambda g, out, x: g * (out * out + 1).conj(),
    samples=floats(-1, 1),
    llvm=of_floats("tan"),
)
asin = unary(
    "asin",
    "The angle in radians whose sine is x.",
    numpy=lambda np, x: np.arcsin(x),
    vjp=lambda g, out, x: g * (1 - x * x).rsqrt().conj(),
    samples=floats(-0.8, 0.8),
    llvm=of_floats("asin"),
)
acos = unary(
    "acos",
    "The angle in radians whose cosine is x.",
    numpy=lambda np, x: np.arccos(x),
    vjp=lambda g, out, x: -g * (1 - x * x).rsqrt().conj(),
    samples=floats(-0.8, 0.8),
    llvm=of_floats("acos"),
)
atan = unary(
    "atan",
    "The angle in radians whose tangent is x.",
    numpy=lambda np, x: np.arctan(x),
    vjp=lambda g, out, x: g / (x * x + 1).conj(),
    samples=floats(),
    llvm=of_floats("atan"),
)
sinh = unary(
    "sinh",
    "The hyperbolic sine.",
    numpy=lambda np, x: np.sinh(x),
    vjp=lambda g, out, x: g * x.cosh().conj(),
    samples=floats(),
    llvm=of_floats("sinh"),
)
cosh = unary(
    "cosh",
    "The hyperbolic cosine.",
    numpy=lambda np, x: np.cosh(x),
    vjp=lambda g, out, x: g * x.sinh().conj(),
    samples=floats(),
    llvm=of_floats("cosh"),
)
tanh = unary(
    "tanh",
    "The hyperbolic tangent.",
    numpy=lambda np, x: np.tanh(x),
    vjp=lambda g, out, x: g * (1 - out * out).conj(),
    samples=floats(),
    llvm=of_floats("tanh"),
)
asinh = unary(
    "asinh",
    "The inverse of sinh.",
    numpy=lambda np, x: np.arcsinh(x),
    vjp=lambda g, out, x: g * (x * x + 1).rsqrt().conj(),
    samples=floats(),
    llvm=of_floats("asinh"),
)
acosh = unary(
    "acosh",
    "The inverse of cosh, for x >= 1.",
    numpy=lambda np, x: np.arccosh(x),
    vjp=lambda g, out, x: (
        g * (x * x - 1).rsqrt().conj()
        if not x.dtype.is_complex
        else g * ((x - 1).rsqrt() * (x + 1).rsqrt()).conj()
    ),
    samples=floats(1.3, 3),
    llvm=of_floats("acosh"),
)
atanh = unary(
    "atanh",
    "The inverse of tanh, for |x| < 1.",
    numpy=lambda np, x: np.arctanh(x),
    vjp=lambda g, out, x: g / (1 - x * x).conj(),
    samples=floats(-0.8, 0.8),
    llvm=of_floats("atanh"),
)


def _sigmoid(np: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1, small) / (1 + small)


sigmoid = unary(
    "sigmoid",
    "1 / (1 + exp(-x)).",
    numpy=_sigmoid,
    vjp=lambda g, out, x: g * (out * (1 - out)).conj(),
    samples=floats(),
    llvm=of_floats("sigmoid"),
)
relu = unary(
    "relu",
    "max(x, 0); NaN stays. The derivative at 0 is 0.",
    numpy=lambda np, x: np.maximum(x, 0),
    vjp=lambda g, out, x: out.gt(0).where(g, 0),
    samples=floats(),
    llvm=lambda emit, x: emit.select(emit.constant(0).gt(x), 0, x),
)


def _abs_rule(g: Node, out: Node, x: Node) -> Node:
    return g.cast(x.dtype) * x.sign() if x.dtype.is_complex else g * x.sign()


abs = unary(
    "abs",
    "The distance from 0; the derivative at 0 is 0.",
    numpy=lambda np, x: np.abs(x),
    dtype=lambda x: x.dtype.to_real(),
    vjp=_abs_rule,
    samples=floats(),
    llvm=lambda emit, x: emit.abs(x),
)


def _sign(np: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.abs(x)
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size))


def _sign_rule(g: Node, out: Node, x: Node) -> Node | None:
    if not x.dtype.is_complex:
        return _flat(g, out, x)
    # The part of g along the radius does not turn the unit number.
    along = (g * out.conj()).real().cast(x.dtype) * out
    return out.eq(0).where(0, (g - along) / x.abs().cast(x.dtype))


sign = unary(
    "sign",
    "-1, 0 or 1; x / |x| for complex numbers.",
    numpy=_sign,
    vjp=_sign_rule,
    samples=floats(),
    llvm=lambda emit, x: emit.sign(x),
)


def _flat(g: Node, out: Node, x: Node) -> Node:
    """The derivative of what is flat wherever it has one."""
    return constant(0, x.dtype).expand(x.shape)


floor = unary(
    "floor",
    "The largest whole number not above x.",
    numpy=lambda np, x: np.floor(x),
    vjp=_flat,
    samples=floats(),
    llvm=of_floats("floor"),
)
ceil = unary(
    "ceil",
    "The smallest whole number not below x.",
    numpy=lambda np, x: np.ceil(x),
    vjp=_flat,
    samples=floats(),
    llvm=of_floats("ceil"),
)
trunc = unary(
    "trunc",
    "x without its fraction.",
    numpy=lambda np, x: np.trunc(x),
    vjp=_flat,
    samples=floats(),
    llvm=of_floats("trunc"),
)
round = unary(
    "round",
    "The nearest whole number; halves go to the even one.",
    numpy=lambda np, x: np.rint(x),
    vjp=_flat,
    samples=floats(),
    llvm=of_floats("round"),
)

# ---------------------------------------------------------------- comparisons

eq = binary(
    "eq",
    "a == b.",
    numpy=lambda np, a, b: a == b,
    to_bool=True,
    samples=pairs(grad=False),
    llvm=lambda emit, a, b: a.eq(b),
)
ne = binary(
    "ne",
    "a != b.",
    numpy=lambda np, a, b: a != b,
    to_bool=True,
    samples=pairs(grad=False),
    llvm=lambda emit, a, b: a.ne(b),
)
lt = binary(
    "lt",
    "a < b.",
    numpy=lambda np, a, b: a < b,
    to_bool=True,
    samples=pairs(grad=False),
    llvm=lambda emit, a, b: a.lt(b),
)
le = binary(
    "le",
    "a <= b.",
    numpy=lambda np, a, b: a <= b,
    to_bool=True,
    samples=pairs(grad=False),
    llvm=lambda emit, a, b: a.le(b),
)
gt = binary(
    "gt",
    "a > b.",
    numpy=lambda np, a, b: a > b,
    to_bool=True,
    samples=pairs(grad=False),
    llvm=lambda emit, a, b: a.gt(b),
)
ge = binary(
    "ge",
    "a >= b.",
    numpy=lambda np, a, b: a >= b,
    to_bool=True,
    samples=pairs(grad=False),
    llvm=lambda emit, a, b: a.ge(b),
)


def _to_bool(*args: Any) -> DType:
    return bool_dtype


isnan = unary(
    "isnan",
    "Whether x is not a number.",
    numpy=lambda np, x: np.isnan(x),
    dtype=_to_bool,
    samples=floats(),
    llvm=lambda emit, x: x.is_nan() if x.type.floating else emit.constant(False),
)
isinf = unary(
    "isinf",
    "Whether x is infinite.",
    numpy=lambda np, x: np.isinf(x),
    dtype=_to_bool,
    samples=floats(),
    llvm=lambda emit, x: emit.abs(x).eq(math.inf) if x.type.floating else emit.constant(False),
)
isfinite = unary(
    "isfinite",
    "Whether x is neither infinite nor NaN.",
    numpy=lambda np, x: np.isfinite(x),
    dtype=_to_bool,
    samples=floats(),
    llvm=lambda emit, x: emit.abs(x).lt(math.inf) if x.type.floating else emit.constant(True),
)
signbit = unary(
    "signbit",
    "Whether the sign bit is set.",
    numpy=lambda np, x: np.signbit(x),
    dtype=_to_bool,
    samples=floats(),
    llvm=lambda emit, x: emit.signbit(x),
)

# ---------------------------------------------------------------- bits

_WHOLE = (call(Array((2, 3), 0, 9, "int64"), Array((3,), 0, 5, "int64")),)
bitwise_and = binary(
    "bitwise_and",
    "a & b.",
    numpy=lambda np, a, b: a & b,
    samples=_WHOLE,
    llvm=lambda emit, a, b: a & b,
)
bitwise_or = binary(
    "bitwise_or",
    "a | b.",
    numpy=lambda np, a, b: a | b,
    samples=_WHOLE,
    llvm=lambda emit, a, b: a | b,
)
bitwise_xor = binary(
    "bitwise_xor",
    "a ^ b.",
    numpy=lambda np, a, b: a ^ b,
    samples=_WHOLE,
    llvm=lambda emit, a, b: a ^ b,
)
bitwise_not = unary(
    "bitwise_not",
    "~x; `not` for booleans.",
    numpy=lambda np, x: ~x,
    samples=(call(Array((2, 3), 0, 9, "int64")),),
    llvm=lambda emit, x: ~x,
)
shift_left = binary(
    "shift_left",
    "a << b.",
    numpy=lambda np, a, b: np.left_shift(a, b),
    samples=_WHOLE,
    llvm=lambda emit, a, b: emit.shift_left(a, b),
)
shift_right = binary(
    "shift_right",
    "a >> b, keeping the sign.",
    numpy=lambda np, a, b: np.right_shift(a, b),
    samples=_WHOLE,
    llvm=lambda emit, a, b: emit.shift_right(a, b),
)
gcd = binary(
    "gcd",
    "The greatest common divisor.",
    numpy=lambda np, a, b: np.gcd(a, b),
    samples=_WHOLE,
    llvm=lambda emit, a, b: None if a.type.kind == "i1" else emit.gcd(a, b),
)
lcm = binary(
    "lcm",
    "The least common multiple.",
    numpy=lambda np, a, b: np.lcm(a, b),
    samples=_WHOLE,
    llvm=lambda emit, a, b: None if a.type.kind == "i1" else emit.lcm(a, b),
)

# ---------------------------------------------------------------- choice and casts


class Where(Primitive):
    """cond.where(a, b); a Python number takes the dtype of the other branch."""

    __slots__ = ()

    def builder(self) -> Callable[..., Node]:
        def build(cond: Node, a: Any, b: Any) -> Node:
            if type(a) is not Node:
                a = constant(a, b.dtype)
            elif type(b) is not Node:
                b = constant(b, a.dtype)
            assert a.dtype is b.dtype and cond.dtype is bool_dtype, (cond.dtype, a.dtype, b.dtype)
            shape = cond.shape
            if not (shape == a.shape == b.shape):
                shape = broadcast_all((shape, a.shape, b.shape))
            return Node(self, (cond, a, b), (), shape, a.dtype)

        return build


where = Where(
    "where",
    "a where the condition holds, else b.",
    kind=ELEMENTWISE,
    arity=3,
    shape=lambda c, a, b: broadcast_all((c.shape, a.shape, b.shape)),
    dtype=lambda c, a, b: a.dtype,
    numpy=lambda np, c, a, b: np.where(c, a, b),
    moves=True,
    vjp=(None, lambda g, out, c, a, b: c.where(g, 0), lambda g, out, c, a, b: c.where(0, g)),
    samples=(call(Array((2, 3), 0, 1, "bool"), (3,), (2, 1)), call(Array((), 0, 1, "bool"), (2,), ())),
    llvm=lambda emit, c, a, b: emit.select(c, a, b),
)


def _cast_rule(g: Node, out: Node, x: Node, dtype: DType) -> Node | None:
    if x.dtype.category < 2 or dtype.category < 2:
        return None
    if g.dtype.is_complex and not x.dtype.is_complex:
        g = g.real()
    return g.cast(x.dtype) if g.dtype is not x.dtype else g


def _cast(np: Any, x: Any, dtype: DType) -> Any:
    if x.dtype.kind == "c" and not dtype.is_complex:
        x = x.real if dtype.name != "bool" else x != 0
    if dtype.category == 1 and x.dtype.kind not in "iub":
        return _to_whole(np, x.astype(np.float64) if x.dtype.kind == "V" else x, dtype)
    return x.astype(dtype.numpy)


def _to_whole(np: Any, x: Any, dtype: DType) -> Any:
    # Out of range is undefined in C; this is what x86 gives: through int64, then wrapped.
    if dtype.itemsize == 8:
        return x.astype(dtype.numpy)
    return x.astype(np.int64).astype(dtype.numpy)


cast = Unary(
    "cast",
    "The same number in another dtype; towards zero into integers.",
    kind=ELEMENTWISE,
    shape=lambda x, dtype: x.shape,
    dtype=lambda x, dtype: dtype,
    numpy=_cast,
    moves=True,
    vjp=_cast_rule,
    grad_name="ToCopyBackward0",
    samples=(
        call(Array((2, 3)), params=(complex128,)),
        call(Array((2, 3), 0, 5, "int64"), params=(float64,)),
    ),
    llvm=lambda emit, x, dtype: emit.cast(x, dtype.name),
)
copy = unary(
    "copy",
    "The same numbers.",
    grad_name="CloneBackward0",
    numpy=_same,
    moves=True,
    vjp=lambda g, out, x: g,
    samples=floats(),
    llvm=lambda emit, x: x,
)
