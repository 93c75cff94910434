"""What functions of float32 and float64 share: picking constants by format, polynomials, powers of two, exact sums.

Nothing here is a function of mathematics; those are in exponentials.py, angles.py, special.py and division.py, and
mathematics.py hands them to the primitives' rules. A function with constants for both formats takes them by `pick`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from .emit import Builder, Type, Value
from .target import lanes

INF, NAN = math.inf, math.nan


def wide(x: Value) -> bool:
    return x.type.kind == "f64"


def pick(x: Value, single: Any, double: Any) -> Any:
    """The one of two constants that belongs to x's format."""
    return double if x.type.kind == "f64" else single


def bits_of(b: Builder, x: Value) -> Value:
    return b.bitcast(x, x.type.as_int())


def horner(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial in x; the constant term comes first."""
    value = b.constant(coefficients[-1], x.type)
    for c in reversed(coefficients[:-1]):
        value = b.fma(value, x, c)
    return value


def at_most(b: Builder, x: Value, bound: float) -> Value:
    """min(x, bound); NaN stays."""
    limit = b.constant(bound, x.type)
    return b.select(limit.lt(x), limit, x)


def at_least(b: Builder, x: Value, bound: float) -> Value:
    """max(x, bound); NaN stays."""
    limit = b.constant(bound, x.type)
    return b.select(limit.gt(x), limit, x)


def in_double(function: Callable[..., Value]) -> Callable[..., Value]:
    """The function of float64, for float32 too."""

    @wraps(function)
    def either(b: Builder, *values: Value) -> Value:
        if values[0].type.kind == "f64":
            return function(b, *values)
        return b.convert(function(b, *[b.convert(v, "f64") for v in values]), "f32")

    return either


def either_horner(b: Builder, first: Value, x: Value, one: Sequence[float], other: Sequence[float]) -> Value:
    """The polynomial with coefficients `one` where `first` holds, else with `other`."""
    both = [b.select(first, b.constant(p, x.type), q) for p, q in zip(one, other, strict=True)]
    value = both[-1]
    for c in reversed(both[:-1]):
        value = b.fma(value, x, c)
    return value


def trunc(b: Builder, x: Value) -> Value:
    return b.intrinsic("trunc", x.type, x)


def any_lane(b: Builder, mask: Value) -> Value:
    """Whether any lane of the mask holds."""
    count = mask.type.lanes
    if count == 1:
        return mask
    whole = b.emit(Type(f"i{count}"), f"bitcast {mask.type.text} {mask.text} to i{count}")
    return b.emit(Type("i1"), f"icmp ne i{count} {whole.text}, 0")


# ---------------------------------------------------------------- powers of two

# Adding 1.5 * 2^digits rounds to a whole number, which the low bits of the sum hold.
_MAGIC32, _MAGIC64 = 1.5 * 2.0**23, 1.5 * 2.0**52


def digits_of(x: Value) -> int:
    """Bits of the fraction."""
    return pick(x, 23, 52)


def one_bits(x: Value) -> int:
    return pick(x, 127 << 23, 1023 << 52)


def infinity_bits(x: Value) -> int:
    return pick(x, 255 << 23, 2047 << 52)


def rounded(b: Builder, x: Value, scale: float | None = None) -> tuple[Value, Value]:
    """(n, n + magic) with n the whole number nearest to x * scale."""
    magic = pick(x, _MAGIC32, _MAGIC64)
    shifted = x + magic if scale is None else b.fma(x, scale, magic)
    return shifted - magic, shifted


def times_power(b: Builder, x: Value, shifted: Value) -> Value:
    """x * 2^n of `shifted` = n + magic: rounded once below the normal range, infinite above it."""
    whole, digits = bits_of(b, shifted), digits_of(x)
    if lanes() == 16:
        # AVX-512 has this as one instruction.
        n = whole - pick(x, 0x4B400000, 0x4338000000000000)
        n = b.convert(n, "i32")
        return b.intrinsic("ldexp", x.type, x, n, overload=(x.type, n.type))
    half = (whole << (digits - 1)) & -(1 << digits)
    rest = (whole << digits) - half
    one = one_bits(x)
    return x * b.bitcast(half + one, x.type) * b.bitcast(rest + one, x.type)


def power_of_two(b: Builder, shifted: Value) -> Value:
    """2^n of `shifted` = n + magic, for n in the normal range."""
    return b.bitcast((bits_of(b, shifted) << digits_of(shifted)) + one_bits(shifted), shifted.type)


# ---------------------------------------------------------------- exact sums and products


def two_sum(b: Builder, a: Value, c: Value) -> tuple[Value, Value]:
    """(a + c rounded, what rounding lost)."""
    total = a + c
    part = total - a
    return total, (a - (total - part)) + (c - part)


def fast_sum(b: Builder, a: Value, c: Value) -> tuple[Value, Value]:
    """`two_sum` for |a| >= |c| or a = 0."""
    total = a + c
    return total, c - (total - a)


def pair_product(b: Builder, a: Value, a_low: Value, c: Value, c_low: Value) -> tuple[Value, Value]:
    """(a + a_low) * (c + c_low) as a sum of two."""
    product = a * c
    return product, b.fma(a, c, -product) + b.fma(a, c_low, a_low * c)
