"""Exponentials, logarithms, hyperbolic functions and powers, on any number of lanes of float32 or float64.

Errors: 1 unit in the last place for exp, exp2 and log, 2 for most others, 2.5 for sigmoid, sinh and tanh. Polynomials
are minimax (Remez), their coefficients rounded to the format one after another, the constant term first.
"""

from __future__ import annotations

import math
import struct

from .emit import Builder, Type, Value
from .formats import (
    INF,
    NAN,
    at_least,
    at_most,
    bits_of,
    digits_of,
    fast_sum,
    horner,
    in_double,
    infinity_bits,
    pair_product,
    pick,
    power_of_two,
    rounded,
    times_power,
    trunc,
    wide,
)

# ---------------------------------------------------------------- exponentials

LOG2E = 1 / math.log(2)
# ln 2 in two parts; n * the first is exact inside an fma.
LN2_32 = (0.6931471824645996, -1.9046542121259336e-09)
LN2_64 = (0.6931471805599453, 2.3190468138462996e-17)
# q with exp(r) - 1 = r + r^2 q(r) for |r| <= ln(2) / 2: relative error 1.4e-8 and 3.1e-19.
_EXP32 = (
    0.4999999701976776, 0.16666539013385773, 0.04166775569319725, 0.008367118425667286, 0.0013835836434736848,
)  # fmt: skip
EXP64 = (
    0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321112, 0.001388888888885826,
    0.00019841269887993667, 2.4801587404088835e-05, 2.7557241895236545e-06, 2.7557183536207806e-07,
    2.5109966514291893e-08, 2.0949226097101777e-09,
)  # fmt: skip
# 2^r for |r| <= 1/2: relative error 5.2e-9 and 1.1e-18.
EXP2_32 = (
    1.0, 0.6931472420692444, 0.24022655189037323, 0.05550272762775421, 0.009617065079510212,
    0.0013417743612080812, 0.00015823947614990175,
)  # fmt: skip
EXP2_64 = (
    1.0, 0.6931471805599453, 0.2402265069591007, 0.05550410866482338, 0.009618129107630224,
    0.0013333558146032987, 0.0001540353038890565, 1.52527341674701e-05, 1.3215491313340764e-06,
    1.0177932035920679e-07, 7.052957472468994e-09, 4.4733521049124043e-10, 2.8715603386214292e-11,
)  # fmt: skip


def reduced(b: Builder, x: Value) -> tuple[Value, Value]:
    """(r, shifted): x = n ln 2 + r with |r| <= ln(2) / 2, shifted = n + magic."""
    n, shifted = rounded(b, x, LOG2E)
    high, low = pick(x, LN2_32, LN2_64)
    return b.fma(n, -low, b.fma(n, -high, x)), shifted


def exp_in_range(b: Builder, x: Value, shift: float = 0.0) -> Value:
    """exp(x) * 2^shift for an x that is neither infinite nor far outside the range of exp."""
    r, shifted = reduced(b, x)
    p = horner(b, r, (1.0, 1.0, *pick(x, _EXP32, EXP64)))
    return times_power(b, p, shifted + shift if shift else shifted)


def exp(b: Builder, x: Value) -> Value:
    low, high = pick(x, (-104.0, 89.0), (-746.0, 710.0))
    return exp_in_range(b, at_least(b, at_most(b, x, high), low))


def exp2(b: Builder, x: Value) -> Value:
    low, high = pick(x, (-151.0, 129.0), (-1076.0, 1025.0))
    x = at_least(b, at_most(b, x, high), low)
    n, shifted = rounded(b, x)
    return times_power(b, horner(b, x - n, pick(x, EXP2_32, EXP2_64)), shifted)


