"""Which element of a window is the largest, and values put back where the largest stood: what pooling by maxima is made of.

Windows lie over the last dimensions, whose `around` is (low, high) padding of places that hold nothing. A place within a
window is its row-major number, in the least integer type that holds it: uint8 for all usual windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..dtypes import FLOATING, DType, int64, uint8
from ..graph.node import Node, constant
from ..graph.registry import INDEXING, Primitive
from .samples import Array, call


def pooled_shape(shape: tuple, sizes: tuple, steps: tuple, around: tuple, gaps: tuple) -> tuple[int, ...]:
    """One element a window."""
    lead = len(shape) - len(sizes)
    out = list(shape[:lead])
    for n, k, s, (low, high), gap in zip(shape[lead:], sizes, steps, around, gaps):
        out.append((n + low + high - gap * (k - 1) - 1) // s + 1)
    return tuple(out)


def place_type(sizes: tuple) -> DType:
    """The type of places within windows of these sizes."""
    return uint8 if math.prod(sizes) <= 256 else int64


def lowest(dtype: DType) -> float:
    """What no element is below."""
    if dtype.category == FLOATING:
        return -math.inf
    return -(1 << (8 * dtype.itemsize - 1)) if dtype.is_signed else 0


def _padded(np: Any, x: Any, around: tuple, value: Any) -> Any:
    if not any(map(any, around)):
        return x
    lead = x.ndim - len(around)
    shape = (*x.shape[:lead], *(n + low + high for n, (low, high) in zip(x.shape[lead:], around)))
    out = np.full(shape, value, x.dtype)
    out[_inside(x.shape, around)] = x
    return out


def _inside(shape: tuple, around: tuple) -> tuple:
    lead = len(shape) - len(around)
    return (..., *(slice(low, low + n) for n, (low, _) in zip(shape[lead:], around)))


def _places(np: Any, counts: tuple, sizes: tuple, steps: tuple, gaps: tuple) -> Iterator[tuple]:
    """For each place in a window, the slices of the padded input that hold it in every window."""
    for place in np.ndindex(*sizes):
        at = [
            slice(p * gap, p * gap + s * (n - 1) + 1, s) for p, s, gap, n in zip(place, steps, gaps, counts)
        ]
        yield (..., *at)


def _window_argmax(np: Any, x: Any, sizes: tuple, steps: tuple, around: tuple, gaps: tuple) -> Any:
    shape = pooled_shape(x.shape, sizes, steps, around, gaps)
    counts = shape[len(shape) - len(sizes) :]
    least = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    padded = _padded(np, x, around, least)
    there = _padded(np, np.ones(x.shape[x.ndim - len(sizes) :], bool), around, False)
    found = np.zeros(shape, np.uint8 if math.prod(sizes) <= 256 else np.int64)
    best: Any = None
    met: Any = None
    for number, at in enumerate(_places(np, counts, sizes, steps, gaps)):
        part, inside = padded[at], there[at]
        if best is None:
            best, met = part.copy(), inside.copy()
            continue
        better = (part > best) | (part != part) | (inside & ~met)
        found[better] = number
        np.copyto(best, part, where=better)
        met |= inside
    return found


window_argmax = Primitive(
    "window_argmax",
    "The place of the largest element in each window: the first of equals inside the input, but the last NaN.",
    kind=INDEXING,
    shape=lambda x, *at: pooled_shape(x.shape, *at),
    dtype=lambda x, sizes, *_: place_type(sizes),
    numpy=_window_argmax,
    samples=(
        call((2, 7), params=((3,), (2,), ((0, 0),), (1,))),
        call((6, 5), params=((2, 2), (1, 2), ((1, 0), (0, 1)), (2, 1))),
    ),
)


def _window_put(
    np: Any, g: Any, place: Any, shape: tuple, sizes: tuple, steps: tuple, around: tuple, gaps: tuple
) -> Any:
    lead = len(shape) - len(sizes)
    whole = (*shape[:lead], *(n + low + high for n, (low, high) in zip(shape[lead:], around)))
    out = np.zeros(whole, g.dtype)
    for number, at in enumerate(_places(np, g.shape[lead:], sizes, steps, gaps)):
        out[at] += np.where(place == number, g, 0).astype(g.dtype, copy=False)
    return out[_inside(shape, around)]


def _window_put_rule(
    h: Node,
    out: Node,
    g: Node,
    place: Node,
    shape: tuple,
    sizes: tuple,
    steps: tuple,
    around: tuple,
    gaps: tuple,
) -> Node:
    """What stands at the places."""
    found: Node = constant(0, h.dtype).expand(g.shape)
    for number, part in enumerate(window_parts(h, g.shape, sizes, steps, around, gaps, constant(0, h.dtype))):
        found = place.eq(number).where(part, found)
    return found


def window_parts(
    x: Node, shape: tuple, sizes: tuple, steps: tuple, around: tuple, gaps: tuple, fill: Node
) -> Iterator[Node]:
    """For each place in a window, a node of `shape` that holds it for every window; `fill` stands outside x."""
    lead = len(shape) - len(sizes)
    if any(map(any, around)):
        whole = (*x.shape[:lead], *(n + low + high for n, (low, high) in zip(x.shape[lead:], around)))
        inside = (
            *((0, n, 1) for n in x.shape[:lead]),
            *((low, low + n, 1) for n, (low, _) in zip(x.shape[lead:], around)),
        )
        x = fill.expand(whole).slice_scatter(x, inside)
    for number in range(math.prod(sizes)):
        index = [(0, n, 1) for n in shape[:lead]]
        for d in range(len(sizes)):
            start = number // math.prod(sizes[d + 1 :]) % sizes[d] * gaps[d]
            index.append((start, start + steps[d] * (shape[lead + d] - 1) + 1, steps[d]))
        yield x.slice(tuple(index))


window_put = Primitive(
    "window_put",
    "Zeros of `shape` to which each window's element is added at its place in the window.",
    kind=INDEXING,
    arity=2,
    shape=lambda g, place, shape, *_: shape,
    numpy=_window_put,
    vjp=(_window_put_rule, None),
    samples=(
        call((2, 3), Array((2, 3), 0, 2, "int64"), params=((2, 7), (3,), (2,), ((0, 0),), (1,))),
        call(
            (5, 3),
            Array((5, 3), 3, 3, "int64"),
            params=((6, 5), (2, 2), (1, 2), ((1, 0), (0, 1)), (2, 1)),
        ),
    ),
)
