"""Remainders, whole powers and divisors, and the parts a floating number is made of. Nothing here is approximated."""

from __future__ import annotations

from .emit import Builder, Type, Value
from .formats import INF, NAN, any_lane, bits_of, digits_of, in_double, infinity_bits, pick, trunc

# ---------------------------------------------------------------- division with remainder


@in_double
def fmod(b: Builder, x: Value, y: Value) -> Value:
    """x - y * trunc(x / y), exactly: long division, 50 binary digits of the quotient a round."""
    a, d = b.abs(x), b.abs(y)
    rest = b.variable(a)
    proper = d.gt(0.0) & a.lt(INF)
    with b.repeat(lambda: any_lane(b, proper & b.abs(rest.value).ge(d))):
        r = rest.value
        k = (
            (bits_of(b, r) & infinity_bits(r)).shift_right_logical(52)
            - bits_of(b, d).shift_right_logical(52)
            - 50
        )
        k = b.maximum(k, b.constant(0, k.type))
        half = k.shift_right_logical(1)
        factor = b.bitcast((half + 1023) << 52, d.type), b.bitcast((k - half + 1023) << 52, d.type)
        divisor = d * factor[0] * factor[1]
        # r and the divisor are multiples of the divisor's last place: the rest is exact, if perhaps negative.
        fresh = b.fma(-trunc(b, r / divisor), divisor, r)
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
    with b.repeat(lambda: any_lane(b, left.value.gt(0))):
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
    with b.repeat(lambda: any_lane(b, smaller.value.ne(0))):
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
    bits = bits_of(b, x)
    up = y.gt(x) ^ (bits.lt(0))
    found = b.bitcast(b.select(up, bits + 1, bits - 1), x.type)
    found = b.select(x.eq(0.0), b.copysign(b.bitcast(b.constant(1, bits.type), x.type), y), found)
    found = b.select(x.eq(y), y, found)
    return b.select(x.is_nan() | y.is_nan(), x + y, found)


def frexp(b: Builder, x: Value) -> tuple[Value, Value]:
    """(m, e) with x = m * 2^e and 1/2 <= |m| < 1, e as an integer of x's width; 0, infinities and NaN: (x, 0)."""
    digits = digits_of(x)
    small = b.abs(x).lt(pick(x, 2.0**-126, 2.0**-1022))
    bits = bits_of(b, b.select(small, x * 2.0**digits, x))
    bias = pick(x, 126, 1022)
    e = ((bits & infinity_bits(x)) >> digits) - b.select(small, b.constant(bias + digits, bits.type), bias)
    m = b.bitcast((bits & ~infinity_bits(x)) | (bias << digits), x.type)
    plain = b.abs(x).lt(INF) & x.ne(0.0)
    return b.select(plain, m, x), b.select(plain, e, 0)


def mantissa(b: Builder, x: Value) -> Value:
    return frexp(b, x)[0]
