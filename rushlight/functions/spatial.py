"""Reading what convolutions, pooling and padding share: sizes a spatial dimension, and constant tables.

A "tuple of ints" argument is one int for all dimensions or a sequence; how long it may be, and what the message says
when it is not, is each function's own. `table` turns an array worked out from sizes alone into a node.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..dtypes import BOOL, COMPLEX, INTEGRAL, from_numpy
from ..graph.node import Node, of_fixed
from ..tensor import Tensor, dtype_of


def ints(name: str, argument: str, value: Any, position: int) -> tuple[int, ...] | int:
    """`value` as an int, or a tuple of ints; TypeError in PyTorch's words for anything else."""
    where = f"{name}(): argument '{argument}' (position {position}) must be tuple of ints"
    if isinstance(value, (tuple, list)):
        found = []
        for i, element in enumerate(value):
            try:
                found.append(operator.index(element))
            except TypeError:
                raise TypeError(
                    f"{where}, but found element of type {type(element).__name__} at pos {i}"
                ) from None
        return tuple(found)
    if isinstance(value, bool):
        raise TypeError(f"{where}, not bool")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{where}, not {type(value).__name__}") from None


def fixed(value: Any) -> Any:
    """An argument of ints as something to be looked up by: a list as a tuple, what stands for an int as an int."""
    if type(value) is int or type(value) is str or value is None:
        return value
    if isinstance(value, (tuple, list)):
        return tuple([v if type(v) is int else _as_index(v) for v in value])
    return _as_index(value)


def _as_index(value: Any) -> Any:
    """The int that value stands for; value itself, to be refused later, when it stands for none."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return value
    try:
        return operator.index(value)
    except TypeError:
        return value


def spread(name: str, argument: str, value: Any, rank: int, position: int, says: str) -> tuple[int, ...]:
    """`value` for each of `rank` dimensions: an int, or one or `rank` of them; else RuntimeError(says)."""
    found = ints(name, argument, value, position)
    if isinstance(found, int):
        return (found,) * rank
    if len(found) == 1:
        return found * rank
    if len(found) != rank:
        raise RuntimeError(says)
    return found


def need_int(name: str, argument: str, value: Any, position: int) -> int:
    """`value` as an int; TypeError otherwise."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be int, not {type(value).__name__}"
        ) from None


_C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long int",
    "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def c_name(tensor: Tensor) -> str:
    """The dtype as C++ spells it, as some of PyTorch's messages do."""
    name = dtype_of(tensor).name
    return _C_NAMES.get(name, name)


_TITLES = {"bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble"}


def refuse(kernel: str, tensor: Tensor, *, whole: bool = False, truth: bool = True) -> None:
    """NotImplementedError for complex numbers, and for booleans and integers as asked."""
    category = dtype_of(tensor).category
    if category == COMPLEX or (truth and category == BOOL) or (whole and category in (BOOL, INTEGRAL)):
        name = dtype_of(tensor).name
        title = _TITLES.get(name) or {"int64": "Long", "int32": "Int", "uint8": "Byte"}.get(name, name)
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{title}'")


def wide(n: int, step: int) -> int:
    """How far a window of n elements with step - 1 others between them reaches."""
    return step * (n - 1) + 1


def listed(sizes: Sequence[int], between: str = "x") -> str:
    """(3, 4) as "3x4"."""
    return between.join(str(n) for n in sizes)


def table(make: Callable) -> Callable:
    """A function of hashable arguments that gives an array: as one that gives its node, made once."""

    @lru_cache(maxsize=512)
    def node(*args: Any) -> Node:
        array = np.ascontiguousarray(make(*args))
        array.flags.writeable = False
        return of_fixed(array, from_numpy(array.dtype))

    return node
