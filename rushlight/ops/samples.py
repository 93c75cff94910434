"""Calls that a primitive is tested on: shapes, ranges, dtypes and parameters as data.

Tests make the arrays from the record's name, so a failure repeats.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Array(NamedTuple):
    """An input of a sample: uniform in [low, high]; integers when `dtype` is an integer type."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float64"
    distinct: bool = False  # no two elements nearer than finite differences can tell apart


class Call(NamedTuple):
    """One call: inputs (Arrays or shapes) and parameters; `grad` False where differences say nothing."""

    inputs: tuple[Any, ...]
    params: tuple[Any, ...] = ()
    grad: bool = True
    says: str = ""  # for calls that have to fail: a part of the message


def call(*inputs: Any, params: tuple = (), grad: bool = True, says: str = "") -> Call:
    """A call on inputs given as Arrays or as bare shapes."""
    made = tuple(x if isinstance(x, (Array, list)) else Array(x) for x in inputs)
    return Call(made, params, grad, says)


def floats(low: float = -2.0, high: float = 2.0) -> tuple[Call, ...]:
    """The samples of a function of one number on [low, high]: several ranks, an empty one, one element."""
    return tuple(Call((Array(shape, low, high),)) for shape in ((), (5,), (2, 3), (0,), (1, 3, 1)))


def pairs(low: float = -2.0, high: float = 2.0, grad: bool = True) -> tuple[Call, ...]:
    """The samples of a function of two numbers: equal shapes, broadcast shapes, 0-d with more."""
    shapes = (((2, 3), (2, 3)), ((2, 3), (3,)), ((4, 1), (1, 3)), ((), (2,)), ((0, 2), (1, 2)))
    return tuple(Call((Array(a, low, high), Array(b, low, high)), (), grad) for a, b in shapes) + (
        Call((Array((2, 3)), Array((4, 3))), says="non-singleton dimension 0"),
    )


def rejected(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Those of `calls` that have to fail."""
    return tuple(c for c in calls if c.says)
