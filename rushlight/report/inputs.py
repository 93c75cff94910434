"""Reading what a report is given: arrays of labels, scores and targets, checked before anything is computed.

Anything `numpy.asarray` takes is taken: NumPy arrays, lists, tensors (detached and moved to the CPU
first). What is wrong with a value is said here, with its place, so that no metric ever sees a NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def as_array(value: Any, name: str) -> np.ndarray:
    """`value` as a NumPy array of bools, integers or float64.

    Raises:
        TypeError: text, objects or complex numbers.
    """
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "cpu"):
        value = value.cpu()
    array = np.asarray(value)
    if array.dtype.kind in "biu":
        return array
    try:
        return (
            array.astype(np.float64, casting="same_kind") if array.dtype.kind == "f" else _from_other(array)
        )
    except (TypeError, ValueError):
        raise TypeError(f"{name}: numbers are needed, got an array of dtype {array.dtype}") from None


def class_indices(value: Any, name: str) -> np.ndarray:
    """`value` as class indices, (N,) int64; (N, 1) is taken too, and floats that are whole numbers.

    Raises:
        ValueError: another shape, none at all, a fraction, NaN or a negative index.
    """
    array = without_last_one(as_array(value, name))
    if array.ndim != 1:
        raise ValueError(f"{name}: class indices of shape (N,) are needed, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: there is nothing to evaluate, the array is empty")
    require_finite(array, name)
    whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        row = int(np.argmax(whole != array))
        raise ValueError(f"{name}: class indices are whole numbers, got {array[row]} at row {row}")
    if whole.min() < 0:
        row = int(np.argmin(whole))
        raise ValueError(f"{name}: class indices start at 0, got {whole[row]} at row {row}")
    return whole


def require_finite(array: np.ndarray, name: str) -> None:
    """Raise ValueError if a number is NaN or infinite, naming how many and where the first is."""
    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array)
    if not bad.any():
        return
    place = tuple(int(index) for index in np.argwhere(bad)[0])
    where = f"row {place[0]}" + "".join(f", column {column}" for column in place[1:])
    raise ValueError(
        f"{name}: {int(bad.sum())} of {array.size} values are NaN or infinite, the first ({array[place]}) "
        f"at {where}; a model that gives such values has usually diverged (try a lower learning rate)"
    )


def require_same_length(first: np.ndarray, first_name: str, second: np.ndarray, second_name: str) -> None:
    """Raise ValueError if two arrays do not have the same number of rows."""
    if len(first) != len(second):
        raise ValueError(
            f"{first_name} has {len(first)} rows, {second_name} has {len(second)}; they must agree"
        )


def without_last_one(array: np.ndarray) -> np.ndarray:
    """(N, 1) as (N,); anything else as it is."""
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def json_number(value: Any) -> float | int | None:
    """A number as JSON can hold it: NaN and infinities become None."""
    if value is None:
        return None
    if isinstance(value, (int, np.integer)):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def _from_other(array: np.ndarray) -> np.ndarray:
    # bfloat16 and its like have a kind of their own and convert; objects and text must not be guessed at.
    if array.dtype.kind == "V" and array.dtype.names is None:
        return array.astype(np.float64)
    raise TypeError(array.dtype)
