"""What the stream's methods accept: checks of their arguments, with PyTorch's kinds of errors.

Each check names the operation, the value and what would be right. Nothing here draws numbers. Ranges of whole
numbers need care where a floating dtype cannot hold all of them; `integer_range` does what PyTorch does.
"""

from __future__ import annotations

import warnings
from typing import SupportsInt

import numpy as np

from ..dtypes import DType, bfloat16, float16, float32, float64, of_name
from . import rounding

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# The bits of a floating number's significand: it counts exactly up to 2^bits.
SIGNIFICAND_BITS = {float16: 11, bfloat16: 8, float32: 24, float64: 53}

_BAREBONES = frozenset(("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"))
_SCALAR_TYPES = {
    "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64", "float16": "Half", "float32": "Float",
    "float64": "Double", "bfloat16": "BFloat16", "complex32": "ComplexHalf", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "float8_e4m3fn": "Float8_e4m3fn", "float8_e5m2": "Float8_e5m2",
}  # fmt: skip


def as_dtype(dtype: str | DType) -> DType:
    """A dtype, given itself or its name."""
    return of_name(dtype) if isinstance(dtype, str) else dtype


def as_seed(value: SupportsInt) -> int:
    """A seed in [-2^63, 2^64) as the 64 bits it stands for: a negative one counts back from 2^64."""
    seed = int(value)
    if not INT64_MIN <= seed < 2**64:
        raise ValueError(f"Overflow when unpacking long long: a seed lies in [-2**63, 2**64), got {seed}")
    return seed % 2**64


def floating(operation: str, dtype: str | DType) -> DType:
    """A dtype that must be float16, bfloat16, float32 or float64."""
    kind = as_dtype(dtype)
    if kind not in SIGNIFICAND_BITS:
        raise not_implemented(operation, kind)
    return kind


def not_implemented(operation: str, kind: DType) -> NotImplementedError:
    """The error of an operation that has no kernel for a dtype."""
    return NotImplementedError(f"\"{operation}\" not implemented for '{_SCALAR_TYPES[kind.name]}'")


def check_continuous(operation: str, dtype: str | DType) -> DType:
    """As `floating`, with the error of those distributions that PyTorch checks for it."""
    kind = as_dtype(dtype)
    if kind not in SIGNIFICAND_BITS:
        raise RuntimeError(
            f"{operation.capitalize()} distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {_SCALAR_TYPES[kind.name]}"
        )
    return kind


def check_above_zero(operation: str, name: str, value: float) -> None:
    if not value > 0:
        raise RuntimeError(f"{operation} expects {name} > 0.0, but found {name}={value:g}")


def check_uniform(kind: DType, low: float, high: float) -> None:
    least, largest = _limits(kind)
    for name, value in (("from", low), ("to", high)):
        if not least <= value <= largest:
            raise RuntimeError(f"uniform_: {name} is out of bounds for {kind.name}, got {value:g}")
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from to fit {kind.name}, at most {largest:g}, "
            f"but found to={high:g} and from={low:g}"
        )


def check_common(operation: str, kind: DType, *, bool_too: bool = True) -> None:
    """Refuse the dtypes that PyTorch's older kernels leave out."""
    if kind.is_complex or kind.name in _BAREBONES or (kind.name == "bool" and not bool_too):
        raise not_implemented(operation, kind)


def check_permutation(kind: DType, n: int) -> None:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    check_common("randperm", kind, bool_too=False)
    most = largest_counted(kind) + 1
    if n > most:
        raise RuntimeError(f"randperm: n cannot be greater than {most} for {kind.name}, got {n}")


def check_multinomial(weights: np.ndarray, num_samples: int, replacement: bool) -> DType:
    """Shape, dtype and counts; the weights themselves are checked by `check_weights`."""
    kind = of_name(weights.dtype.name)
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"multinomial: prob_dist must be 1 or 2 dim, got {weights.ndim}")
    if kind not in SIGNIFICAND_BITS:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {_SCALAR_TYPES[kind.name]}"
        )
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    categories = weights.shape[-1]
    if not replacement and num_samples > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} samples of {categories} categories"
        )
    if categories > 2**24:
        raise RuntimeError(f"number of categories cannot exceed 2^24, got {categories}")
    return kind


def check_weights(rows: np.ndarray) -> None:
    """Weights (N, C): finite, not negative, and not all zero in a row."""
    if not (rows >= 0).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0 or NaN)")
    if not (rows < np.inf).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity)")
    if (rows.astype(np.float64).sum(-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def largest_counted(kind: DType) -> int:
    """The largest whole number up to which a dtype holds every one; int64's at most."""
    if kind.is_floating_point:
        return 2 ** SIGNIFICAND_BITS[kind]
    return int(_limits(kind)[1])


def integer_range(kind: DType, low: int, high: int | None) -> tuple[int, int]:
    """The first and the last whole number of [low, high) that may be drawn for a dtype."""
    if kind.is_complex or kind.name.startswith("float8"):
        raise RuntimeError(f"randint: expected an integral, floating-point or bool dtype, got {kind.name}")
    for value in (low, high):
        if value is not None and not INT64_MIN <= value <= INT64_MAX:
            raise ValueError(f"Overflow when unpacking long long: randint got {value}")
    if high is not None and low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    first = low
    last = largest_counted(kind) if high is None else high - 1
    if kind.is_floating_point:
        first, last = _representable_range(kind, first, last, high is None)
    _check_integer_limits(kind, first, last)
    return first, last


def _representable_range(kind: DType, first: int, last: int, open_ended: bool) -> tuple[int, int]:
    """Ends moved inwards, so that no number between them rounds to one outside."""
    bits = SIGNIFICAND_BITS[kind]
    after_first = _rounded(kind, first + 1)
    if after_first < first:
        first = after_first + (1 << (abs(first + 1).bit_length() - bits))
    rounded_last = last if open_ended else _rounded(kind, last)
    if rounded_last > last:
        last = rounded_last - (1 << (abs(last).bit_length() - bits)) - 1
    if first > last or (open_ended and first == last):
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
            f"but got from={first} >= to={last + 1}"
        )
    return first, last


def _rounded(kind: DType, value: int) -> int:
    """A whole number converted to a floating type and back; what does not fit becomes -2^63, as on x86."""
    out = np.empty(1, kind.numpy)
    rounding.store_integers(out, np.array([value if value <= INT64_MAX else INT64_MIN], np.int64))
    number = float(out[0])
    return int(number) if abs(number) < 2.0**63 else INT64_MIN


def _check_integer_limits(kind: DType, first: int, last: int) -> None:
    least, largest = _limits(kind)
    for name, value in (("from", first), ("to - 1", last)):
        if not least <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {kind.name}, got {value}")
        if kind.is_floating_point and abs(value) > largest_counted(kind):
            bits = SIGNIFICAND_BITS[kind]
            warnings.warn(
                f"{name} is out of bounds [-(2^{bits}), 2^{bits}], got {value}: {kind.name} does not hold "
                "every whole number beyond, so not all of the range can be drawn",
                UserWarning,
                stacklevel=4,
            )


def _limits(kind: DType) -> tuple[float, float]:
    """The least and the largest number of a dtype, ints for whole numbers; int64's largest at most."""
    if kind.name == "bool":
        return 0, 1
    if not kind.is_floating_point:
        info = np.iinfo(kind.numpy)
        return int(info.min), min(int(info.max), INT64_MAX)
    largest = 2.0**127 * (2 - 2.0**-7) if kind is bfloat16 else float(np.finfo(kind.numpy).max)
    return -largest, largest
