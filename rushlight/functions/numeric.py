"""Arithmetic of more than two operands or with a rule of its own: addcmul, lerp, fmax, logaddexp, xlogy, ldexp, frexp,
nan_to_num, angle, polar.

Plain arithmetic is in arithmetic.py, functions of one number in pointwise.py, special functions in transcendental.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..autograd.entry import Op
from ..autograd.record import operation, primitive, title
from ..dtypes import COMPLEX, FLOATING, INTEGRAL, float64
from ..graph.node import Node, constant
from ..ops import elementwise as ops
from ..results import named
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import as_floating, is_number, lacking, need_tensor, operands, plain, to_dtype
from .arithmetic import pow
from .opmath import widened
from .register import function

# ---------------------------------------------------------------- a third operand


def _addcmul(x: Node, a: Node, b: Node, value: Any) -> Node:
    return x + (a * b if value == 1 else a * value * b)


def _addcmul_rule(g: Node, out: Node, ins: tuple, needs: tuple, value: Any) -> tuple:
    scaled = g if value == 1 else g * constant(value, g.dtype).conj()
    return g, scaled * ins[2].conj() if needs[1] else None, scaled * ins[1].conj() if needs[2] else None


def _addcdiv(x: Node, a: Node, b: Node, value: Any) -> Node:
    return x + (a if value == 1 else a * value) / b


def _addcdiv_rule(g: Node, out: Node, ins: tuple, needs: tuple, value: Any) -> tuple:
    scaled = g if value == 1 else g * constant(value, g.dtype).conj()
    _, a, b = ins
    return g, scaled / b.conj() if needs[1] else None, -scaled * (a / (b * b)).conj() if needs[2] else None


_ADDCMUL = widened("AddcmulBackward0", _addcmul, _addcmul_rule)
_ADDCDIV = widened("AddcdivBackward0", _addcdiv, _addcdiv_rule)


def _factors(tensor1: Any, tensor2: Any, old: tuple, value: Any) -> tuple[Any, Any, Any]:
    """(tensor1, tensor2, value); PyTorch's old form gave the number before the two tensors."""
    if old:
        value, tensor1, tensor2 = tensor1, tensor2, old[0]
    return tensor1, tensor2, plain(value)


@function(inplace=True)
def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *old: Any, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2, broadcast and promoted. Source: torch.addcmul."""
    a, b, value = _factors(tensor1, tensor2, old, value)
    x, a, b = operands("addcmul", input, a, b)
    if dtype_of(x).category <= INTEGRAL:
        value = int(value)
    return operation(_ADDCMUL, (x, a, b), (value,))


@function(inplace=True)
def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *old: Any, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2, broadcast and promoted; integers are not divided. Source: torch.addcdiv."""
    a, b, value = _factors(tensor1, tensor2, old, value)
    if dtype_of(a).category <= INTEGRAL and dtype_of(b).category <= INTEGRAL:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true "
            "division of tensor1 and tensor2: divide yourself, with (input + value * tensor1 / tensor2) or with "
            "(input + value * torch.div(tensor1, tensor2, rounding_mode='trunc'))."
        )
    return operation(_ADDCDIV, tuple(operands("addcdiv", input, a, b)), (value,))


def _lerp_number(a: Node, b: Node, w: Any) -> Node:
    # From the nearer end, so that both ends are met exactly.
    return a + (b - a) * w if abs(w) < 0.5 else b - (b - a) * (1 - w)


def _lerp_number_rule(g: Node, out: Node, ins: tuple, needs: tuple, w: Any) -> tuple:
    w = w.conjugate()
    return g * (1 - w) if needs[0] else None, g * w if needs[1] else None


def _lerp_tensor(a: Node, b: Node, w: Node) -> Node:
    return w.abs().lt(0.5).where(a + (b - a) * w, b - (b - a) * (1 - w))


def _lerp_tensor_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    a, b, w = ins
    return (
        g * (1 - w).conj() if needs[0] else None,
        g * w.conj() if needs[1] else None,
        g * (b - a).conj() if needs[2] else None,
    )