def _expm1_parts(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(expm1(r), n, n + magic), with x = n ln 2 + r."""
    n, shifted = rounded(b, x, LOG2E)
    high, low = pick(x, LN2_32, LN2_64)
    r = b.fma(n, -low, b.fma(n, -high, x))
    return b.fma(r * r, horner(b, r, pick(x, _EXP32, EXP64)), r), n, shifted


def _half_expm1(b: Builder, x: Value) -> Value:
    """expm1(x) / 2, which does not overflow before sinh does."""
    p, n, shifted = _expm1_parts(b, x)
    power = power_of_two(b, shifted - 2.0)
    quarter = b.fma(power, p, power - 0.25)
    return b.select(n.eq(0.0), p * 0.5, quarter + quarter)


def expm1(b: Builder, x: Value) -> Value:
    low, high = pick(x, (-18.0, 89.0), (-40.0, 710.0))
    p, n, shifted = _expm1_parts(b, at_least(b, at_most(b, x, high), low))
    power = power_of_two(b, shifted - 1.0)  # 2^(n - 1): n = 128 would overflow
    half = b.fma(power, p, power - 0.5)
    return b.copysign(b.select(n.eq(0.0), p, half + half), x)


def tanh(b: Builder, x: Value) -> Value:
    """e / (e + 2) with e = expm1(2 |x|)."""
    a = at_most(b, b.abs(x), pick(x, 9.1, 20.0))
    p, _, shifted = _expm1_parts(b, a + a)
    power = power_of_two(b, shifted)
    e = b.fma(power, p, power - 1.0)
    return b.copysign(e / (e + 2.0), x)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow."""
    small = exp_in_range(b, at_least(b, -b.abs(x), pick(x, -104.0, -746.0)))
    return b.select(x.lt(0.0), small, 1.0) / (small + 1.0)


def sinh(b: Builder, x: Value) -> Value:
    """(e + e / (e + 1)) / 2 with e = expm1(|x|)."""
    half = _half_expm1(b, at_most(b, b.abs(x), pick(x, 89.5, 710.6)))
    bounded = at_most(b, half, 2.0**100)
    return b.copysign(half + bounded / b.fma(bounded, 2.0, 1.0), x)


def cosh(b: Builder, x: Value) -> Value:
    half = exp_in_range(b, at_most(b, b.abs(x), pick(x, 90.0, 711.0)), -1.0)
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
    if not wide(f):
        return f * f * horner(b, f, _LOG32)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    return b.fma(s, b.fma(z, horner(b, z, _LOG64), half_square), -half_square)


def _log_split(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e) with x = m * 2^e, m as `_log_correction` wants it, of a normal positive x."""
    bits, digits = bits_of(b, x), digits_of(x)
    least = pick(x, 0x3F2AAAAB, 0x3FE6A09E667F3BCD)
    power = (bits - least) & -(1 << digits)
    return b.bitcast(bits - power, x.type), power


def _power_number(b: Builder, power: Value, like: Value) -> Value:
    """e of the integer e * 2^digits."""
    if not wide(like):
        return b.convert(power, "f32") * 2.0**-23
    # There is no vector conversion of 64-bit integers before AVX-512: e + 1023 is put into the digits of 2^52.
    biased = (power + (1023 << 52)).shift_right_logical(52) | 0x4330000000000000
    return b.bitcast(biased, like.type) - (2.0**52 + 1023.0)


def log_reduced(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e): x = m * 2^e of a positive finite x, m in the range of `_log_correction`."""
    digits = digits_of(x)
    small = x.lt(pick(x, 2.0**-126, 2.0**-1022))
    m, power = _log_split(b, b.select(small, x * 2.0**digits, x))
    return m, _power_number(b, power, x) - b.select(small, b.constant(float(digits), x.type), 0.0)


def log_parts(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """(f, c, e): log(x) = f + c + e ln 2 of a positive finite x, c small against f."""
    m, e = log_reduced(b, x)
    f = m - 1.0
    return f, _log_correction(b, f), e


def _log_limits(b: Builder, x: Value, y: Value) -> Value:
    """y, a logarithm of x, with its values where x is not a positive finite number."""
    # As integers, the positive finite numbers are 1 ... infinity - 1.
    ordinary = b.bitcast(bits_of(b, x) - 1, Type(f"u{x.type.bits}", x.type.lanes)).lt(infinity_bits(x) - 1)
    limit = b.select(x.lt(0.0), NAN, x)
    limit = b.select(x.eq(0.0), -INF, limit)
    return b.select(ordinary, y, limit)


def log(b: Builder, x: Value) -> Value:
    if wide(x):
        f, c, e = log_parts(b, x)
        high, low = LN2_64
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
    f, c, e = log_parts(b, x)
    high, low = pick(x, _LOG2E_32, _LOG2E_64)
    return _log_limits(b, x, b.fma(f, high, b.fma(f, low, c * high)) + e)


def log10(b: Builder, x: Value) -> Value:
    f, c, e = log_parts(b, x)
    high, low = pick(x, _LOG10E_32, _LOG10E_64)
    two, rest = pick(x, _LOG10_2_32, _LOG10_2_64)
    tail = b.fma(e, rest, b.fma(f, low, c * high))
    return _log_limits(b, x, b.fma(e, two, b.fma(f, high, tail)))


def log1p(b: Builder, x: Value) -> Value:
    # With 1 + x = m * 2^e: m - 1 = 2^-e x + (2^-e - 1), where only the last sum is rounded.
    _, power = _log_split(b, x + 1.0)
    scale = b.bitcast(pick(x, 129 << 23, 1025 << 52) - power, x.type)  # 4 * 2^-e, which is a normal number
    f = b.bitcast(bits_of(b, x) - power, x.type) + b.fma(scale, 0.25, -1.0)
    e = _power_number(b, power, x)
    high, low = pick(x, LN2_32, LN2_64)
    y = b.fma(e, high, b.fma(e, low, _log_correction(b, f)) + f)
    y = b.copysign(y, x)
    y = b.select(x.lt(INF), y, x)
    y = b.select(x.gt(-1.0), y, b.select(x.eq(-1.0), -INF, b.constant(NAN, x.type)))
    return b.select(x.is_nan(), x, y)


# ---------------------------------------------------------------- inverse hyperbolic functions


def _log_of_large(b: Builder, a: Value, otherwise: Value) -> Value:
    """log1p(otherwise), or log(2 a) for an a whose square overflows."""
    large = a.gt(2.0**500)
    y = log1p(b, b.select(large, a, otherwise))
    return y + b.select(large, math.log(2), b.constant(0.0, a.type))


@in_double
def asinh(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    square = a * a
    return b.copysign(_log_of_large(b, a, a + square / (1.0 + b.sqrt(square + 1.0))), x)


@in_double
def acosh(b: Builder, x: Value) -> Value:
    t = x - 1.0
    y = _log_of_large(b, x, t + b.sqrt(b.fma(t, t, t + t)))
    return b.select(x.lt(1.0), NAN, y)


@in_double
def atanh(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    return b.copysign(log1p(b, (a + a) / (1.0 - a)) * 0.5, x)


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
    text = x.text.split()[-1].strip(")")  # in every lane: splat (float 0x...)
    if not x.type.floating or not text.startswith("0x"):
        return None
    return float(struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0])


def pow(b: Builder, x: Value, y: Value) -> Value:
    """x ** y, with C's limits."""
    easy = _easy_pow(b, x, known(y))
    if easy is not None:
        return easy
    a = b.abs(x)
    size = _pow64(b, a, y) if wide(x) else _pow32(b, a, y)
    large = a.eq(INF)
    edge = b.select(y.lt(0.0), b.select(large, b.constant(0.0, x.type), INF), b.select(large, a, 0.0))
    size = b.select(large | a.eq(0.0), edge, size)
    whole = trunc(b, y).eq(y)
    half = y * 0.5
    odd = whole & trunc(b, half).ne(half)
    size = b.select(a.eq(1.0), 1.0, size)
    size = b.select(bits_of(b, x).lt(0) & odd, -size, size)
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
    m, e = log_reduced(b, a)
    f, e, y = b.convert(m, "f64") - 1.0, b.convert(e, "f64"), b.convert(y, "f64")
    s = f / (f + 2.0)
    z = s * s
    log2_m = s * b.fma(z, horner(b, z, _LOG_SHORT), 2.0) * LOG2E
    t = at_least(b, at_most(b, y * (e + log2_m), 200.0), -200.0)
    n, shifted = rounded(b, t)
    return b.convert(horner(b, t - n, EXP2_32) * power_of_two(b, shifted), "f32")


def _pow64(b: Builder, a: Value, y: Value) -> Value:
    """a ** y of a positive finite float64: the logarithm in two parts, about 64 digits."""
    log_high, log_low = _log2_pair(b, a)
    high = y * log_high
    low = b.fma(y, log_high, -high) + y * log_low
    low = b.select(b.abs(high).lt(1100.0), low, 0.0)
    high = at_least(b, at_most(b, high, 1100.0), -1100.0)
    n, shifted = rounded(b, high)
    return times_power(b, horner(b, (high - n) + low, EXP2_64), shifted)


def _log2_pair(b: Builder, x: Value) -> tuple[Value, Value]:
    """log2 of a positive finite float64 as the sum of two."""
    m, e = log_reduced(b, x)
    f, d = m - 1.0, m + 1.0
    d_low = m - (d - 1.0)
    inverse = 1.0 / d
    s = f * inverse
    s_low = (b.fma(-s, d, f) - s * d_low) * inverse
    z = s * s
    z_low = b.fma(s, s, -z) + (s + s) * s_low
    t = z * horner(b, z, _LOG2_Q)
    high, low = fast_sum(b, b.constant(_LOG2_C1[0], x.type), t)
    high, low = pair_product(b, high, low + _LOG2_C1[1], z, z_low)
    high, error = fast_sum(b, b.constant(_LOG2_C0[0], x.type), high)
    high, low = pair_product(b, high, low + error + _LOG2_C0[1], s, s_low)
    high, error = fast_sum(b, e, high)
    return high, low + error


def hypot(b: Builder, x: Value, y: Value) -> Value:
    if not wide(x):
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
    root = b.sqrt(b.fma(x, x, y * y))
    return root * b.select(larger.gt(2.0**500), 2.0**600, b.select(larger.lt(2.0**-400), 2.0**-600, one))
