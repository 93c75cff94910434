"""Primitives that join, write, spread or roll, as assemblies (assembly.py): each value in its place, and nothing twice.

Where two values may meet in one place, as overlapping windows do, the sum of all that meet is the value of that place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from ...dtypes import NARROW, float32, int64
from ...dtypes import bool as bool_dtype
from ...graph.node import PRIMITIVES, Node, constant
from ...graph.rewrite import Rule
from .assembly import Part, assembled, fits, number_behind, zeros
from .index import row_major
from .kinds import kind_of

# More pieces than this are left to NumPy: each is a kernel call.
_MOST = 64


def _concat(node: Node) -> Node | None:
    if not fits(node):
        return None
    dim = node.params[0]
    strides = tuple(row_major(node.shape))
    found = []
    start = 0
    for source in node.inputs:
        found.append(Part(source, start * strides[dim], strides))
        start += source.shape[dim]
    found = [p for p in found if p.value.numel]
    return found[0].value if len(found) == 1 else assembled(node.shape, None, found, node.dtype)


def _written(node: Node, sizes: tuple, strides: tuple | None, offset: int) -> Node | None:
    """The first input with the second where a view of these sizes, strides and offset reads."""
    base, value = node.inputs
    if not fits(node) or strides is None or not _distinct(sizes, strides):
        return None
    if not math.prod(sizes):
        return base
    if value.shape != sizes:
        value = PRIMITIVES["expand"](value, sizes)
    if sizes == node.shape and strides == tuple(row_major(node.shape)):
        return value
    return assembled(node.shape, base, [Part(value, offset, strides)], node.dtype)


def _distinct(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether no place is met twice, as far as is plain to see: each stride reaches beyond all smaller ones."""
    reach = 0
    for stride, size in sorted((abs(s), n) for s, n in zip(strides, sizes) if n != 1):
        if stride <= reach:
            return False
        reach += stride * (size - 1)
    return True


def _slice_scatter(node: Node) -> Node | None:
    base, value = node.inputs
    index = node.params[0]
    number = number_behind(base)
    if number is not None and fits(node) and all(type(p) is not int and p[2] == 1 for p in index):
        return padded(value, node.shape, index, number)[0]
    layout = PRIMITIVES["slice"].layout(node.shape, tuple(row_major(node.shape)), 0, *node.params)
    return _written(node, *layout)


def padded(value: Node, shape: tuple, index: tuple, number: Node) -> tuple[Node, Node]:
    """(the number with `value` at a slice without steps, where that is): a condition in the loops that read it."""
    put = PRIMITIVES["unslice"]
    inside = put(PRIMITIVES["expand"](constant(True, bool_dtype), value.shape), shape, index)
    return PRIMITIVES["where"](inside, put(value, shape, index), number), inside


def _diagonal_scatter(node: Node) -> Node | None:
    layout = PRIMITIVES["diagonal"].layout(node.shape, tuple(row_major(node.shape)), 0, *node.params)
    return _written(node, *layout)


def _as_strided_scatter(node: Node) -> Node | None:
    return _written(node, *node.params)


def _unslice(node: Node) -> Node | None:
    """Only with steps: without them it is a condition in the loops that read it."""
    shape, index = node.params
    source = node.inputs[0]
    if fits(node) and not source.numel:
        return zeros(shape, node.dtype)
    if all(type(p) is int or p[2] == 1 for p in index) or not fits(node):
        return None
    _, strides, offset = PRIMITIVES["slice"].layout(shape, tuple(row_major(shape)), 0, index)
    return assembled(shape, zeros(shape, node.dtype), [Part(source, offset, strides)], node.dtype)


def _roll(node: Node) -> Node | None:
    source = node.inputs[0]
    shifts: dict[int, int] = {}
    for shift, d in zip(*node.params):
        shifts[d] = (shifts.get(d, 0) + shift) % max(1, node.shape[d])
    shifts = {d: s for d, s in shifts.items() if s}
    if not fits(node) or 1 << len(shifts) > _MOST:
        return None
    if not shifts:
        return source
    strides = tuple(row_major(node.shape))
    found = []
    for ends in itertools.product((0, 1), repeat=len(shifts)):
        index: list = [(0, n, 1) for n in node.shape]
        offset = 0
        for (d, s), end in zip(shifts.items(), ends):
            n = node.shape[d]
            index[d] = (n - s, n, 1) if end else (0, n - s, 1)
            offset += 0 if end else s * strides[d]
        found.append(Part(PRIMITIVES["slice"](source, tuple(index)), offset, strides))
    return assembled(node.shape, None, found, node.dtype)


def _as_strided_add(node: Node) -> Node | None:
    source = node.inputs[0]
    shape, size, stride, offset = node.params
    if not fits(node) or kind_of(node.dtype) == "i1":
        return None
    if not source.numel:
        return zeros(shape, node.dtype)
    if node.dtype in NARROW:
        return widened(node, _as_strided_add)
    if _distinct(size, stride):
        return assembled(shape, zeros(shape, node.dtype), [Part(source, offset, tuple(stride))], node.dtype)
    # Places that are met more than once: a sum at positions, which are counted out.
    at = constant(offset, int64)
    for d, (n, s) in enumerate(zip(size, stride)):
        along = PRIMITIVES["iota"](constant(0, int64), n) * s
        at = along.reshape((n,) + (1,) * (len(size) - d - 1)) + at
    if at.shape != tuple(size):
        at = PRIMITIVES["expand"](at, tuple(size))
    flat = (math.prod(shape),)
    found = PRIMITIVES["put"]((zeros(flat, node.dtype), source, at), (0,), True)
    return PRIMITIVES["reshape"](found, shape)


