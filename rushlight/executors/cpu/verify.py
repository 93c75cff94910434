"""Holding a native program against the reference executor, with room for rounding and for nothing else.

There is a tolerance a dtype. A graph may magnify rounding beyond it (a finite difference divides it by a small step), so
what is outside the tolerance is held against what the reference executor's own result does when every number on the way
is off by about its rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import settings
from ...graph.node import Node
from ...graph.registry import CONTRACTION
from ..reference import Program as Reference

# |native - reference| <= absolute * largest |reference| + relative * |reference|, by dtype.
TOLERANCES = {
    "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
    "float32": (2e-5, 2e-4),
    "float64": (1e-13, 1e-11),
    "complex64": (2e-5, 2e-4),
    "complex128": (1e-13, 1e-11),
}

# The distance from 1 to the next number.
_EPSILON = {
    "float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52,
    "complex64": 2.0**-23, "complex128": 2.0**-52,
}  # fmt: skip
# Trials of that, and how much further a sum may be off that is added up in another order.
_TRIALS, _ROOM = 4, 64
# How much further than rounding Winograd's convolutions are off.
_WINOGRAD = 32


class VerificationError(RuntimeError):
    """A native program and the reference executor do not agree."""


def verified(native: Any, reference: Any, graph: tuple, arrays: Sequence[np.ndarray]) -> list[Any]:
    """The native program's results, which the reference executor's agree with.

    graph: (order, inputs, roots). Raises VerificationError, or what the reference executor raises.
    """
    try:
        right = reference.run(arrays)
    except Exception as error:
        try:
            native.run(arrays)
        except Exception:
            raise error from None
        raise VerificationError(f"no error where the reference executor has {error!r}") from error
    found = native.run(arrays)
    for i, root in enumerate(graph[2]):
        wrong = problem(graph, arrays, i, right[i], found[i])
        if wrong:
            raise VerificationError(f"result {i} ({root}): {wrong}")
    return found


def problem(graph: tuple, arrays: Sequence[np.ndarray], place: int, expected: Any, found: Any) -> str:
    """What is wrong with `found` as the result number `place` of a graph; empty when it agrees."""
    if not difference(expected, found):
        return ""
    order, inputs, roots = graph
    return difference(expected, found, _noise(order, inputs, roots[place], arrays, expected))


def difference(expected: Any, found: Any, noise: float = 0.0) -> str:
    """What is wrong with `found`; empty when it agrees within the tolerance and `noise`."""
    if isinstance(expected, tuple):
        return next((p for p in (difference(x, y, noise) for x, y in zip(expected, found)) if p), "")
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return f"{found.dtype}{found.shape} where {expected.dtype}{expected.shape} was expected"
    # Whole numbers have to be the same, unless rounding on the way to them decides.
    absolute, relative = TOLERANCES.get(str(expected.dtype), (0.0, 0.0))
    if not absolute and not noise:
        bad = expected != found
        return f"{int(bad.sum())} of {bad.size} elements differ" if bad.any() else ""
    x, y = _wide(expected), _wide(found)
    with np.errstate(all="ignore"):
        finite = np.isfinite(x)
        scale = float(np.abs(x[finite]).max(initial=0))
        near = np.abs(x - y) <= absolute * scale + relative * np.abs(x) + noise
        same = np.where(finite, near, (x == y) | (np.isnan(x) & np.isnan(y)))
    if same.all():
        return ""
    at = tuple(int(i[0]) for i in np.nonzero(~np.atleast_1d(same)))
    return (
        f"{int((~same).sum())} of {same.size} elements differ, first at {at}: "
        f"{np.atleast_1d(y)[at]} where {np.atleast_1d(x)[at]} was expected (largest {scale:g})"
    )


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


# ---------------------------------------------------------------- how far rounding goes


def _noise(
    order: Sequence[Node], inputs: Sequence[Node], root: Node, arrays: Sequence[np.ndarray], expected: Any
) -> float:
    """How far the result moves when every number that is computed or given is off by its rounding, with room."""
    most = 0.0
    for trial in range(_TRIALS):
        rng = np.random.default_rng(trial)
        program = Reference(order, inputs, [root])
        program.steps = [_nudged(step, order[step.place].prim, rng) for step in program.steps]
        try:
            (moved,) = program.run([_nudge(array, rng) for array in arrays])
        except Exception:
            continue
        most = max(most, _distance(expected, moved))
    return _ROOM * most


def _nudged(step: Any, prim: Any, rng: np.random.Generator) -> Any:
    """A step of the reference executor whose results are off by their rounding, unless it only moves numbers."""
    if prim.moves:
        return step
    call = step.call
    whole = prim.kind == CONTRACTION
    factor = _WINOGRAD if prim.name == "convolution" and settings.WINOGRAD else 1
    return step._replace(call=lambda slots: _nudge(call(slots), rng, whole, factor))


def _nudge(value: Any, rng: np.random.Generator, whole: bool = False, factor: float = 1) -> Any:
    """Each number as it is or a little more or less: by its own rounding, or if `whole` by that of the largest."""
    if isinstance(value, tuple):
        return tuple(_nudge(v, rng, whole, factor) for v in value)
    value = np.asarray(value)
    epsilon = _EPSILON.get(str(value.dtype))
    if epsilon is None:
        return value
    wide = _wide(value)
    size = np.where(np.isfinite(wide), wide, 0)
    if whole:
        size = np.abs(size).max(initial=0)
    with np.errstate(all="ignore"):
        return (wide + size * (factor * epsilon * rng.integers(-1, 2, value.shape))).astype(value.dtype)


def _distance(x: Any, y: Any) -> float:
    if isinstance(x, tuple):
        return max(map(_distance, x, y), default=0.0)
    with np.errstate(all="ignore"):
        far = np.abs(_wide(x) - _wide(y))
    return float(far[np.isfinite(far)].max(initial=0))
