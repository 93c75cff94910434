"""Sines, cosines, tangents and their inverses, on any number of lanes of float32 or float64; errors within 2 units.

Up to 2^17 (float32) or 2^30 an angle is reduced by three parts of pi / 2; what lies beyond takes a branch that is exact for
every finite number, and costs nothing where no lane needs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from .emit import Builder, Type, Value
from .formats import any_lane, bits_of, horner, pick, rounded, two_sum, wide

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
# tan(r) = r + r^3 T(r^2) for |r| <= pi / 4: relative error 1.3e-9 and 8.7e-19.
_TAN32 = (
    0.33333349227905273, 0.13332675397396088, 0.05405889451503754, 0.021286403760313988, 0.01082673855125904,
    9.931323438649997e-05, 0.00437211524695158,
)  # fmt: skip
_TAN64 = (
    0.33333333333333376, 0.13333333333326078, 0.05396825397253867, 0.021869488408733515, 0.008863237775747374,
    0.003592102372612935, 0.001456035148680597, 0.0005889157138362549, 0.000243571056789555, 8.401473943089191e-05,
    6.639868151110497e-05, -2.459938542255473e-05, 4.777696985421236e-05, -2.3850286708875168e-05,
    9.705096489539534e-06,
)  # fmt: skip
_FAR32, _FAR64 = 2.0**17, 2.0**30  # beyond, three parts of pi / 2 are not enough


def _quarter_turns(b: Builder, x: Value) -> tuple[Value, Value]:
    """(r, q): x = q pi / 2 + r with |r| <= pi / 4, q an integer that is right in its low two bits."""
    n, shifted = rounded(b, x, 2 / math.pi)
    r = x
    for part in pick(x, _PIO2_32, _PIO2_64):
        r = b.fma(n, -part, r)
    q = bits_of(b, shifted)
    far = b.abs(x).gt(pick(x, _FAR32, _FAR64))
    slow_r, slow_q = b.variable(r), b.variable(q)
    with b.when(any_lane(b, far)):
        exact, turns = _exact_quarter_turns(b, x)
        slow_r.set(b.select(far, exact, r))
        slow_q.set(b.select(far, turns, q))
    return slow_r.value, slow_q.value


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
    single = not wide(x)
    x64 = b.convert(x, "f64")
    row = ((bits_of(b, x64).shift_right_logical(52) & 2047) - 1075) * 2731 >> 16  # a division by 24
    row = b.maximum(row, b.constant(0, row.type))
    m = x64 * b.bitcast((1023 - row * _STEP) << 52, x64.type)
    parts = []
    for i in range(3 if single else 4):
        factor = _row(b, row * 4 + i, x64.type)
        product = m * factor
        rest = b.fma(m, factor, -product)
        if i < 2:
            product = b.fma(b.round_even(product * 0.25), -4.0, product)
        if i < 1:
            rest = b.fma(b.round_even(rest * 0.25), -4.0, rest)
        parts += [product, rest]
    parts = _compressed(b, parts)
    n, shifted = rounded(b, parts[0])
    parts = _compressed(b, _compressed(b, [parts[0] - n, *parts[1:]]))
    high, low, _ = _PIO2_64
    r = b.fma(parts[0], high, b.fma(parts[0], low, parts[1] * high))
    turns = bits_of(b, shifted)
    return b.convert(r, x.type.kind), b.convert(turns, x.type.as_int().kind)


def _row(b: Builder, index: Value, type: Type) -> Value:
    """Elements of the table at `index`."""
    table = b.symbol(b.module.table("two_over_pi", Type("f64"), _two_over_pi()))
    place = b.at(table, index, Type("f64"))
    if type.lanes == 1:
        return b.load(place, type)
    return b.gather(place, type, b.constant(True, Type("i1", type.lanes)))


def _compressed(b: Builder, parts: Sequence[Value]) -> list[Value]:
    """The same sum, with nearly all of it in the first part."""
    total, rest = parts[-1], []
    for part in reversed(parts[:-1]):
        total, error = two_sum(b, part, total)
        rest.append(error)
    return [total, *reversed(rest)]


def sin_cos(b: Builder, r: Value) -> tuple[Value, Value]:
    """(sin(r), cos(r)) for |r| <= pi / 4."""
    z = r * r
    s = b.fma(r * z, horner(b, z, pick(r, _SIN32, _SIN64)), r)
    return b.copysign(s, r), horner(b, z, (1.0, -0.5, *pick(r, _COS32, _COS64)))


def _of_quarter(b: Builder, r: Value, q: Value) -> Value:
    """sin(q pi / 2 + r)."""
    s, c = sin_cos(b, r)
    y = b.select((q & 1).ne(0), c, s)
    return b.bitcast(bits_of(b, y) ^ ((q & 2) << (r.type.bits - 2)), r.type)


def sin(b: Builder, x: Value) -> Value:
    return _of_quarter(b, *_quarter_turns(b, x))


def cos(b: Builder, x: Value) -> Value:
    r, q = _quarter_turns(b, x)
    return _of_quarter(b, r, q + 1)


def tan(b: Builder, x: Value) -> Value:
    r, q = _quarter_turns(b, x)
    z = r * r
    t = b.copysign(b.fma(r * z, horner(b, z, pick(r, _TAN32, _TAN64)), r), r)
    odd = (q & 1).ne(0)
    return b.select(odd, -1.0, t) / b.select(odd, t, 1.0)


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
    high, low, _ = pick(x, _PIO2_32, _PIO2_64)
    return quarters * high - (x - quarters * low)


def atan(b: Builder, x: Value) -> Value:
    a = b.abs(x)
    steep = a.gt(1.0)
    y = _cubic(b, b.select(steep, 1.0 / a, a), pick(x, _ATAN32, _ATAN64))
    return b.copysign(b.select(steep, _from(b, 1, y), y), x)


def atan2(b: Builder, y: Value, x: Value) -> Value:
    a, c = b.abs(y), b.abs(x)
    steep = a.gt(c)
    small, large = b.select(steep, c, a), b.select(steep, a, c)
    large = b.select(large.eq(0.0), 1.0, large)
    q = b.select(small.eq(large), 1.0, small / large)  # infinity over infinity is 1
    angle = _cubic(b, q, pick(x, _ATAN32, _ATAN64))
    angle = b.select(steep, _from(b, 1, angle), angle)
    angle = b.select(bits_of(b, x).lt(0), _from(b, 2, angle), angle)
    return b.copysign(angle, y)


def _asin_parts(b: Builder, x: Value) -> tuple[Value, Value]:
    """(asin(s), whether |x| > 0.55): s is |x|, or for such an x sqrt((1 - |x|) / 2), half of the rest of the angle."""
    a = b.abs(x)
    steep = a.gt(0.55)
    z = b.select(steep, b.fma(a, -0.5, 0.5), a * a)
    s = b.select(steep, b.sqrt(z), a)
    return b.fma(s * z, horner(b, z, pick(x, _ASIN32, _ASIN64)), s), steep


def asin(b: Builder, x: Value) -> Value:
    y, steep = _asin_parts(b, x)
    return b.copysign(b.select(steep, _from(b, 1, y + y), y), x)


def acos(b: Builder, x: Value) -> Value:
    y, steep = _asin_parts(b, x)
    flat = _from(b, 1, b.copysign(y, x))
    return b.select(steep, b.select(x.lt(0.0), _from(b, 2, y + y), y + y), flat)
