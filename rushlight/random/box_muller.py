"""Normal numbers from pairs of uniforms: PyTorch's arithmetic for blocks of 16, to the last bit.

For float32, PyTorch's AVX2 kernel evaluates logarithm, sine and cosine by the Cephes polynomials with fused
multiply-adds. Here a fused step is a float64 product and sum rounded back to float32, which gives the same
bits for each of the 2^24 uniforms there are. In float64 the C library's functions are used. Uniforms are
drawn elsewhere.
"""

import math

import numpy as np

from . import rounding

# Cephes logf: log(1 + x) = x - x^2/2 + x^3 P(x) for sqrt(1/2) <= 1 + x < sqrt(2), highest power first.
_LOG = [
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
]  # fmt: skip
_SQRT_HALF = np.float32(math.sqrt(0.5))
# log(2) in two parts, so that a whole number times the first is exact.
_LOG2_HIGH = np.float32(0.693359375)
_LOG2_LOW = np.float32(-2.12194440e-4)

# Cephes sinf and cosf: pi/4 in three parts, and the polynomials in x^2 on [-pi/4, pi/4].
_EIGHTHS = np.float32(4 / math.pi)
_QUARTER_PI = np.array([0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8], np.float32)
_SINE = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]
_COSINE = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]
_TWO_PI = np.float32(2 * math.pi)


def pairs(u1: np.ndarray, u2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sqrt(-2 log u1) times the cosine and the sine of 2 pi u2.

    u1 in (0, 1] and u2 in [0, 1): contiguous, both float32 (multiples of 2^-24) or both float64.
    """
    if u1.dtype == np.float64:
        radius = np.sqrt(-2.0 * rounding.log(u1))
        angle = (2.0 * math.pi) * u2
        return radius * np.cos(angle), radius * np.sin(angle)
    radius = np.sqrt(np.float32(-2) * _log(u1))
    sine, cosine = _sine_and_cosine(_TWO_PI * u2)
    return radius * cosine, radius * sine


def _log(u: np.ndarray) -> np.ndarray:
    bits = u.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    x = ((bits & 0x007FFFFF) | 0x3F000000).view(np.float32)  # u = x 2^exponent, x in [1/2, 1)
    below = (x < _SQRT_HALF).astype(np.float32)
    exponent -= below
    x *= below + np.float32(1)
    x -= np.float32(1)
    square = x * x
    y = _polynomial(_LOG, x)
    y *= x
    y = _fused(y, square, exponent * _LOG2_LOW)
    y -= square * np.float32(0.5)
    x += y
    x += exponent * _LOG2_HIGH
    return x


def _sine_and_cosine(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    octant = (angle * _EIGHTHS).astype(np.int32)
    octant += 1
    octant &= ~1
    x = _reduced(angle, octant.astype(np.float32))
    square = x * x
    cosine = _polynomial(_COSINE, square)
    cosine *= square
    cosine = _fused(cosine, square, square * np.float32(-0.5))
    cosine += np.float32(1)
    sine = _polynomial(_SINE, square)
    sine *= square
    sine = _fused(sine, x, x)
    swapped = (octant & 2) != 0
    out_sine = np.where(swapped, cosine, sine)
    out_cosine = np.where(swapped, sine, cosine)
    out_sine.view(np.int32)[...] ^= (octant & 4) << 29
    out_cosine.view(np.int32)[...] ^= (~(octant - 2) & 4) << 29
    return out_sine, out_cosine


def _reduced(angle: np.ndarray, octant: np.ndarray) -> np.ndarray:
    """angle - octant pi/4; the first two products are exact, the third is fused with its sum."""
    x = angle - octant * _QUARTER_PI[0]
    x -= octant * _QUARTER_PI[1]
    return _fused(octant, -_QUARTER_PI[2], x)


def _polynomial(coefficients: list[float], x: np.ndarray) -> np.ndarray:
    """Horner's scheme in float32, each step fused."""
    wide = x.astype(np.float64)
    total = wide * np.float64(np.float32(coefficients[0]))
    out = np.empty_like(x)
    for coefficient in coefficients[1:-1]:
        np.add(total, np.float64(np.float32(coefficient)), out=out, casting="same_kind")
        np.multiply(out, wide, out=total)
    np.add(total, np.float64(np.float32(coefficients[-1])), out=out, casting="same_kind")
    return out


def _fused(a: np.ndarray, b: np.ndarray | np.float32, c: np.ndarray) -> np.ndarray:
    """a * b + c of float32 numbers by way of float64."""
    total = a.astype(np.float64)
    total *= b
    total += c
    return total.astype(np.float32)
