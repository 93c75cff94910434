"""Pooling as elementwise work on shifted slices, so that it fuses with what stands before and behind it.

A window of k elements is k slices of the input with steps between their elements: a maximum is k - 1 comparisons of them,
its place is noted on the way, and a gradient is, for each residue of the steps, a sum of the windows that reach there
(assembly.py). In channels-last order (layout.py) all of that is whole vectors. Windows of very many elements stay
reductions.
"""

from __future__ import annotations

import math

from ...dtypes import FLOATING, NARROW
from ...graph.node import PRIMITIVES, Node, constant
from ...graph.rewrite import Rule
from ...ops.pooling import lowest, window_parts
from .assembling import overlapped, padded, widened
from .kinds import kind_of

# More elements a window than this are not written out.
_MOST = 32

_PAIRS = {"amax": "maximum", "amin": "minimum", "sum": "add"}


def _reduced(node: Node) -> Node | None:
    """A reduction of windows as work on their places, one after the other."""
    source = node.inputs[0]
    if source.buffer is not None or source.prim.name != "windows" or not node.numel:
        return None
    x = source.inputs[0]
    dims, *at = source.params
    lead, rank = len(x.shape) - len(dims), len(x.shape)
    kind = kind_of(node.dtype)
    if kind in (None, "i1") or (node.prim.name == "sum" and node.dtype in NARROW):
        return None
    if dims != tuple(range(lead, rank)) or node.params != (tuple(range(rank, rank + len(dims))), False):
        return None
    sizes, steps, gaps = at
    if not 1 < math.prod(sizes) <= _MOST:
        return None
    parts = window_parts(x, node.shape, sizes, steps, ((0, 0),) * len(dims), gaps, constant(0, x.dtype))
    total = next(parts)
    for part in parts:
        total = PRIMITIVES[_PAIRS[node.prim.name]](total, part)
    return total


def _window_argmax(node: Node) -> Node | None:
    x = node.inputs[0]
    sizes, steps, around, gaps = node.params
    if kind_of(x.dtype) in (None, "i1") or not node.numel or math.prod(sizes) > _MOST:
        return None
    inside = None
    if any(map(any, around)):
        lead = len(x.shape) - len(around)
        whole = (*x.shape[:lead], *(n + low + high for n, (low, high) in zip(x.shape[lead:], around)))
        index = (
            *((0, n, 1) for n in x.shape[:lead]),
            *((low, low + n, 1) for n, (low, _) in zip(x.shape[lead:], around)),
        )
        x, inside = padded(x, whole, index, constant(lowest(x.dtype), x.dtype))
    nothing = ((0, 0),) * len(around)
    parts = list(window_parts(x, node.shape, sizes, steps, nothing, gaps, constant(0, x.dtype)))
    there = (
        list(window_parts(inside, node.shape, sizes, steps, nothing, gaps, inside))
        if inside is not None
        else []
    )
    found: Node = PRIMITIVES["expand"](constant(0, node.dtype), node.shape)
    best = parts[0]
    met = there[0] if there else None
    for number, part in enumerate(parts[1:], 1):
        better = part.gt(best)
        if x.dtype.category == FLOATING:
            better = better | part.isnan()
        if met is not None:
            # Where all is -inf, the first place inside the input.
            better = better | (there[number] & ~met)
            met = met | there[number]
        found = better.where(constant(number, node.dtype), found)
        best = PRIMITIVES["maximum"](best, part)
    return found


def _window_put(node: Node) -> Node | None:
    g, place = node.inputs
    shape, sizes, steps, around, gaps = node.params
    kind = kind_of(node.dtype)
    if kind in (None, "i1") or not node.numel or not g.numel:
        return None
    if node.dtype in NARROW:
        return widened(node, _window_put)
    rank = len(shape)
    dims = tuple(range(rank - len(sizes), rank))
    strides = [math.prod(sizes[d + 1 :]) for d in range(len(sizes))]

    def at(where: tuple) -> Node:
        number = sum(p * s for p, s in zip(where, strides))
        return place.eq(number).where(g, 0)

    return overlapped(node, g.shape, shape, (dims, sizes, steps, gaps, tuple([low for low, _ in around])), at)


LOWER = (
    Rule("windows by places", tuple(_PAIRS), _reduced, "a short window is written out"),
    Rule(
        "place of the largest", ("window_argmax",), _window_argmax, "it is noted as the elements are compared"
    ),
    Rule("put back by places", ("window_put",), _window_put, "each element sums the windows that reach it"),
)
