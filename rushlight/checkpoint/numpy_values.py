"""NumPy arrays, scalars and dtypes in checkpoints: numbers and text, never Python objects.

NumPy's own unpickling trusts what it is given; here every argument is compared with what it has to be before
NumPy sees it. Arrays of objects and structured types are refused, since they may hold anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import NAMES as DTYPE_NAMES
from .errors import CorruptFileError, RefusedError, shown
from .torch_names import TorchName

RECONSTRUCT = TorchName("numpy._core.multiarray", "_reconstruct")
SCALAR = TorchName("numpy._core.multiarray", "scalar")
FROM_BUFFER = TorchName("numpy._core.numeric", "_frombuffer")

NAMES: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
for _core in ("numpy.core", "numpy._core"):
    NAMES[f"{_core}.multiarray", "_reconstruct"] = RECONSTRUCT
    NAMES[f"{_core}.multiarray", "scalar"] = SCALAR
    NAMES[f"{_core}.numeric", "_frombuffer"] = FROM_BUFFER

_NUMBERS = re.compile(r"[<>=|]?(b1|[iu][1248]|f2|f4|f8|f16|c8|c16|c32|[SU]\d{1,8}|[mM]8)")


def scalar_type_called(module: str, name: str) -> Any:
    """numpy.float32 and ml_dtypes.bfloat16 as values, or None."""
    if module == "numpy":
        found = getattr(np, name, None) if name in _SCALAR_NAMES else None
        return found
    if module == "ml_dtypes" and (name == "bfloat16" or name.startswith("float8")) and name in DTYPE_NAMES:
        return DTYPE_NAMES[name].numpy.type
    return None


_SCALAR_NAMES = frozenset(
    "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 "
    "complex128 "
    "str_ bytes_ intc uintc longlong ulonglong".split()
)


def _dtype(builder: Any, of: Any, align: Any = False, copy: Any = True) -> np.dtype:
    # A new object of its own: the state that follows is set on it.
    if type(of) is str and _NUMBERS.fullmatch(of):
        return np.dtype(of, copy=True)
    if isinstance(of, type) and issubclass(of, np.generic) and not issubclass(of, (np.object_, np.void)):
        return np.dtype(of, copy=True)
    if isinstance(of, type) and of.__module__ == "ml_dtypes":
        return np.dtype(of, copy=True)
    raise RefusedError(
        f"the file holds a NumPy array or scalar of type {shown(of)}; numbers and text can be loaded, Python "
        "objects and structured types cannot. Save the array's numbers instead."
    )


def set_dtype_state(dtype: np.dtype, state: Any) -> None:
    """Set the byte order; everything else in the state has to say what the dtype is already."""
    if type(state) is not tuple or not 8 <= len(state) <= 9 or any(part is not None for part in state[2:5]):
        raise RefusedError("the file holds a structured NumPy type, which loading refuses")
    version, order, _, _, _, itemsize, alignment, flags, *unit = state
    if type(order) is not str or any(type(n) is not int for n in (version, itemsize, alignment, flags)):
        raise CorruptFileError(f"the file holds a NumPy type of an impossible state: {shown(state)}")
    if dtype.kind in "mM":
        if version != 4 or not unit or not _is_unit(unit[0]):
            raise CorruptFileError(f"the file holds a NumPy time type of an impossible state: {shown(state)}")
    elif version not in (3, 4) or unit:
        raise CorruptFileError(f"the file holds a NumPy type of an impossible state: {shown(state)}")
    fits = (
        order in ("<", ">", "=", "|")
        and itemsize in (-1, dtype.itemsize)
        and alignment in (-1, dtype.alignment)
    )
    if not fits or flags not in (0, dtype.flags):
        raise CorruptFileError(
            f"the file holds a NumPy type '{dtype}' of an impossible state: {shown(state)}"
        )
    if dtype.type.__module__ == "numpy":
        setting: Any = dtype
        setting.__setstate__(state)


def _is_unit(unit: Any) -> bool:
    """Whether it is the ({}, (b"D", 1, 1, 1)) of a datetime64."""
    if (
        type(unit) is not tuple
        or len(unit) != 2
        or not (unit[0] is None or (type(unit[0]) is dict and not unit[0]))
    ):
        return False
    detail = unit[1]
    if type(detail) is not tuple or len(detail) != 4 or type(detail[0]) not in (str, bytes):
        return False
    name = detail[0] if type(detail[0]) is str else detail[0].decode("ascii", "replace")
    known = name in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic")
    return known and all(type(n) is int and 1 <= n < 2**31 for n in detail[1:])


def _reconstruct(builder: Any, cls: Any, shape: Any, kind: Any) -> np.ndarray:
    plain = type(shape) is tuple and [type(n) for n in shape] == [int] and type(kind) in (bytes, str)
    if cls is not np.ndarray or not plain or shape != (0,) or kind not in (b"b", "b"):
        raise RefusedError(
            f"the file holds a NumPy array of class {shown(cls)}, which loading refuses; only ndarray is read"
        )
    return np.empty((0,), np.int8)


def set_array_state(array: np.ndarray, state: Any) -> None:
    """Fill an array that `_reconstruct` made."""
    if type(state) is not tuple or len(state) != 5 or array.shape != (0,):
        raise CorruptFileError("the file holds a NumPy array of an impossible state")
    version, shape, dtype, by_columns, data = state
    _check_array(shape, dtype, data)
    if type(version) is not int or version != 1 or type(by_columns) is not bool:
        raise CorruptFileError(f"the file holds a NumPy array of an unknown version: {shown(version)}")
    setting: Any = array
    setting.__setstate__((1, shape, dtype, by_columns, bytes(data)))


def _check_array(shape: Any, dtype: Any, data: Any) -> None:
    if (
        not isinstance(dtype, np.dtype)
        or dtype.hasobject
        or dtype.fields is not None
        or dtype.subdtype is not None
    ):
        raise RefusedError(f"the file holds a NumPy array of type {shown(dtype)}, which loading refuses")
    if type(data) not in (bytes, bytearray):
        raise RefusedError(f"the file holds a NumPy array whose numbers are a {type(data).__name__}")
    whole = type(shape) is tuple and len(shape) <= 64 and all(type(n) is int and n >= 0 for n in shape)
    if not whole or math.prod(shape) * dtype.itemsize != len(data):
        raise CorruptFileError(
            f"the file holds a NumPy array of shape {shown(shape)} and type {dtype} in {len(data)} bytes, which is "
            "impossible"
        )


def _scalar(builder: Any, dtype: Any, data: Any = b"") -> Any:
    _check_array((), dtype, data)
    return np.frombuffer(data, dtype)[0]


def _from_buffer(builder: Any, data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    _check_array(shape, dtype, data)
    if type(order) is not str or order not in ("C", "F"):
        raise CorruptFileError(f"the file holds a NumPy array of order {shown(order)}")
    flat: Any = np.frombuffer(bytearray(data), dtype)
    return flat.reshape(shape, order=order)


MAKERS: dict[int, Callable] = {
    id(np.dtype): _dtype,
    id(RECONSTRUCT): _reconstruct,
    id(SCALAR): _scalar,
    id(FROM_BUFFER): _from_buffer,
}

__all__ = ["MAKERS", "NAMES", "scalar_type_called", "set_array_state", "set_dtype_state"]