_LERP_NUMBER = widened("LerpBackward0", _lerp_number, _lerp_number_rule)
_LERP_TENSOR = widened("LerpBackward1", _lerp_tensor, _lerp_tensor_rule)


@function(inplace=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input). Source: torch.lerp.

    Raises: RuntimeError when the dtypes differ or are integers.
    """
    dtype = dtype_of(need_tensor("lerp", input))
    for name, value in (("end", need_tensor("lerp", end, 2, "end")), ("weight", weight)):
        if isinstance(value, Tensor) and dtype_of(value) is not dtype:
            if shape_of(value) or name == "end":
                raise RuntimeError(
                    f"expected dtype {_plain_name(dtype)} for `{name}` but got dtype {_plain_name(dtype_of(value))}"
                )
            weight = to_dtype(value, dtype)
    if dtype.category < FLOATING:
        raise lacking("lerp_kernel_scalar", input)
    if is_number(weight):
        return operation(_LERP_NUMBER, (input, end), (plain(weight),))
    return operation(_LERP_TENSOR, (input, end, weight))


def _plain_name(dtype: Any) -> str:
    return next((short for short, of in dtypes.ALIASES.items() if of is dtype), dtype.name)


# ---------------------------------------------------------------- extremes that pass NaN over


def _without_nan(extreme: str) -> Callable:
    def forward(a: Node, b: Node) -> Node:
        if a.dtype.category < FLOATING:
            return getattr(a, extreme)(b)
        return a.isnan().where(b, b.isnan().where(a, getattr(a, extreme)(b)))

    return forward


def _without_nan_rule(wins: str) -> Callable:
    def rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
        a, b = ins
        first = getattr(a, wins)(b) | b.isnan()
        return first.where(g, 0), first.where(0, g)

    return rule


def _nan_free(name: str, op: Op) -> Callable:
    def compute(input: Tensor, other: Tensor) -> Tensor:
        need_tensor(name, other, 2, "other")
        a, b = operands(name, need_tensor(name, input), other)
        if dtype_of(a).category == COMPLEX:
            raise RuntimeError(f"{name} not implemented for complex tensors.")
        return operation(op, (a, b))

    compute.__name__ = name
    compute.__doc__ = f"The {name[1:]}imum of two; where one is NaN, the other. Source: torch.{name}."
    return function(name)(compute)


fmax = _nan_free("fmax", Op("FmaxBackward0", _without_nan("maximum"), _without_nan_rule("ge")))
fmin = _nan_free("fmin", Op("FminBackward0", _without_nan("minimum"), _without_nan_rule("le")))

# ---------------------------------------------------------------- logarithms of sums


def _logadd(a: Node, b: Node, base: float) -> Node:
    if a.dtype.is_complex:
        return _complex_logadd(a, b)
    top, gap = a.maximum(b), (a - b).abs()
    grown = (-gap).exp().log1p() if base == math.e else (-gap).exp2().log1p() * (1 / math.log(2))
    # Equal infinities have no gap.
    return (a.eq(b) & a.isinf()).where(a, top + grown)


def _complex_logadd(a: Node, b: Node) -> Node:
    # The one of larger real part is taken out, so that the other's exponential cannot overflow.
    first = a.real().ge(b.real())
    top, low = first.where(a, b), first.where(b, a)
    still = top.real().isinf() & top.real().lt(0)
    return still.where(top, top + (low - top).exp().log1p())


def _share(g: Node, mine: Node, other: Node, base: float) -> Node:
    """How much of the sum of exponentials is mine."""
    gap = other - mine
    gap = gap.exp() if base == math.e else gap.exp2()
    return g / (gap + 1).conj()


def _logadd_gradients(g: Node, out: Node, ins: tuple, needs: tuple, base: float) -> tuple:
    a, b = ins
    return _share(g, a, b, base) if needs[0] else None, _share(g, b, a, base) if needs[1] else None


_LOGADDEXP = widened("LogaddexpBackward0", _logadd, _logadd_gradients)
_LOGADDEXP2 = widened("Logaddexp2Backward0", _logadd, _logadd_gradients)


def _floating_pair(name: str, input: Tensor, other: Tensor) -> list[Tensor]:
    pair = operands(name, need_tensor(name, input), need_tensor(name, other, 2, "other"))
    if dtype_of(pair[0]).category < FLOATING:
        raise lacking(f"{name}_cpu", pair[0])
    return pair


@function()
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)) without overflow. Source: torch.logaddexp."""
    return operation(_LOGADDEXP, tuple(_floating_pair("logaddexp", input, other)), (math.e,))


