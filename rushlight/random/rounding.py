"""Arithmetic that must be rounded exactly as PyTorch's compiled kernels round it.

PyTorch's AVX2 kernels fuse a multiplication and the addition after it, rounding once. NumPy has no such
operation, so `multiply_add` makes it from error-free transformations. Transcendental functions of float64
come from the C library, as they do in PyTorch: NumPy's own differ in the last bit. Nothing draws here.
"""

from __future__ import annotations

import math

import numpy as np

_SPLITTER = float(2**27 + 1)


def store(out: np.ndarray, numbers: np.ndarray) -> None:
    """Write floating numbers into any floating type; half-width types are reached by way of float32."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        out[...] = numbers.astype(np.float32) if out.itemsize == 2 else numbers


def store_integers(out: np.ndarray, numbers: np.ndarray) -> None:
    """Write int64 numbers into any type; half-width floating types are reached by way of float32."""
    narrow = out.itemsize == 2 and out.dtype.kind not in "iu"
    with np.errstate(over="ignore"):
        out[...] = numbers.astype(np.float32) if narrow else numbers.astype(out.dtype)


def multiply_add(a: np.ndarray, b: float | np.floating, c: float | np.floating) -> np.ndarray:
    """a * b + c rounded once, in the type of `a`: float32 or float64."""
    real = a.dtype.type
    if c == 0:
        return a * real(b) + real(0)  # a product of -0 becomes +0, as in a fused sum
    if real is np.float32:
        return _multiply_add_single(a, real(b), real(c))
    return _multiply_add_double(a, real(b), real(c))


def log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of float64 numbers >= 0, as the C library rounds it."""
    zero = x == 0
    if zero.any():
        return np.where(zero, -np.inf, _by_libm(math.log, np.where(zero, 1.0, x)))
    return _by_libm(math.log, x)


def log1p(x: np.ndarray) -> np.ndarray:
    """log(1 + x) of float64 numbers > -1, as the C library rounds it."""
    return _by_libm(math.log1p, x)


def exp(x: np.ndarray) -> np.ndarray:
    """Exponential of float64 numbers, as the C library rounds it; infinity where it overflows."""
    large = x > 709.0
    if not large.any():
        return _by_libm(math.exp, x)
    with np.errstate(over="ignore"):
        return np.where(large, np.exp(x), _by_libm(math.exp, np.where(large, 0.0, x)))


def tan(x: np.ndarray) -> np.ndarray:
    """Tangent of finite float64 numbers, as the C library rounds it."""
    return _by_libm(math.tan, x)


def _by_libm(function, x):
    return np.array(list(map(function, x.ravel().tolist())), np.float64).reshape(x.shape)


def _multiply_add_single(a, b, c):
    """Products of two float32 are exact in float64; only their sum with `c` has to be watched."""
    product = a.astype(np.float64) * np.float64(b)
    with np.errstate(over="ignore", invalid="ignore"):
        return _sum_to_odd(product, np.float64(c)).astype(np.float32)


def _multiply_add_double(a, b, c):
    """The fused multiply-add of Boldo and Melquiond 2008: the two low parts are summed by rounding to odd."""
    with np.errstate(over="ignore", invalid="ignore"):
        product, product_error = _two_product(a, b)
        low, low_error = _two_sum(c, product_error)
        high, high_error = _two_sum(product, low)
        fused = high + _sum_to_odd(low_error, high_error)
        return np.where(np.isfinite(fused), fused, a * b + c)


def _two_sum(a, b):
    """Knuth's sum and its rounding error."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a, b):
    """Dekker's product and its rounding error."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


def _halves(x):
    scaled = _SPLITTER * x
    high = scaled - (scaled - x)
    return high, x - high


def _sum_to_odd(a, b):
    """a + b in float64, an inexact result moved to the neighbour whose last bit is 1.

    Such a number rounds to fewer bits as the exact sum would: it lies on no tie that the sum does not lie on.
    """
    total, error = _two_sum(a, b)
    inexact = (error != 0) & np.isfinite(total)
    if not inexact.any():
        return total
    bits = total.view(np.int64)
    even = inexact & ((bits & 1) == 0)
    away_from_zero = (error > 0) == (total > 0)
    return (bits + np.where(even, np.where(away_from_zero, 1, -1), 0)).view(np.float64)
