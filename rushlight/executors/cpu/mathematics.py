"""Vector mathematics: exp, log, sin, tanh, erf, pow, ... on any number of lanes of float32 or float64.

Each function takes emit's values and gives one: straight lines of fma and polynomials, no call. Results are within 1 to
2 units in the last place (4 for the special functions), and right for NaN, infinities, both zeros and denormals.
Polynomials are minimax (Remez), their coefficients rounded to the format one after another, the constant term first.

`Emit`, at the end, is what the `llvm` rules of ops/ see. A float32 function that no inner loop is made of is computed in
float64: simpler than a second set of coefficients.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from .emit import Builder, Type, Value
from .target import lanes

INF, NAN = math.inf, math.nan


def _wide(x: Value) -> bool:
    return x.type.kind == "f64"


def _for(x: Value, single: Any, double: Any) -> Any:
    """The one of two constants that belongs to x's format."""
    return double if x.type.kind == "f64" else single


def _int(x: Value) -> Type:
    """Signed integers of x's width and lanes."""
    return x.type.as_int()


def _bits(b: Builder, x: Value) -> Value:
    return b.bitcast(x, x.type.as_int())


def horner(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial in x; the constant term comes first."""
    value = b.constant(coefficients[-1], x.type)
    for c in reversed(coefficients[:-1]):
        value = b.fma(value, x, c)
    return value


def _at_most(b: Builder, x: Value, bound: float) -> Value:
    """min(x, bound); NaN stays."""
    limit = b.constant(bound, x.type)
    return b.select(limit.lt(x), limit, x)


def _at_least(b: Builder, x: Value, bound: float) -> Value:
    """max(x, bound); NaN stays."""
    limit = b.constant(bound, x.type)
    return b.select(limit.gt(x), limit, x)


def _in_double(function: Callable[..., Value]) -> Callable[..., Value]:
    """The function of float64, for float32 too."""

    def either(b: Builder, *values: Value) -> Value:
        if values[0].type.kind == "f64":
            return function(b, *values)
        return b.convert(function(b, *[b.convert(v, "f64") for v in values]), "f32")

    return either


# ---------------------------------------------------------------- powers of two

# Adding 1.5 * 2^digits rounds to a whole number, which the low bits of the sum hold.
_MAGIC32, _MAGIC64 = 1.5 * 2.0**23, 1.5 * 2.0**52


def _digits(x: Value) -> int:
    """Bits of the fraction."""
    return _for(x, 23, 52)


def _one_bits(x: Value) -> int:
    return _for(x, 127 << 23, 1023 << 52)


def _inf_bits(x: Value) -> int:
    return _for(x, 255 << 23, 2047 << 52)


def _rounded(b: Builder, x: Value, scale: float | None = None) -> tuple[Value, Value]:
    """(n, n + magic) with n the whole number nearest to x * scale."""
    magic = _for(x, _MAGIC32, _MAGIC64)
    shifted = x + magic if scale is None else b.fma(x, scale, magic)
    return shifted - magic, shifted


def _times_power(b: Builder, x: Value, shifted: Value) -> Value:
    """x * 2^n of `shifted` = n + magic: rounded once below the normal range, infinite above it."""
    whole, digits = _bits(b, shifted), _digits(x)
    if lanes() == 16:
        # AVX-512 has this as one instruction.
        n = whole - _for(x, 0x4B400000, 0x4338000000000000)
        n = b.convert(n, "i32")
        return b.intrinsic("ldexp", x.type, x, n, overload=(x.type, n.type))
    half = (whole << (digits - 1)) & -(1 << digits)
    rest = (whole << digits) - half
    one = _one_bits(x)
    return x * b.bitcast(half + one, x.type) * b.bitcast(rest + one, x.type)


def _power(b: Builder, shifted: Value) -> Value:
    """2^n of `shifted` = n + magic, for n in the normal range."""
    return b.bitcast((_bits(b, shifted) << _digits(shifted)) + _one_bits(shifted), shifted.type)


# ---------------------------------------------------------------- exponentials

_LOG2E = 1 / math.log(2)
# ln 2 in two parts; n * the first is exact inside an fma.
_LN2_32 = (0.6931471824645996, -1.9046542121259336e-09)
_LN2_64 = (0.6931471805599453, 2.3190468138462996e-17)
# q with exp(r) - 1 = r + r^2 q(r) for |r| <= ln(2) / 2: relative error 1.4e-8 and 3.1e-19.
_EXP32 = (
    0.4999999701976776, 0.16666539013385773, 0.04166775569319725, 0.008367118425667286, 0.0013835836434736848,
)  # fmt: skip
_EXP64 = (
    0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321112, 0.001388888888885826,
    0.00019841269887993667, 2.4801587404088835e-05, 2.7557241895236545e-06, 2.7557183536207806e-07,
    2.5109966514291893e-08, 2.0949226097101777e-09,
)  # fmt: skip
# 2^r for |r| <= 1/2: relative error 5.2e-9 and 1.1e-18.
_EXP2_32 = (
    1.0, 0.6931472420692444, 0.24022655189037323, 0.05550272762775421, 0.009617065079510212,
    0.0013417743612080812, 0.00015823947614990175,
)  # fmt: skip
_EXP2_64 = (
    1.0, 0.6931471805599453, 0.2402265069591007, 0.05550410866482338, 0.009618129107630224,
    0.0013333558146032987, 0.0001540353038890565, 1.52527341674701e-05, 1.3215491313340764e-06,
    1.0177932035920679e-07, 7.052957472468994e-09, 4.4733521049124043e-10, 2.8715603386214292e-11,
)  # fmt: skip


def _reduced(b: Builder, x: Value) -> tuple[Value, Value]:
    """(r, shifted): x = n ln 2 + r with |r| <= ln(2) / 2, shifted = n + magic."""
    n, shifted = _rounded(b, x, _LOG2E)
    high, low = _for(x, _LN2_32, _LN2_64)
    return b.fma(n, -low, b.fma(n, -high, x)), shifted


def _exp_in_range(b: Builder, x: Value, shift: float = 0.0) -> Value:
    """exp(x) * 2^shift for an x that is neither infinite nor far outside the range of exp."""
    r, shifted = _reduced(b, x)
    p = horner(b, r, (1.0, 1.0, *_for(x, _EXP32, _EXP64)))
    return _times_power(b, p, shifted + shift if shift else shifted)


def exp(b: Builder, x: Value) -> Value:
    low, high = _for(x, (-104.0, 89.0), (-746.0, 710.0))
    return _exp_in_range(b, _at_least(b, _at_most(b, x, high), low))


def exp2(b: Builder, x: Value) -> Value:
    low, high = _for(x, (-151.0, 129.0), (-1076.0, 1025.0))
    x = _at_least(b, _at_most(b, x, high), low)
    n, shifted = _rounded(b, x)
    return _times_power(b, horner(b, x - n, _for(x, _EXP2_32, _EXP2_64)), shifted)


def _expm1_parts(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(expm1(r), n, n + magic), with x = n ln 2 + r."""
    n, shifted = _rounded(b, x, _LOG2E)
    high, low = _for(x, _LN2_32, _LN2_64)
    r = b.fma(n, -low, b.fma(n, -high, x))
    return b.fma(r * r, horner(b, r, _for(x, _EXP32, _EXP64)), r), n, shifted


def _half_expm1(b: Builder, x: Value) -> Value:
    """expm1(x) / 2, which does not overflow before sinh does."""
    p, n, shifted = _expm1_parts(b, x)
    power = _power(b, shifted - 2.0)
    quarter = b.fma(power, p, power - 0.25)
    return b.select(n.eq(0.0), p * 0.5, quarter + quarter)


def expm1(b: Builder, x: Value) -> Value:
    low, high = _for(x, (-18.0, 89.0), (-40.0, 710.0))
    p, n, shifted = _expm1_parts(b, _at_least(b, _at_most(b, x, high), low))
    power = _power(b, shifted - 1.0)  # 2^(n - 1): n = 128 would overflow
    half = b.fma(power, p, power - 0.5)
    return b.copysign(b.select(n.eq(0.0), p, half + half), x)


def tanh(b: Builder, x: Value) -> Value:
    """e / (e + 2) with e = expm1(2 |x|)."""
    a = _at_most(b, b.abs(x), _for(x, 9.1, 20.0))
    p, _, shifted = _expm1_parts(b, a + a)
    power = _power(b, shifted)
    e = b.fma(power, p, power - 1.0)
    return b.copysign(e / (e + 2.0), x)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow."""
    small = _exp_in_range(b, _at_least(b, -b.abs(x), _for(x, -104.0, -746.0)))
    return b.select(x.lt(0.0), small, 1.0) / (small + 1.0)


def sinh(b: Builder, x: Value) -> Value:
    """(e + e / (e + 1)) / 2 with e = expm1(|x|)."""
    half = _half_expm1(b, _at_most(b, b.abs(x), _for(x, 89.5, 710.6)))
    bounded = _at_most(b, half, 2.0**100)
    return b.copysign(half + bounded / b.fma(bounded, 2.0, 1.0), x)


def cosh(b: Builder, x: Value) -> Value:
    half = _exp_in_range(b, _at_most(b, b.abs(x), _for(x, 90.0, 711.0)), -1.0)
    return half + 0.25 / half


# ---------------------------------------------------------------- logarithms

# r with log(1 + f) = f + f^2 r(f) for |f| <= 1/3: relative error 5e-9.
_LOG32 = (
    -0.5, 0.33333197236061096, -0.24999919533729553, 0.20011435449123383, -0.1667444407939911,
    0.1398969143629074, -0.12273465096950531, 0.14060144126415253, -0.12489311397075653,
)  # fmt: skip
# R(s^2) with log((1 + s) / (1 - s)) = 2 s + s R(s^2) s^2 for |s| <= 3 - sqrt(8): relative error 1.2e-18.
_LOG64 = (
    0.6666666666666734, 0.3999999999941682, 0.2857142874197692, 0.222221986103272, 0.18183562607011713,
    0.15314089915573126, 0.14795596652362053,
)  # fmt: skip
# log2(e), log10(e) and log10(2) in two parts; the high part of log10(2) has few digits: n times it is exact.
_LOG2E_32 = (1.4426950216293335, 1.925963033500011e-08)
_LOG2E_64 = (1.4426950408889634, 2.0355273740931033e-17)
_LOG10E_32 = (0.4342944920063019, -1.0103049952192578e-08)
_LOG10E_64 = (0.4342944819032518, 1.098319650216765e-17)
_LOG10_2_32 = (0.301025390625, 4.605039066518657e-06)
_LOG10_2_64 = (0.30102999566361177, 3.694239077158931e-13)


def _log_correction(b: Builder, f: Value) -> Value:
    """log(1 + f) - f for 1 + f in [2/3, 4/3] (float32) or [sqrt(1/2), sqrt(2)] (float64)."""
    if not _wide(f):
        return f * f * horner(b, f, _LOG32)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    return b.fma(s, b.fma(z, horner(b, z, _LOG64), half_square), -half_square)


def _log_split(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e) with x = m * 2^e, m as `_log_correction` wants it, of a normal positive x."""
    bits, digits = _bits(b, x), _digits(x)
    least = _for(x, 0x3F2AAAAB, 0x3FE6A09E667F3BCD)
    power = (bits - least) & -(1 << digits)
    return b.bitcast(bits - power, x.type), power


def _power_number(b: Builder, power: Value, like: Value) -> Value:
    """e of the integer e * 2^digits."""
    if not _wide(like):
        return b.convert(power, "f32") * 2.0**-23
    # There is no vector conversion of 64-bit integers before AVX-512: e + 1023 is put into the digits of 2^52.
    biased = (power + (1023 << 52)).shift_right_logical(52) | 0x4330000000000000
    return b.bitcast(biased, like.type) - (2.0**52 + 1023.0)


def _log_reduced(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e): x = m * 2^e of a positive finite x, m in the range of `_log_correction`."""
    digits = _digits(x)
    small = x.lt(_for(x, 2.0**-126, 2.0**-1022))
    m, power = _log_split(b, b.select(small, x * 2.0**digits, x))
    return m, _power_number(b, power, x) - b.select(small, b.constant(float(digits), x.type), 0.0)


def _log_parts(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(f, c, e): log(x) = f + c + e ln 2 of a positive finite x, c small against f."""
    m, e = _log_reduced(b, x)
    f = m - 1.0
    return f, _log_correction(b, f), e


def _log_limits(b: Builder, x: Value, y: Value) -> Value:
    """y, a logarithm of x, with its values where x is not a positive finite number."""
    # As integers, the positive finite numbers are 1 ... infinity - 1.
    ordinary = b.bitcast(_bits(b, x) - 1, Type(f"u{x.type.bits}", x.type.lanes)).lt(_inf_bits(x) - 1)
    limit = b.select(x.lt(0.0), NAN, x)
    limit = b.select(x.eq(0.0), -INF, limit)
    return b.select(ordinary, y, limit)


def log(b: Builder, x: Value) -> Value:
    if _wide(x):
        f, c, e = _log_parts(b, x)
        high, low = _LN2_64
        return _log_limits(b, x, b.fma(e, high, b.fma(e, low, c) + f))
    # The float32 function of inner loops: e stays multiplied by 2^23, and ln 2 is one number.
    small = x.lt(2.0**-126)
    m, power = _log_split(b, b.select(small, x * 2.0**23, x))
    e = b.convert(power, "f32")
    e = b.select(small, e - 23 * 2.0**23, e)
    f = m - 1.0
    y = b.fma(f * f, horner(b, f, _LOG32), f)
    return _log_limits(b, x, b.fma(e, math.log(2) * 2.0**-23, y))


def log2(b: Builder, x: Value) -> Value:
    f, c, e = _log_parts(b, x)
    high, low = _for(x, _LOG2E_32, _LOG2E_64)
    return _log_limits(b, x, b.fma(f, high, b.fma(f, low, c * high)) + e)


def log10(b: Builder, x: Value) -> Value:
    f, c, e = _log_parts(b, x)
    high, low = _for(x, _LOG10E_32, _LOG10E_64)
    two, rest = _for(x, _LOG10_2_32, _LOG10_2_64)
    tail = b.fma(e, rest, b.fma(f, low, c * high))
    return _log_limits(b, x, b.fma(e, two, b.fma(f, high, tail)))


def log1p(b: Builder, x: Value) -> Value:
    # With 1 + x = m * 2^e: m - 1 = 2^-e x + (2^-e - 1), where only the last sum is rounded.
    _, power = _log_split(b, x + 1.0)
    scale = b.bitcast(_for(x, 129 << 23, 1025 << 52) - power, x.type)  # 4 * 2^-e, which is a normal number
    f = b.bitcast(_bits(b, x) - power, x.type) + b.fma(scale, 0.25, -1.0)
    e = _power_number(b, power, x)
    high, low = _for(x, _LN2_32, _LN2_64)
    y = b.fma(e, high, b.fma(e, low, _log_correction(b, f)) + f)
    y = b.copysign(y, x)
    y = b.select(x.lt(INF), y, x)
    y = b.select(x.gt(-1.0), y, b.select(x.eq(-1.0), -INF, b.constant(NAN, x.type)))
    return b.select(x.is_nan(), x, y)


# ---------------------------------------------------------------- sines

# pi / 2 in three parts, all positive so that -0 stays -0; n times the first is exact inside an fma.
_PIO2_32 = (1.570796251296997, 7.549789415861596e-08, 5.390302529957765e-15)
_PIO2_64 = (1.5707963267948966, 6.123233995736765e-17, 1.0828566739219139e-32)
# sin(r) = r + r^3 S(r^2), cos(r) = 1 - r^2 / 2 + r^4 C(r^2) for |r| <= pi / 4: errors 4e-9, 1.2e-10; 9e-20, 6e-20.
_SIN32 = (-0.16666655242443085, 0.008332189172506332, -0.0001951828453456983)
_COS32 = (0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-05)
_SIN64 = (
    -0.16666666666666666, 0.008333333333333042, -0.00019841269840962473, 2.7557319073984514e-06,
    -2.505207092302449e-08, 1.6054311529912892e-10, -7.389458084353002e-13,
)  # fmt: skip
_COS64 = (
    0.041666666666666595, -0.0013888888888873338, 2.4801587288997515e-05, -2.755731421531988e-07,
    2.0875705119138367e-09, -1.135873304609985e-11,
)  # fmt: skip
_FAR32, _FAR64 = 2.0**17, 2.0**30  # beyond, three parts of pi / 2 are not enough


def _quarter_turns(b: Builder, x: Value) -> tuple[Value, Value]:
    """(r, q): x = q pi / 2 + r with |r| <= pi / 4, q an integer that is right in its low two bits."""
    n, shifted = _rounded(b, x, 2 / math.pi)
    r = x
    for part in _for(x, _PIO2_32, _PIO2_64):
        r = b.fma(n, -part, r)
    q = _bits(b, shifted)
    far = b.abs(x).gt(_for(x, _FAR32, _FAR64))
    slow_r, slow_q = b.variable(r), b.variable(q)
    with b.when(_any(b, far)):
        exact, turns = _exact_quarter_turns(b, x)
        slow_r.set(b.select(far, exact, r))
        slow_q.set(b.select(far, turns, q))
    return slow_r.value, slow_q.value


def _any(b: Builder, mask: Value) -> Value:
    """Whether any lane of the mask holds."""
    count = mask.type.lanes
    if count == 1:
        return mask
    whole = b.emit(Type(f"i{count}"), f"bitcast {mask.type.text} {mask.text} to i{count}")
    return b.emit(Type("i1"), f"icmp ne i{count} {whole.text}, 0")


_STEP = 24  # binary digits from one row of the table to the next


@cache
def _two_over_pi() -> list[float]:
    """Four numbers a row: row k is 2^(24 k) * 2 / pi modulo 4 as a sum of four float64."""
    length = 1280
    one = 1 << (length + 64)
    pi = 4 * (4 * _arccot(5, one) - _arccot(239, one))  # Machin's formula
    digits = (one << (length + 1)) // pi
    table = []
    for k in range(1024 // _STEP):
        rest = (digits << (_STEP * k)) % (4 << length)
        for _ in range(4):
            cut = max(0, rest.bit_length() - 53)
            table.append(math.ldexp(rest >> cut, cut - length))
            rest &= (1 << cut) - 1
    return table


def _arccot(n: int, one: int) -> int:
    """atan(1 / n) * one."""
    term, total, k = one // n, 0, 1
    while term:
        total += term // k
        term, k = -term // (n * n), k + 2
    return total


def _exact_quarter_turns(b: Builder, x: Value) -> tuple[Value, Value]:
    """`_quarter_turns` of any finite x, after Payne and Hanek: x * 2 / pi without the multiples of 4.

    x = m * 2^(24 k) with m a whole number, so multiples of 4 in 2^(24 k) * 2 / pi do not count: a row of the table leaves
    them out. Products are exact pairs (product, error of fma).
    """
    single = not _wide(x)
    wide = b.convert(x, "f64")
    row = ((_bits(b, wide).shift_right_logical(52) & 2047) - 1075) * 2731 >> 16  # a division by 24
    row = b.maximum(row, b.constant(0, row.type))
    m = wide * b.bitcast((1023 - row * _STEP) << 52, wide.type)
    parts = []
    for i in range(3 if single else 4):
        factor = _row(b, row * 4 + i, wide.type)
        product = m * factor
        rest = b.fma(m, factor, -product)
        if i < 2:
            product = b.fma(b.round_even(product * 0.25), -4.0, product)
        if i < 1:
            rest = b.fma(b.round_even(rest * 0.25), -4.0, rest)
        parts += [product, rest]
    parts = _compressed(b, parts)
    n, shifted = _rounded(b, parts[0])
    parts = _compressed(b, _compressed(b, [parts[0] - n, *parts[1:]]))
    high, low, _ = _PIO2_64
    r = b.fma(parts[0], high, b.fma(parts[0], low, parts[1] * high))
    turns = _bits(b, shifted)
    return b.convert(r, x.type.kind), b.convert(turns, _int(x).kind)


def _row(b: Builder, index: Value, type: Type) -> Value:
    """Elements of the table at `index`."""
    table = b.symbol(b.module.table("two_over_pi", Type("f64"), _two_over_pi()))
    place = b.at(table, index, Type("f64"))
    if type.lanes == 1:
        return b.load(place, type)
    return b.gather(place, type, b.constant(True, Type("i1", type.lanes)))


def _two_sum(b: Builder, a: Value, c: Value) -> tuple[Value, Value]:
    """(a + c rounded, what rounding lost)."""
    total = a + c
    part = total - a
    return total, (a - (total - part)) + (c - part)


def _compressed(b: Builder, parts: Sequence[Value]) -> list[Value]:
    """The same sum, with nearly all of it in the first part."""
    total, rest = parts[-1], []
    for part in reversed(parts[:-1]):
        total, error = _two_sum(b, part, total)
        rest.append(error)
    return [total, *reversed(rest)]


def _sin_cos(b: Builder, r: Value) -> tuple[Value, Value]:
    """(sin(r), cos(r)) for |r| <= pi / 4."""
    z = r * r
    s = b.fma(r * z, horner(b, z, _for(r, _SIN32, _SIN64)), r)
    return b.copysign(s, r), horner(b, z, (1.0, -0.5, *_for(r, _COS32, _COS64)))


def _of_quarter(b: Builder, r: Value, q: Value) -> Value:
    """sin(q pi / 2 + r)."""
    s, c = _sin_cos(b, r)
    y = b.select((q & 1).ne(0), c, s)
    return b.bitcast(_bits(b, y) ^ ((q & 2) << (r.type.bits - 2)), r.type)


def sin(b: Builder, x: Value) -> Value:
    return _of_quarter(b, *_quarter_turns(b, x))


def cos(b: Builder, x: Value) -> Value:
    r, q = _quarter_turns(b, x)
    return _of_quarter(b, r, q + 1)


def tan(b: Builder, x: Value) -> Value:
    r, q = _quarter_turns(b, x)
    s, c = _sin_cos(b, r)
    odd = (q & 1).ne(0)
    return b.select(odd, -c, s) / b.select(odd, s, c)


# ---------------------------------------------------------------- angles

# atan(q) = q + q^3 A(q^2) on [0, 1], asin(s) = s + s^3 B(s^2) on [0, 0.55]: errors 2.7e-9, 1.9e-8; 5.2e-18, 2.2e-17.
_ATAN32 = (
    -0.33333298563957214, 0.1999852955341339, -0.14264020323753357, 0.10950911045074463, -0.08399373292922974,
    0.05788164585828781, -0.03109601140022278, 0.010867375880479813, -0.0017823323141783476,
)  # fmt: skip
_ATAN64 = (
    -0.3333333333333307, 0.19999999999951748, -0.14285714282587966, 0.1111111100733818, -0.09090907007671757,
    0.07692279885699455, -0.06666404375547369, 0.05880529375783044, -0.052535242352079785, 0.0472233811498016,
    -0.0421921459341199, 0.03664257856178493, -0.029904931375119903, 0.02198632053191241, -0.013902202058081257,
    0.0071979296945837495, -0.002885826503276675, 0.000831715975204597, -0.00015226447094790406,
    1.3237481463809793e-05,
)  # fmt: skip
_ASIN32 = (
    0.1666693240404129, 0.0748806968331337, 0.0463588684797287, 0.01992390863597393, 0.049133967608213425,
)  # fmt: skip
_ASIN64 = (
    0.16666666666668417, 0.07499999999551293, 0.04464285754447598, 0.03038192637225559, 0.02237263747673996,
    0.017344658028487905, 0.014057137076732645, 0.010827375158904968, 0.013713597207319355, -0.006448466948415131,
    0.04438096957413591, -0.05048947246168392, 0.04960882168535493,
)  # fmt: skip


def _cubic(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """x + x^3 P(x^2)."""
    z = x * x
    return b.fma(x * z, horner(b, z, coefficients), x)


def _from(b: Builder, quarters: int, x: Value) -> Value:
    """quarters * pi / 2 - x."""
    high, low, _ = _for(x, _PIO2_32, _PIO2_64)
    return quarters * high - (x - quarters * low)


def atan(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    steep = a.gt(1.0)
    y = _cubic(b, b.select(steep, 1.0 / a, a), _for(x, _ATAN32, _ATAN64))
    return b.copysign(b.select(steep, _from(b, 1, y), y), x)


def atan2(b: Builder, y: Value, x: Value) -> Value:
    a, c = b.abs(y), b.abs(x)
    steep = a.gt(c)
    small, large = b.select(steep, c, a), b.select(steep, a, c)
    large = b.select(large.eq(0.0), 1.0, large)
    q = b.select(small.eq(large), 1.0, small / large)  # infinity over infinity is 1
    angle = _cubic(b, q, _for(x, _ATAN32, _ATAN64))
    angle = b.select(steep, _from(b, 1, angle), angle)
    angle = b.select(_bits(b, x).lt(0), _from(b, 2, angle), angle)
    return b.copysign(angle, y)


def _asin_parts(b: Builder, x: Value) -> tuple[Value, Value]:
    """(asin(s), whether |x| > 0.55): s is |x|, or for such an x sqrt((1 - |x|) / 2), half of the rest of the angle."""
    a = b.abs(x)
    steep = a.gt(0.55)
    z = b.select(steep, b.fma(a, -0.5, 0.5), a * a)
    s = b.select(steep, b.sqrt(z), a)
    return b.fma(s * z, horner(b, z, _for(x, _ASIN32, _ASIN64)), s), steep


def asin(b: Builder, x: Value) -> Value:
    y, steep = _asin_parts(b, x)
    return b.copysign(b.select(steep, _from(b, 1, y + y), y), x)


def acos(b: Builder, x: Value) -> Value:
    y, steep = _asin_parts(b, x)
    flat = _from(b, 1, b.copysign(y, x))
    return b.select(steep, b.select(x.lt(0.0), _from(b, 2, y + y), y + y), flat)


# ---------------------------------------------------------------- inverse hyperbolic functions


def _log_of_large(b: Builder, a: Value, otherwise: Value) -> Value:
    """log1p(otherwise), or log(2 a) for an a whose square overflows."""
    large = a.gt(2.0**500)
    y = log1p(b, b.select(large, a, otherwise))
    return y + b.select(large, math.log(2), b.constant(0.0, a.type))


@_in_double
def asinh(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    square = a * a
    return b.copysign(_log_of_large(b, a, a + square / (1.0 + b.sqrt(square + 1.0))), x)


@_in_double
def acosh(b: Builder, x: Value) -> Value:
    t = x - 1.0
    y = _log_of_large(b, x, t + b.sqrt(b.fma(t, t, t + t)))
    return b.select(x.lt(1.0), NAN, y)


@_in_double
def atanh(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    return b.copysign(log1p(b, (a + a) / (1.0 - a)) * 0.5, x)


# ---------------------------------------------------------------- error function

# float32: erf(x) = x + x E(x^2) for |x| <= 1.125, erfc(x) = T(x)^8 for 1.125 <= x <= 3.95: errors 6.4e-9, 6.7e-9.
_ERF32 = (
    0.12837916612625122, -0.3761260211467743, 0.11283256113529205, -0.026839224621653557, 0.005160267930477858,
    -0.0007765902555547655, 7.0638743636664e-05,
)  # fmt: skip
_ERFC32 = (
    1.0011532306671143, -0.14623592793941498, -0.059653084725141525, -0.01277250051498413, 0.013534032739698887,
    -0.0026077774818986654, 0.00016262360441032797,
)  # fmt: skip
# float64: erf(x) = x E(x^2) for |x| <= 1: 1.4e-17.
_ERF64 = (
    1.1283791670955126, -0.37612638903183343, 0.11283791670936948, -0.026866170641958204, 0.005223977596723913,
    -0.0008548325484211582, 0.00012055280466500805, -1.4924464935192224e-05, 1.644414030970485e-06,
    -1.6183900668030387e-07, 1.3616257025767378e-08, -7.606894292146977e-10,
)  # fmt: skip
# (1 + 2 x) exp(x^2) erfc(x) = P((x - 4) / (x + 4)) for 0 <= x <= 28: relative error 6.5e-17.
_ERFCX64 = (
    1.2329951186255526, -0.1396211168405632, 0.01537965210260486, 0.06809705425476416, -0.10103906603549091,
    0.09373283499622492, -0.06633036582968878, 0.03716751556489481, -0.016197733864326828, 0.005031969799562259,
    -0.0007577745399207276, -0.0001992561075161783, 0.0001506266983225943, -2.43998741021544e-05,
    -1.1234815381239955e-05, 5.708075844244193e-06, 3.1421663443124e-07, -8.185796460134387e-07,
    5.528207491123709e-08, 1.00371631154574e-07, -8.37821705893917e-09, -8.046548154023724e-09,
    1.5238211541005003e-10,
)  # fmt: skip


def _scaled_erfc(b: Builder, a: Value) -> Value:
    """exp(a^2) erfc(a) of a float64 in [0, 28]."""
    return horner(b, (a - 4.0) / (a + 4.0), _ERFCX64) / b.fma(a, 2.0, 1.0)


def _erfc_of_positive(b: Builder, a: Value) -> Value:
    """erfc of a float64 in [0, 28]."""
    square = a * a
    rest = b.fma(a, a, -square)
    r, shifted = _reduced(b, -square)
    y = horner(b, r, (1.0, 1.0, *_EXP64)) * _scaled_erfc(b, a)
    return _times_power(b, b.fma(y, -rest, y), shifted)


@_in_double
def erfc(b: Builder, x: Value) -> Value:
    y = _erfc_of_positive(b, _at_most(b, b.abs(x), 28.0))
    y = b.select(x.lt(0.0), 2.0 - y, y)
    return b.select(b.abs(x).lt(0.5), 1.0 - x * horner(b, x * x, _ERF64), y)


def erf(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    if _wide(x):
        a = _at_most(b, a, 6.0)
        y = b.select(a.lt(1.0), a * horner(b, a * a, _ERF64), 1.0 - _erfc_of_positive(b, a))
        return b.copysign(y, x)
    # One polynomial for both ranges, of another variable and with other coefficients: half the work.
    a = _at_most(b, a, 3.95)
    near = a.lt(1.125)
    y = _either_horner(b, near, b.select(near, a * a, a), _ERF32, _ERFC32)
    square = y * y
    fourth = square * square
    return b.copysign(b.select(near, b.fma(a, y, a), b.fma(-fourth, fourth, 1.0)), x)


def _either_horner(b: Builder, first: Value, x: Value, one: Sequence[float], other: Sequence[float]) -> Value:
    """The polynomial with coefficients `one` where `first` holds, else with `other`."""
    both = [b.select(first, b.constant(p, x.type), q) for p, q in zip(one, other, strict=True)]
    value = both[-1]
    for c in reversed(both[:-1]):
        value = b.fma(value, x, c)
    return value


# erfinv(y) / y as a polynomial in w - 2.5 for w < 5, else in sqrt(w) - 4, with w = -log(1 - y^2): error 1.2e-6.
_ERFINV_NEAR = (
    1.5014094216060208, 0.2466407258762934, -0.004177708111693762, -0.001253707304855153, 0.0002186025019844044,
    -4.3968365680081625e-06, -3.5289382189690554e-06, 3.4373142518498326e-07, 2.8540947567616895e-08,
)  # fmt: skip
_ERFINV_FAR = (
    3.8397812399609745, 1.0095113452958009, 0.0012955007018169, -0.0009427572902046874, 0.00025220222423488623,
    -2.7523318311878338e-05, 9.248178550160141e-05, -7.890448576405003e-05, 1.753445255975159e-05,
)  # fmt: skip


@_in_double
def erfinv(b: Builder, x: Value) -> Value:
    """A polynomial, made exact to float64 by three terms of erfinv's series around it."""
    a = b.abs(x)
    rest = 1.0 - a
    f, c, e = _log_parts(b, rest * (1.0 + a))
    w = -(b.fma(e, _LN2_64[0], f + c))
    near = w.lt(5.0)
    place = b.select(near, w - 2.5, b.sqrt(w) - 4.0)
    y = a * _either_horner(b, near, place, _ERFINV_NEAR, _ERFINV_FAR)
    square = y * y
    growth = _exp_in_range(b, square)
    growth = b.fma(growth, b.fma(y, y, -square), growth)
    # How far erf(y) is from a, over its slope; beyond 1/2 from what both lack to 1.
    lacking = _scaled_erfc(b, y) - rest * growth
    missing = (a - y * horner(b, square, _ERF64)) * growth
    u = b.select(a.lt(0.5), missing, lacking) * (math.sqrt(math.pi) / 2)
    y = b.fma(u, b.fma(u, b.fma(u, b.fma(square, 4 / 3, 1 / 3), y), 1.0), y)
    y = b.select(a.eq(1.0), INF, y)
    return b.select(a.le(1.0), b.copysign(y, x), NAN)


# ---------------------------------------------------------------- gamma function

# log(gamma(1 + t)) = t (t - 1) P(t) / Q(t) for -1/2 <= t <= 2; all terms are positive from 0 on.
_LGAMMA_P = (
    0.5772156649015329, 2.3247930231147342, 3.8465765701573607, 3.371365233655371, 1.6827479644302439,
    0.478334531573923, 0.07312843762701908, 0.005236582346152309, 0.00012648463103923308, 2.2066649260939172e-07,
)  # fmt: skip
_LGAMMA_Q = (
    1.0, 4.452485523024983, 8.286539612465672, 8.362087918690001, 4.965212742095073, 1.7620735568549861,
    0.3630615331760428, 0.040129968129430746, 0.0020172887229856808, 3.106020751580299e-05,
)  # fmt: skip
# log(gamma(x)) = (x - 1/2) log(x) - x + log(2 pi) / 2 + S(1 / x^2) / x for x >= 3: error 4.6e-18.
_STIRLING = (
    0.08333333333333333, -0.0027777777777656214, 0.0007936507883468379, -0.0005952371830400813,
    0.0008416688228772721, -0.0019130888144218584, 0.006252978421757021, -0.02567471705768381,
    0.10948897222907827, -0.39303011180509173, 0.956436501076767, -1.121706282628506,
)  # fmt: skip
# digamma(1 + t) = (t + 1 - root) P(t) / Q(t) for 0 <= t <= 1: relative error 1e-18.
_DIGAMMA_P = (
    1.2503801375034054, 1.7839140301330314, 0.8597304463659254, 0.16872796497906603, 0.012448092657435001,
    0.000226967121200351,
)  # fmt: skip
_DIGAMMA_Q = (
    1.0, 2.110244166228714, 1.5282343304139547, 0.48109259931314785, 0.06652277691469628, 0.0034604445231810254,
    4.012608279580178e-05,
)  # fmt: skip
_DIGAMMA_ROOT = (1.4616321449683622, 9.549995429965697e-17)
# digamma(x) = log(x) - 1 / (2 x) - D(1 / x^2) / x^2 for x >= 3: error 7.9e-17 * D.
_DIGAMMA_FAR = (
    0.08333333333333327, -0.008333333333168772, 0.003968253893473214, -0.004166653266049056,
    0.0075745012073717794, -0.02102182433391202, 0.08070250939250675, -0.3752217488707612, 1.7545522816675398,
    -6.756440507723491, 17.421792990999233, -21.51264862322119,
)  # fmt: skip


def _sin_cos_of_turns(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(s, c, odd): |sin(pi x)| = |c| where odd, else |s|; tan(pi x) = -c / s where odd, else s / c."""
    twice = x + x
    n, shifted = _rounded(b, twice - b.round_even(x) * 2.0)
    s, c = _sin_cos(b, (x - b.round_even(x) - n * 0.5) * math.pi)
    return s, c, (_bits(b, shifted) & 1).ne(0)


@_in_double
def lgamma(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    y = _lgamma_of_positive(b, a)
    below = x.lt(0.0)
    result = b.variable(y)
    with b.when(_any(b, below)):
        # |gamma(x) gamma(-x) x sin(pi x)| = pi
        s, c, odd = _sin_cos_of_turns(b, a)
        reflected = math.log(math.pi) - log(b, b.abs(b.select(odd, c, s)) * a) - y
        reflected = b.select(a.lt(2.0**-60), y, b.select(b.floor(a).eq(a), INF, reflected))
        result.set(b.select(below, reflected, y))
    return b.select(x.eq(-INF), x, result.value)


def _lgamma_of_positive(b: Builder, x: Value) -> Value:
    tiny, near = x.lt(0.5), x.lt(3.0)
    logarithm = log(b, x)
    t = b.select(tiny, x, x - 1.0)
    y = t * (t - 1.0) * (horner(b, t, _LGAMMA_P) / horner(b, t, _LGAMMA_Q)) + 0.0  # no -0
    y = b.select(tiny, y - logarithm, y)
    inverse = 1.0 / x
    far = b.fma(
        x - 0.5,
        logarithm - 1.0,
        b.fma(inverse, horner(b, inverse * inverse, _STIRLING), math.log(2 * math.pi) / 2 - 0.5),
    )
    return b.select(near, y, far)


@_in_double
def digamma(b: Builder, x: Value) -> Value:
    below = x.lt(0.0)
    y = _digamma_of_positive(b, b.select(below, 1.0 - x, x))
    result = b.variable(y)
    with b.when(_any(b, below)):
        s, c, odd = _sin_cos_of_turns(b, x)
        cotangent = b.select(odd, -s, c) / b.select(odd, c, s)
        reflected = b.select(b.floor(x).eq(x), NAN, y - cotangent * math.pi)
        result.set(b.select(below, reflected, y))
    return result.value


def _digamma_of_positive(b: Builder, x: Value) -> Value:
    low, high = x.lt(1.0), x.ge(2.0)
    # Into [1, 2], by digamma(x + 1) = digamma(x) + 1 / x.
    t = b.select(low, x, b.select(high, x - 2.0, x - 1.0))
    step = 1.0 / b.select(high, x - 1.0, -x)
    y = ((t - (_DIGAMMA_ROOT[0] - 1.0)) - _DIGAMMA_ROOT[1]) * (
        horner(b, t, _DIGAMMA_P) / horner(b, t, _DIGAMMA_Q)
    )
    y = b.select(low | high, y + step, y)
    inverse = 1.0 / x
    square = inverse * inverse
    far = log(b, x) - b.fma(square, horner(b, square, _DIGAMMA_FAR), inverse * 0.5)
    return b.select(x.lt(3.0), y, far)


# ---------------------------------------------------------------- powers

# log((1 + s) / (1 - s)) = 2 s + s^3 L(s^2): relative error 4.8e-12, enough for float32.
_LOG_SHORT = (0.6666666564789606, 0.40000334728064635, 0.28537333411315535, 0.23581750143107943)
# log2((1 + s) / (1 - s)) = s (C0 + s^2 (C1 + s^2 Q(s^2))): relative error 1.6e-20; C0 and C1 in two parts.
_LOG2_C0 = (2.8853900817779268, 4.0710547481862066e-17)
_LOG2_C1 = (0.9617966939259756, 5.0577616648125907e-17)
_LOG2_Q = (
    0.5770780163556178, 0.41219858309199026, 0.3205989022650946, 0.26230770182520646, 0.2219839672937677,
    0.19125583207444272, 0.1903795295942486,
)  # fmt: skip


def known(x: Value) -> float | None:
    """The number of a floating constant; None where it is not known here."""
    parts = {part.split()[-1] for part in x.text.strip("<>").split(", ")}
    text = parts.pop()
    if parts or not x.type.floating or not text.startswith("0x"):
        return None
    return float(struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0])


def pow(b: Builder, x: Value, y: Value) -> Value:
    """x ** y, with C's limits."""
    easy = _easy_pow(b, x, known(y))
    if easy is not None:
        return easy
    a = b.abs(x)
    size = _pow64(b, a, y) if _wide(x) else _pow32(b, a, y)
    large = a.eq(INF)
    edge = b.select(y.lt(0.0), b.select(large, b.constant(0.0, x.type), INF), b.select(large, a, 0.0))
    size = b.select(large | a.eq(0.0), edge, size)
    whole = _trunc(b, y).eq(y)
    half = y * 0.5
    odd = whole & _trunc(b, half).ne(half)
    size = b.select(a.eq(1.0), 1.0, size)
    size = b.select(_bits(b, x).lt(0) & odd, -size, size)
    size = b.select(x.lt(0.0) & a.lt(INF) & ~whole, NAN, size)
    size = b.select(x.is_nan() | y.is_nan(), NAN, size)
    return b.select(x.eq(1.0) | y.eq(0.0), 1.0, size)


def _easy_pow(b: Builder, x: Value, y: float | None) -> Value | None:
    """x ** y for the exponents that are a product or a root."""
    if y == 0:
        return b.constant(1.0, x.type)
    if y in (1.0, 2.0, 3.0, 4.0):
        square = x * x
        return {1.0: x, 2.0: square, 3.0: square * x, 4.0: square * square}[y]
    if y in (-1.0, -2.0):
        inverse = 1.0 / x
        return inverse if y == -1.0 else inverse * inverse
    if y in (0.5, -0.5):
        root = b.select(x.eq(-INF), INF, b.sqrt(x + 0.0))  # + 0 makes -0 positive
        return root if y == 0.5 else 1.0 / root
    return None


def _pow32(b: Builder, a: Value, y: Value) -> Value:
    """a ** y of a positive finite float32, in float64."""
    m, e = _log_reduced(b, a)
    f, e, y = b.convert(m, "f64") - 1.0, b.convert(e, "f64"), b.convert(y, "f64")
    s = f / (f + 2.0)
    z = s * s
    log2_m = s * b.fma(z, horner(b, z, _LOG_SHORT), 2.0) * _LOG2E
    t = _at_least(b, _at_most(b, y * (e + log2_m), 200.0), -200.0)
    n, shifted = _rounded(b, t)
    return b.convert(horner(b, t - n, _EXP2_32) * _power(b, shifted), "f32")


def _pow64(b: Builder, a: Value, y: Value) -> Value:
    """a ** y of a positive finite float64: the logarithm in two parts, about 64 digits."""
    log_high, log_low = _log2_pair(b, a)
    high = y * log_high
    low = b.fma(y, log_high, -high) + y * log_low
    low = b.select(b.abs(high).lt(1100.0), low, 0.0)
    high = _at_least(b, _at_most(b, high, 1100.0), -1100.0)
    n, shifted = _rounded(b, high)
    return _times_power(b, horner(b, (high - n) + low, _EXP2_64), shifted)


def _log2_pair(b: Builder, x: Value) -> tuple[Value, Value]:
    """log2 of a positive finite float64 as the sum of two."""
    m, e = _log_reduced(b, x)
    f, d = m - 1.0, m + 1.0
    d_low = m - (d - 1.0)
    inverse = 1.0 / d
    s = f * inverse
    s_low = (b.fma(-s, d, f) - s * d_low) * inverse
    z = s * s
    z_low = b.fma(s, s, -z) + (s + s) * s_low
    t = z * horner(b, z, _LOG2_Q)
    high, low = _fast_sum(b, b.constant(_LOG2_C1[0], x.type), t)
    high, low = _pair_product(b, high, low + _LOG2_C1[1], z, z_low)
    high, error = _fast_sum(b, b.constant(_LOG2_C0[0], x.type), high)
    high, low = _pair_product(b, high, low + error + _LOG2_C0[1], s, s_low)
    high, error = _fast_sum(b, e, high)
    return high, low + error


def _fast_sum(b: Builder, a: Value, c: Value) -> tuple[Value, Value]:
    """`_two_sum` for |a| >= |c| or a = 0."""
    total = a + c
    return total, c - (total - a)


def _pair_product(b: Builder, a: Value, a_low: Value, c: Value, c_low: Value) -> tuple[Value, Value]:
    """(a + a_low) * (c + c_low) as a sum of two."""
    product = a * c
    return product, b.fma(a, c, -product) + b.fma(a, c_low, a_low * c)


def hypot(b: Builder, x: Value, y: Value) -> Value:
    if not _wide(x):
        wide_x, wide_y = b.convert(x, "f64"), b.convert(y, "f64")
        size = b.convert(b.sqrt(b.fma(wide_x, wide_x, wide_y * wide_y)), "f32")
    else:
        size = _hypot64(b, b.abs(x), b.abs(y))
    return b.select(b.abs(x).eq(INF) | b.abs(y).eq(INF), INF, size)


def _hypot64(b: Builder, x: Value, y: Value) -> Value:
    larger = b.maximum(x, y)
    one = b.constant(1.0, x.type)
    scale = b.select(larger.gt(2.0**500), 2.0**-600, b.select(larger.lt(2.0**-400), 2.0**600, one))
    x, y = x * scale, y * scale
    square = y * y
    # Of the squares one is exact in the fma; the other's error is added back.
    total = b.fma(x, x, square)
    root = b.sqrt(total)
    return root * b.select(larger.gt(2.0**500), 2.0**600, b.select(larger.lt(2.0**-400), 2.0**-600, one))


# ---------------------------------------------------------------- division with remainder


def _trunc(b: Builder, x: Value) -> Value:
    return b.intrinsic("trunc", x.type, x)


@_in_double
def fmod(b: Builder, x: Value, y: Value) -> Value:
    """x - y * trunc(x / y), exactly: long division, 50 binary digits of the quotient a round."""
    a, d = b.abs(x), b.abs(y)
    rest = b.variable(a)
    proper = d.gt(0.0) & a.lt(INF)
    with b.repeat(lambda: _any(b, proper & b.abs(rest.value).ge(d))):
        r = rest.value
        k = (_bits(b, r) & _inf_bits(r)).shift_right_logical(52) - _bits(b, d).shift_right_logical(52) - 50
        k = b.maximum(k, b.constant(0, k.type))
        half = k.shift_right_logical(1)
        factor = b.bitcast((half + 1023) << 52, d.type), b.bitcast((k - half + 1023) << 52, d.type)
        divisor = d * factor[0] * factor[1]
        # r and the divisor are multiples of the divisor's last place: the rest is exact, if perhaps negative.
        fresh = b.fma(-_trunc(b, r / divisor), divisor, r)
        rest.set(b.select(proper & b.abs(r).ge(d), fresh, r))
    r = rest.value
    r = b.select(r.lt(0.0), r + d, r)
    return b.select(proper & ~y.is_nan(), b.copysign(r, x), NAN)


def remainder(b: Builder, x: Value, y: Value) -> Value:
    """x - y * floor(x / y): the sign is y's."""
    rest = fmod(b, x, y)
    other = rest.lt(0.0) ^ y.lt(0.0)
    return b.select(rest.eq(0.0), b.copysign(b.constant(0.0, x.type), y), b.select(other, rest + y, rest))


def floor_divide(b: Builder, x: Value, y: Value) -> Value:
    """The largest whole number not above x / y, found from the exact remainder as NumPy does."""
    rest = fmod(b, x, y)
    other = rest.ne(0.0) & (rest.lt(0.0) ^ y.lt(0.0))
    quotient = (x - rest) / y
    quotient = b.select(other, quotient - 1.0, quotient)
    whole = b.floor(quotient)
    whole = b.select((quotient - whole).gt(0.5), whole + 1.0, whole)
    whole = b.select(quotient.eq(0.0), b.copysign(b.constant(0.0, x.type), x / y), whole)
    return b.select(y.eq(0.0), x / y, whole)


# ---------------------------------------------------------------- whole numbers


def whole_pow(b: Builder, x: Value, y: Value) -> Value:
    """x ** y, wrapped. A negative exponent gives 0, but for x = 1 and x = -1."""
    one = b.constant(1, x.type)
    result, base, left = b.variable(one), b.variable(x), b.variable(y)
    with b.repeat(lambda: _any(b, left.value.gt(0))):
        result.set(
            b.select((left.value & 1).ne(0) & left.value.gt(0), result.value * base.value, result.value)
        )
        base.set(base.value * base.value)
        left.set(left.value >> 1)
    if not x.type.signed:
        return result.value
    unit = b.select(x.eq(-1), b.select((y & 1).eq(0), one, -1), b.select(x.eq(1), one, 0))
    return b.select(y.lt(0), unit, result.value)


def gcd(b: Builder, x: Value, y: Value) -> Value:
    """The greatest common divisor, after Euclid."""
    unsigned = Type(f"u{x.type.bits}", x.type.lanes)
    larger, smaller = (b.variable(b.bitcast(b.abs(v), unsigned)) for v in (x, y))
    with b.repeat(lambda: _any(b, smaller.value.ne(0))):
        done = smaller.value.eq(0)
        divisor = b.select(done, 1, smaller.value)
        rest = b.select(done, 0, larger.value % divisor)
        larger.set(b.select(done, larger.value, divisor))
        smaller.set(rest)
    return b.bitcast(larger.value, x.type)


def lcm(b: Builder, x: Value, y: Value) -> Value:
    """The least common multiple; 0 where one is 0."""
    unsigned = Type(f"u{x.type.bits}", x.type.lanes)
    a, c, common = (b.bitcast(v, unsigned) for v in (b.abs(x), b.abs(y), gcd(b, x, y)))
    none = common.eq(0)
    return b.bitcast(b.select(none, 0, a / b.select(none, 1, common) * c), x.type)


# ---------------------------------------------------------------- parts of a number


def nextafter(b: Builder, x: Value, y: Value) -> Value:
    bits = _bits(b, x)
    up = y.gt(x) ^ (bits.lt(0))
    found = b.bitcast(b.select(up, bits + 1, bits - 1), x.type)
    found = b.select(x.eq(0.0), b.copysign(b.bitcast(b.constant(1, bits.type), x.type), y), found)
    found = b.select(x.eq(y), y, found)
    return b.select(x.is_nan() | y.is_nan(), x + y, found)


def frexp(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e) with x = m * 2^e and 1/2 <= |m| < 1, e as an integer of x's width; 0, infinities and NaN: (x, 0)."""
    digits = _digits(x)
    small = b.abs(x).lt(_for(x, 2.0**-126, 2.0**-1022))
    bits = _bits(b, b.select(small, x * 2.0**digits, x))
    bias = _for(x, 126, 1022)
    e = ((bits & _inf_bits(x)) >> digits) - b.select(small, b.constant(bias + digits, bits.type), bias)
    m = b.bitcast((bits & ~_inf_bits(x)) | (bias << digits), x.type)
    plain = b.abs(x).lt(INF) & x.ne(0.0)
    return b.select(plain, m, x), b.select(plain, e, 0)


def odd_narrowed(b: Builder, x: Value) -> Value:
    """A float64 as float32, rounded to an odd last digit: rounding that to float16 is then as good as rounding x."""
    near = b.convert(x, "f32")
    back = b.convert(near, "f64")
    bits = _bits(b, near)
    toward_zero = b.select(b.abs(back).gt(b.abs(x)), bits - 1, bits)
    return b.bitcast(b.select(back.eq(x) | x.is_nan(), bits, toward_zero | 1), near.type)


class Emit:
    """The tools of a rule `llvm(emit, *values, *params)` of a primitive.

    b: the builder. out: the type of the result, i1 for booleans. The functions take and give values of f32 or f64.
    """

    def __init__(self, b: Builder, out: Type) -> None:
        self.b, self.out = b, out

    # ------------------------------------------------------------ choice, constants, casts

    def constant(self, number: Any, like: Value | None = None) -> Value:
        """A number of the result's type, or of the type of `like`."""
        return self.b.constant(number, self.out if like is None else like.type)

    def select(self, condition: Value, a: Any, c: Any) -> Value:
        """a where the condition holds, else c. A number takes the other's type, or the result's."""
        if not isinstance(a, Value) and not isinstance(c, Value):
            a = self.constant(a)
        return self.b.select(condition, a, c)

    def convert(self, x: Value, kind: str | None = None) -> Value:
        """The same number of another kind, `out`'s by default.

        Fractions are cut off towards whole numbers; what is out of range gives what the machine gives.
        """
        b, kind = self.b, kind or self.out.kind
        new = Type(kind, x.type.lanes)
        if not x.type.floating or new.floating or kind == "i1":
            return b.convert(x, kind)
        if kind == "u64":
            return self._to_u64(x)
        through = "i64" if new.bits == 64 or kind == "u32" else "i32"
        return b.convert(self._cut(x, through), kind)

    def cast(self, x: Value, name: str) -> Value:
        """x in the dtype called `name`; to float16, the float32 that the caller rounds to it."""
        if name == "float16" and x.type.kind == "f64" and self.out.kind == "f32":
            return odd_narrowed(self.b, x)
        return self.convert(x)

    def _cut(self, x: Value, kind: str) -> Value:
        """One conversion instruction. Out of range it is poison to LLVM; frozen, it is some number."""
        b, new = self.b, Type(kind, x.type.lanes)
        cut = b.emit(new, f"fptosi {x.type.text} {x.text} to {new.text}")
        return b.emit(new, f"freeze {new.text} {cut.text}")

    def _to_u64(self, x: Value) -> Value:
        b, high = self.b, x.ge(2.0**63)
        below = self._cut(b.select(high, x - 2.0**63, x), "i64")
        return b.convert(below ^ b.select(high, b.constant(-(2**63), below.type), 0), "u64")

    # ------------------------------------------------------------ comparisons, bits, rounding

    def maximum(self, a: Value, c: Value) -> Value:
        """The larger; NaN wins."""
        larger = self.b.maximum(a, c)  # c where either is NaN
        return self.b.select(a.is_nan(), a, larger) if a.type.floating else larger

    def minimum(self, a: Value, c: Value) -> Value:
        """The smaller; NaN wins."""
        smaller = self.b.minimum(a, c)
        return self.b.select(a.is_nan(), a, smaller) if a.type.floating else smaller

    def abs(self, x: Value) -> Value:
        return self.b.abs(x)

    def sign(self, x: Value) -> Value | None:
        """-1, 0 or 1; NaN stays."""
        b = self.b
        if x.type.kind == "i1":
            return None
        one = b.constant(1, x.type)
        if x.type.floating:
            return b.select(b.abs(x).gt(0.0), b.copysign(one, x), x)
        found = b.select(x.gt(0), one, 0)
        return b.select(x.lt(0), -one, found) if x.type.signed else found

    def signbit(self, x: Value) -> Value:
        if x.type.kind == "i1":
            return self.constant(False)
        return (self.b.bitcast(x, x.type.as_int()) if x.type.floating else x).lt(0)

    def copysign(self, size: Value, sign: Value) -> Value:
        return self.b.copysign(size, sign)

    def floor(self, x: Value) -> Value:
        return self.b.floor(x)

    def ceil(self, x: Value) -> Value:
        return self.b.intrinsic("ceil", x.type, x)

    def trunc(self, x: Value) -> Value:
        return self.b.intrinsic("trunc", x.type, x)

    def round(self, x: Value) -> Value:
        """To the nearest whole number, halves to the even one."""
        return self.b.round_even(x)

    def shift_left(self, a: Value, count: Value) -> Value | None:
        """a << count; 0 for a count that is negative or not below the width."""
        if a.type.kind == "i1":
            return None
        fits = count.ge(0) & count.lt(a.type.bits)
        return self.b.select(fits, a << self.b.select(fits, count, 0), 0)

    def shift_right(self, a: Value, count: Value) -> Value | None:
        """a >> count with the sign kept; all sign for a count that is negative or not below the width."""
        if a.type.kind == "i1":
            return None
        most = a.type.bits - 1
        if a.type.signed:
            return a >> self.b.select(count.ge(0) & count.lt(a.type.bits), count, most)
        fits = count.lt(a.type.bits)
        return self.b.select(fits, a >> self.b.select(fits, count, 0), 0)

    # ------------------------------------------------------------ functions

    def sqrt(self, x: Value) -> Value:
        return self.b.sqrt(x)

    def rsqrt(self, x: Value) -> Value:
        return 1.0 / self.b.sqrt(x)

    def exp(self, x: Value) -> Value:
        return exp(self.b, x)

    def exp2(self, x: Value) -> Value:
        return exp2(self.b, x)

    def expm1(self, x: Value) -> Value:
        return expm1(self.b, x)

    def log(self, x: Value) -> Value:
        return log(self.b, x)

    def log2(self, x: Value) -> Value:
        return log2(self.b, x)

    def log10(self, x: Value) -> Value:
        return log10(self.b, x)

    def log1p(self, x: Value) -> Value:
        return log1p(self.b, x)

    def sin(self, x: Value) -> Value:
        return sin(self.b, x)

    def cos(self, x: Value) -> Value:
        return cos(self.b, x)

    def tan(self, x: Value) -> Value:
        return tan(self.b, x)

    def asin(self, x: Value) -> Value:
        return asin(self.b, x)

    def acos(self, x: Value) -> Value:
        return acos(self.b, x)

    def atan(self, x: Value) -> Value:
        return atan(self.b, x)

    def sinh(self, x: Value) -> Value:
        return sinh(self.b, x)

    def cosh(self, x: Value) -> Value:
        return cosh(self.b, x)

    def tanh(self, x: Value) -> Value:
        return tanh(self.b, x)

    def asinh(self, x: Value) -> Value:
        return asinh(self.b, x)

    def acosh(self, x: Value) -> Value:
        return acosh(self.b, x)

    def atanh(self, x: Value) -> Value:
        return atanh(self.b, x)

    def sigmoid(self, x: Value) -> Value:
        return sigmoid(self.b, x)

    def erf(self, x: Value) -> Value:
        return erf(self.b, x)

    def erfc(self, x: Value) -> Value:
        return erfc(self.b, x)

    def atan2(self, y: Value, x: Value) -> Value:
        return atan2(self.b, y, x)

    def pow(self, x: Value, y: Value) -> Value:
        return pow(self.b, x, y)

    def hypot(self, x: Value, y: Value) -> Value:
        return hypot(self.b, x, y)

    def fmod(self, x: Value, y: Value) -> Value:
        return fmod(self.b, x, y)

    def remainder(self, x: Value, y: Value) -> Value:
        return remainder(self.b, x, y)

    def floor_divide(self, x: Value, y: Value) -> Value:
        return floor_divide(self.b, x, y)

    def whole_pow(self, x: Value, y: Value) -> Value:
        return whole_pow(self.b, x, y)

    def gcd(self, x: Value, y: Value) -> Value:
        return gcd(self.b, x, y)

    def lcm(self, x: Value, y: Value) -> Value:
        return lcm(self.b, x, y)

    def nextafter(self, x: Value, y: Value) -> Value:
        return nextafter(self.b, x, y)

    def trunc_divide(self, x: Value, y: Value) -> Value:
        return self.trunc(x / y)

    def mantissa(self, x: Value) -> Value:
        return frexp(self.b, x)[0]

    def exponent(self, x: Value) -> Value:
        return self.convert(frexp(self.b, x)[1])

    def erfinv(self, x: Value) -> Value:
        return erfinv(self.b, x)

    def lgamma(self, x: Value) -> Value:
        return lgamma(self.b, x)

    def digamma(self, x: Value) -> Value:
        return digamma(self.b, x)