@function()
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2 ** input + 2 ** other) without overflow. Source: torch.logaddexp2."""
    return operation(_LOGADDEXP2, tuple(_floating_pair("logaddexp2", input, other)), (2.0,))


# ---------------------------------------------------------------- powers and exponents


def _need_one_tensor(name: str, a: Any, b: Any) -> None:
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(a).__name__}, {type(b).__name__}): "
            "one of them must be a Tensor"
        )


@function(inplace=True)
def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent in float64, or complex128. Source: torch.float_power."""
    _need_one_tensor("float_power", input, exponent)
    kinds = [
        dtype_of(v).category if isinstance(v, Tensor) else COMPLEX * isinstance(v, complex)
        for v in (input, exponent)
    ]
    wide = dtypes.complex128 if COMPLEX in kinds else float64
    base, power = (to_dtype(v, wide) if isinstance(v, Tensor) else v for v in (input, exponent))
    return pow(base, power)


_float_power_of = Tensor.float_power_  # type: ignore[attr-defined]


def _float_power_in_place(self: Tensor, exponent: Any) -> Tensor:
    """In-place float_power, for float64 and complex128 alone. Source: torch.Tensor.float_power_."""
    need = dtypes.complex128 if dtype_of(self).is_complex else float64
    if dtype_of(self) is not need:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {title(dtype_of(self))} but the operation's result requires "
            f"dtype {title(need)}"
        )
    return _float_power_of(self, exponent)


Tensor.float_power_ = _float_power_in_place  # type: ignore[attr-defined]

_LDEXP = Op(
    "LdexpBackward0",
    lambda x, n: x * n.exp2(),
    lambda g, out, ins, needs: (
        g * ins[1].exp2().conj(),
        g * (out * math.log(2)).conj() if needs[1] else None,
    ),
)


