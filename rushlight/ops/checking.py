"""Conditions on values that are met when the program runs, for functions that cannot read them at the call."""

from __future__ import annotations

import math
from typing import Any

from ..graph.registry import OPAQUE, Primitive
from .samples import Array, call

_ERRORS = {"RuntimeError": RuntimeError, "ValueError": ValueError, "IndexError": IndexError}


def outside(np: Any, x: Any, low: float, high: float, nan: bool) -> Any:
    """The elements of x below low or above high, and NaN unless `nan` lets it pass."""
    bad = (x < low) | (x > high) if nan else ~((x >= low) & (x <= high))
    return x[bad]


def refuse(bad: Any, error: str, message: str) -> None:
    """Raise the error named `error` when there are elements in `bad`; the first is shown."""
    if bad.size:
        raise _ERRORS[error](message.replace("{}", str(bad.reshape(-1)[0].item())))


def _within(np: Any, x: Any, low: float, high: float, nan: bool, error: str, message: str) -> Any:
    refuse(outside(np, x, low, high, nan), error, message)
    return x


within = Primitive(
    "within",
    "x itself; an error, with the first such element for {} in its message, when one is not in [low, high].",
    kind=OPAQUE,
    fallible=True,
    moves=True,
    shape=lambda x, *_: x.shape,
    numpy=_within,
    vjp=lambda g, out, x, *_: g,
    samples=(
        call(Array((2, 3), 0, 1), params=(0.0, 1.0, False, "RuntimeError", "not a probability: {}")),
        call(Array((3,), 0, 5, "int64"), params=(0, math.inf, True, "IndexError", "negative: {}")),
    ),
)