def widened(node: Node, lower: Callable[[Node], Node | None] | None = None) -> Node:
    """A node of half floats computed in float32 and rounded once, as the reference executor does."""
    inputs = [PRIMITIVES["cast"](s, float32) if s.dtype in NARROW else s for s in node.inputs]
    wide: Node | None = Node(node.prim, tuple(inputs), node.params, node.shape, float32)
    assert wide is not None
    if node.prim.fallible:
        wide.line = node.line
    return PRIMITIVES["cast"]((lower(wide) if lower else None) or wide, node.dtype)


# ---------------------------------------------------------------- overlapping windows


def _unwindow(node: Node) -> Node | None:
    """Windows added where they were read, one residue of the steps after the other.

    Along a dimension of step s, element s * q + r is the sum over t of the window q - t at place r + s * t: for each r
    a sum of shifted slices, which fuses with whatever made the windows.
    """
    source = node.inputs[0]
    shape, dims, sizes, steps, gaps = node.params
    if not fits(node) or not source.numel or kind_of(node.dtype) == "i1":
        return None
    if node.dtype in NARROW:
        return widened(node, _unwindow)
    return overlapped(
        node,
        source.shape[: len(shape)],
        shape,
        (dims, sizes, steps, gaps, (0,) * len(dims)),
        lambda place: PRIMITIVES["slice"](source, (*[(0, n, 1) for n in source.shape[: len(shape)]], *place)),
    )


def overlapped(node: Node, counts: tuple, shape: tuple, windows: tuple, at: Any) -> Node | None:
    """`shape` filled with the sum of `at(place)`, of sizes `counts`, over the places in a window; None when too many.

    windows: (dims, sizes, steps, gaps, how far the first window begins before the first element).
    """
    dims, sizes, steps, gaps, lows = windows
    if math.prod(steps) + math.prod(sizes) > 2 * _MOST:
        return None
    strides = row_major(shape)
    found: list[Part] = []
    for residues in itertools.product(*map(range, steps)):
        lengths = list(shape)
        for d, r, s in zip(dims, residues, steps):
            lengths[d] = max(0, -(-(shape[d] - r) // s))
        if not math.prod(lengths):
            continue
        value = _residue_sum(residues, lengths, counts, windows, at)
        if value is None:
            value = zeros(tuple(lengths), node.dtype)
        steps_out = list(strides)
        for d, s in zip(dims, steps):
            steps_out[d] *= s
        offset = sum(strides[d] * r for d, r in zip(dims, residues))
        found.append(Part(value, offset, tuple(steps_out)))
    if len(found) == 1:
        return found[0].value
    return assembled(shape, None, found, node.dtype)


def _residue_sum(residues: tuple, lengths: list, counts: tuple, windows: tuple, at: Any) -> Node | None:
    dims, sizes, steps, gaps, lows = windows
    total: Node | None = None
    for place in itertools.product(*map(range, sizes)):
        reach = [p * g - low - r for p, g, low, r in zip(place, gaps, lows, residues)]
        if any(n % s for n, s in zip(reach, steps)):
            continue
        shifts = [n // s for n, s in zip(reach, steps)]
        value = _shifted(at(place), dims, shifts, lengths, counts)
        if value is not None:
            total = value if total is None else total + value
    return total


def _shifted(
    value: Node, dims: Sequence[int], shifts: Sequence[int], lengths: list, counts: tuple
) -> Node | None:
    """value[o] at o + shift, cut to `lengths`, zeros around; None when nothing is left of it."""
    kept: list = [(0, n, 1) for n in counts]
    into: list = [(0, n, 1) for n in lengths]
    for d, shift in zip(dims, shifts):
        low, high = max(0, shift), min(lengths[d], counts[d] + shift)
        if low >= high:
            return None
        kept[d] = (low - shift, high - shift, 1)
        into[d] = (low, high, 1)
    if any(k != (0, n, 1) for k, n in zip(kept, counts)):
        value = PRIMITIVES["slice"](value, tuple(kept))
    if any(i != (0, n, 1) for i, n in zip(into, lengths)):
        value = PRIMITIVES["unslice"](value, tuple(lengths), tuple(into))
    return value


def _combined(node: Node) -> Node | None:
    """Sums and products of half floats."""
    adds = node.params[-1] not in (False, "set")
    return widened(node) if adds and node.dtype in NARROW and kind_of(node.dtype) is not None else None


LOWER = (
    Rule("combine in float32", ("put", "scatter"), _combined, "half floats are rounded once"),
    Rule("join in place", ("concat",), _concat, "every input has a place of its own"),
    Rule("write in place", ("slice_scatter",), _slice_scatter, "a slice has a place of its own"),
    Rule("write diagonal in place", ("diagonal_scatter",), _diagonal_scatter, "and a diagonal"),
    Rule(
        "write strided in place",
        ("as_strided_scatter",),
        _as_strided_scatter,
        "and any strides that do not repeat",
    ),
    Rule("spread in place", ("unslice",), _unslice, "zeros, and elements with steps between them"),
    Rule("roll in place", ("roll",), _roll, "what is shifted over the end comes back at the start"),
    Rule(
        "add strided", ("as_strided_add",), _as_strided_add, "a sum at places, or a copy where none repeats"
    ),
    Rule("add windows", ("unwindow",), _unwindow, "each residue of the steps is a sum of shifted slices"),
)