@function(inplace=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2 ** other. Source: torch.ldexp."""
    need_tensor("ldexp", input)
    x, n = operands("ldexp", input, as_floating(need_tensor("ldexp", other, 2, "other")), floating=True)
    return operation(_LDEXP, (x, n))


_FREXP = Op("FrexpBackward0", lambda x: (x.mantissa(), x.exponent()))


@function()
def frexp(input: Tensor) -> Any:
    """(mantissa, exponent) with input = mantissa * 2 ** exponent and 1/2 <= |mantissa| < 1. Source: torch.frexp.

    >>> import rushlight as torch
    >>> torch.frexp(torch.tensor([8.0])).exponent
    tensor([4], dtype=torch.int32)
    """
    if dtype_of(need_tensor("frexp", input)).category != FLOATING:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return named("frexp", "mantissa", "exponent")(*operation(_FREXP, (input,)))


def _xlogy(x: Node, y: Node) -> Node:
    return (x.eq(0) & y.eq(y)).where(0, x * y.log())


def _xlogy_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    x, y = ins
    first = (x.eq(0) & y.le(0)).where(0, g * y.log()) if needs[0] else None
    return first, g * (x / y) if needs[1] else None


_XLOGY = widened("XlogyBackward0", _xlogy, _xlogy_rule)


@function(inplace=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), and 0 where input is 0 and other is no NaN. Source: torch.xlogy."""
    _need_one_tensor("xlogy", input, other)
    return operation(_XLOGY, tuple(operands("xlogy", input, other, floating=True)))


@function(inplace=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where input is negative, 1 where it is positive, `values` where it is 0. Source: torch.heaviside."""
    if dtype_of(need_tensor("heaviside", input)) is not dtype_of(
        need_tensor("heaviside", values, 2, "values")
    ):
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    if dtype_of(input).category == COMPLEX:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    x = input.detach()
    return primitive(ops.where, (x == 0, values.detach(), to_dtype(x > 0, dtype_of(x))))


# ---------------------------------------------------------------- NaN, angles


def _nan_to_num(x: Node, nan: float, posinf: float, neginf: float) -> Node:
    if x.dtype.is_complex:
        parts = (_nan_to_num(part, nan, posinf, neginf) for part in (x.real(), x.imag()))
        return ops.complex_(*parts)
    up, down = x.isinf() & x.gt(0), x.isinf() & x.lt(0)
    return x.isnan().where(nan, up.where(posinf, down.where(neginf, x)))


def _nan_to_num_rule(g: Node, out: Node, ins: tuple, needs: tuple, *limits: float) -> tuple:
    (x,) = ins
    if x.dtype.is_complex:
        parts = (part.isfinite().where(h, 0) for part, h in zip((x.real(), x.imag()), (g.real(), g.imag())))
        return (ops.complex_(*parts),)
    return (x.isfinite().where(g, 0),)


_NAN_TO_NUM = Op("NanToNumBackward0", _nan_to_num, _nan_to_num_rule)


@function(inplace=True)
def nan_to_num(input: Tensor, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Tensor:
    """input with NaN (by default 0) and infinities (the dtype's limits) replaced. Source: torch.nan_to_num.

    >>> import rushlight as torch
    >>> torch.nan_to_num(torch.tensor([float("nan"), 1.0]))
    tensor([0., 1.])
    """
    if dtype_of(need_tensor("nan_to_num", input)).category <= INTEGRAL:
        return primitive(ops.copy, (input,))
    most = largest(dtype_of(input).to_real())
    limits = (
        0.0 if nan is None else nan,
        most if posinf is None else posinf,
        -most if neginf is None else neginf,
    )
    return operation(_NAN_TO_NUM, (input,), tuple(float(v) for v in limits))


def largest(dtype: Any) -> float:
    """The largest finite number of a floating dtype."""
    if dtype.name in ("float16", "float32", "float64"):
        import numpy as np

        return float(np.finfo(dtype.numpy).max)
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype.numpy).max)


def _angle(x: Node) -> Node:
    if x.dtype.is_complex:
        return x.imag().atan2(x.real())
    return x.isnan().where(x, x.lt(0).where(math.pi, x * 0))


def _angle_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    (x,) = ins
    if not x.dtype.is_complex:
        return (constant(0, x.dtype).expand(x.shape),)
    # Turning by a small angle moves x by 1j * x; at 0 there is no angle.
    size = (x * x.conj()).real()
    along = (size.eq(0).where(0, g / size)).cast(x.dtype)
    return (along * x * 1j,)


_ANGLE = Op("AngleBackward0", _angle, _angle_rule)


@function()
def angle(input: Tensor) -> Tensor:
    """The angle of a complex number, in radians; of a real one 0 or pi. Source: torch.angle."""
    return operation(_ANGLE, (as_floating(need_tensor("angle", input)),))


_POLAR = Op("PolarBackward0", lambda size, angle: ops.complex_(size * angle.cos(), size * angle.sin()))


@function(method=False)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex numbers of given sizes and angles (radians). Source: torch.polar."""
    if dtype_of(need_tensor("polar", abs)) is not dtype_of(need_tensor("polar", angle, 2, "angle")):
        raise RuntimeError(
            f"Expected object of scalar type {title(dtype_of(abs))} but got scalar type {title(dtype_of(angle))} "
            "for second argument"
        )
    if dtype_of(abs).name not in ("float32", "float64"):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {title(dtype_of(abs))}"
        )
    return operation(_POLAR, (abs, angle))
