"""What a kernel computes at one iteration, as an expression over its frame.

A `Loops` holds what is computed together: *sinks*, nodes whose values are stored or reduced. Everything between them and
memory (elementwise nodes, views, gathers) is expressed at the place where an iteration needs it, and exists nowhere
else. Nothing here emits code (loops.py) or decides what is computed together (fusion.py).

The frame has three runs of dimensions: `outer`, whose iterations are independent and shared by the workers; `reduced`; and
`inner`. "map": outer only. "rows": outer, then reduced innermost, so that a row's results are at hand for what follows in
the same row (softmax, norms). "columns": outer, reduced, and kept dimensions innermost (sums over a batch).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...graph.node import CONSTANT, Node
from ...ops.indexing import taken_shape
from .index import Affine, Frame, Inexpressible, Refine, segments
from .kinds import kind_of

MAP, ROWS, COLUMNS = "map", "rows", "columns"


class Expr:
    """One value of an iteration. Equal ones are one object within a `Loops`.

    op: "load" (data: node, address, what each argument is multiplied by to be added to it), "apply" (data: primitive,
    params), "constant" (data: what it is known by, number), "counter" (data: affine number), "convert", "plus",
    "guard" (data: conditions; args[0] where they hold, else 0), "position" (data: size, whether negative ones count
    from the end, node; args[0] checked to be an index), "after" (args[0], when args[1] has been checked),
    "sink" (data: node).
    phase: how many reductions one after another it needs; varies: whether it changes along the vector dimension;
    within: whether it changes along the reduced or inner dimensions; fragile: whether it can be evaluated only where
    the guards around it hold, because what it reads may otherwise lie outside of memory or be no index.
    """

    __slots__ = ("op", "args", "data", "kind", "phase", "varies", "within", "fragile", "number")

    def __init__(self, op: str, args: tuple, data: Any, kind: str, number: int) -> None:
        self.op, self.args, self.data, self.kind, self.number = op, args, data, kind, number
        self.phase, self.varies, self.within, self.fragile = 0, False, False, False
        for a in args:  # thousands of times a graph
            if a.phase > self.phase:
                self.phase = a.phase
            self.varies = self.varies or a.varies
            self.within = self.within or a.within
            self.fragile = self.fragile or a.fragile


class Sink(NamedTuple):
    """A node computed by a kernel: its expression and, if it reduces, how."""

    node: Node
    expr: Expr
    reduction: str | None  # the primitive's name
    address: Affine  # where iteration's result is stored, in elements
    row: bool  # one value an outer iteration


class Loops:
    """The sinks of one kernel on one frame."""

    def __init__(
        self, form: str, sizes: tuple[Sequence[int], Sequence[int], Sequence[int]], stored: Callable
    ) -> None:
        self.form = form
        outer, reduced, inner = sizes
        self.frame = Frame([*outer, *reduced, *inner])
        self.outer, self.reduced = len(outer), len(reduced)
        self.sinks: dict[Node, Sink] = {}
        self.stored = stored  # whether a node stands in memory when the kernel runs
        # What fusion.py goes on adding sinks with: nodes that are sinks or about to be, what is gone over, and the place in that.
        self.mine: set[Node] = set()
        self.shape: tuple[int, ...] = ()
        self.base: Sequence[Affine] = ()
        self._at: dict[tuple, Expr] = {}
        self._same: dict[tuple, Expr] = {}
        self._places: dict[Node, tuple] = {}

    # ------------------------------------------------------------ places

    def _is_inner(self, dim: int) -> bool:
        return dim >= self.outer and self.form != MAP

    def flags(self, affine: Affine) -> tuple[bool, bool]:
        """(varies along the last dimension, varies within the reduced and inner ones)."""
        c = affine.coefficients
        return bool(c and c[-1]), any(c[d] for d in range(len(c)) if self._is_inner(d))

    # ------------------------------------------------------------ building

    def _make(self, op: str, args: tuple, data: Any, kind: str) -> Expr:
        key = (op, tuple([a.number for a in args]), data, kind)
        found = self._same.get(key)
        if found is None:
            found = self._same[key] = Expr(op, args, data, kind, len(self._same))
        return found

    def at(self, node: Node, places: tuple[Affine, ...]) -> Expr:
        """The value of `node` at `places`, one a dimension."""
        places = tuple([self.frame.zero if n == 1 else p for p, n in zip(places, node.shape)])
        key = (id(node), places)
        found = self._at.get(key)
        if found is None:
            found = self._at[key] = self._expressed(node, places)
        return found

    def _expressed(self, node: Node, places: tuple, itself: bool = False) -> Expr:
        """`itself`: the node is being computed here, wherever its value will stand."""
        sink = self.sinks.get(node)
        if sink is not None:
            if self._places[node] != places or (sink.reduction and self.form == COLUMNS):
                raise Inexpressible(node)
            return self._sink_value(sink)
        if node.prim is CONSTANT:
            return self._make("constant", (), node.params, _kind(node))
        if not itself and self.in_memory(node):
            return self.load(node, places, node.shape)
        rule = _MOVES.get(node.prim.name)
        if rule is not None:
            return rule(self, node, places)
        if node.prim.kind != "elementwise":
            raise Inexpressible(node)
        args = []
        for source in node.inputs:
            lead = len(places) - len(source.shape)
            args.append(self.at(source, places[lead:]))
        return self._make("apply", tuple(args), (node.prim, node.params), _kind(node))

    def _sink_value(self, sink: Sink) -> Expr:
        value = self._make("sink", (), sink.node, _kind(sink.node))
        value.phase = sink.expr.phase + (sink.reduction is not None)
        if not sink.row and sink.reduction is None:
            value.varies = sink.expr.varies or self.flags(sink.address)[0]
            value.within = True
        return value

    def in_memory(self, node: Node) -> bool:
        """Whether the value can be loaded, and is not better known as a number."""
        return node.prim is not CONSTANT and self.stored(node)

    def load(self, node: Node, places: tuple[Affine, ...], shape: Sequence[int]) -> Expr:
        """What stands at `places` of the memory of `node`, taken as row-major of `shape`."""
        address = self.frame.flat(places, shape)
        moving, strides = [value for value, _ in address.terms], [factor for _, factor in address.terms]
        fixed = address._replace(terms=())
        load = self._make("load", tuple(moving), (node, fixed, tuple(strides)), _kind(node))
        varies, within = self.flags(address)
        load.varies = load.varies or varies
        load.within = load.within or within
        load.fragile = load.fragile or not address.within(self.frame.sizes, node.numel)
        return load

    def position(self, index: Expr, size: int, wraps: bool, node: Node) -> Affine:
        """A place along a dimension of `size` that is data; `node` is to be named where it is out of bounds."""
        checked = self._make("position", (index,), (size, wraps, node), "i64")
        checked.fragile = True
        return self.frame.zero._replace(terms=((checked, 1),))

    def after(self, value: Expr, position: Affine) -> Expr:
        """`value`, and that the position is checked even where the value does not depend on it."""
        ((checked, _),) = position.terms
        return value if _depends(value, checked) else self._make("after", (value, checked), None, value.kind)

    def counter(self, place: Affine) -> Expr:
        """A counter as an int64 value."""
        value = self._make("counter", (), place, "i64")
        value.varies, value.within = self.flags(place)
        return value

    def converted(self, value: Expr, kind: str) -> Expr:
        """The same number of another kind."""
        return value if value.kind == kind else self._make("convert", (value,), None, kind)

    def guard(self, conditions: tuple, value: Callable[[], Expr], kind: str) -> Expr:
        """`value` where every (affine, low, high) lies inside, else 0."""
        inside = value()
        if not conditions:
            return inside
        guarded = self._make("guard", (inside,), conditions, kind)
        for affine, _, _ in conditions:
            varies, within = self.flags(affine)
            guarded.varies = guarded.varies or varies
            guarded.within = guarded.within or within
        return guarded

    # ------------------------------------------------------------ sinks

    def add(self, node: Node, base: Sequence[Affine], base_shape: Sequence[int]) -> None:
        """Compute `node` here. `base`: the place in a tensor of `base_shape` that an iteration stands for."""
        reduction = node.prim.name if node.prim.kind == "reduction" else None
        frame = self.frame
        if reduction is not None:
            source = node.inputs[0]
            places = self._unflattened(base, base_shape, source.shape)
            expr = self.at(source, tuple(places))
            dims = node.params[0]
            kept = [frame.zero if d in dims else p for d, p in enumerate(places)]
            here = kept if node.params[1] else [p for d, p in enumerate(kept) if d not in dims]
            row = self.form == ROWS
        else:
            row = self.form == ROWS and math.prod(node.shape) != math.prod(base_shape)
            if row:
                base, base_shape = self._row_base(base, base_shape)
            here = self._unflattened(base, base_shape, node.shape)
            expr = self._direct(node, tuple(here))
        here = [frame.zero if n == 1 else p for p, n in zip(here, node.shape)]
        if row and expr.within and reduction is None:
            raise Inexpressible(node)
        self._places[node] = tuple(here)
        self.sinks[node] = Sink(node, expr, reduction, frame.flat(here, node.shape), row)

    def _row_base(self, base: Sequence[Affine], shape: Sequence[int]) -> tuple[list, list]:
        """The dimensions of the base that do not change within a row."""
        kept = [(p, n) for p, n in zip(base, shape) if not self.flags(p)[1] and n != 1]
        return [p for p, _ in kept], [n for _, n in kept]

    def _unflattened(
        self, base: Sequence[Affine], base_shape: Sequence[int], shape: Sequence[int]
    ) -> list[Affine]:
        if tuple(base_shape) == tuple(shape):
            return list(base)
        return self.frame.split(self.frame.flat(base, base_shape), shape)

    def _direct(self, node: Node, places: tuple) -> Expr:
        places = tuple([self.frame.zero if n == 1 else p for p, n in zip(places, node.shape)])
        return self._expressed(node, places, True)


def _depends(expr: Expr, on: Expr) -> bool:
    seen: set[Expr] = set()
    stack = [expr]
    while stack:
        expr = stack.pop()
        if expr is on:
            return True
        stack.extend([a for a in expr.args if a not in seen])
        seen.update(expr.args)
    return False


def _kind(node: Node) -> str:
    kind = kind_of(node.dtype)
    if kind is None:
        raise Inexpressible(node)
    return kind


# ---------------------------------------------------------------- movement: places of a view in its input


def _reshape(loops: Loops, node: Node, places: tuple) -> Expr:
    source = node.inputs[0]
    frame = loops.frame
    if loops.in_memory(source):
        return loops.load(source, places, node.shape)
    out: list[Any] = [frame.zero] * len(source.shape)
    for old, new in segments(source.shape, node.shape):
        old_kept = [d for d in old if source.shape[d] != 1]
        new_kept = [d for d in new if node.shape[d] != 1]
        if len(old_kept) == len(new_kept) == 1:
            out[old_kept[0]] = places[new_kept[0]]
            continue
        try:
            flat = frame.flat([places[d] for d in new_kept], [node.shape[d] for d in new_kept])
            found = frame.split(flat, [source.shape[d] for d in old_kept])
        except Inexpressible:
            raise Inexpressible(source) from None
        for d, place in zip(old_kept, found):
            out[d] = place
    return loops.at(source, tuple(out))


def _as_strided(loops: Loops, node: Node, places: tuple) -> Expr:
    source = node.inputs[0]
    _, strides, offset = node.params
    flat = loops.frame.zero + offset
    for place, stride in zip(places, strides):
        flat = flat + place * stride
    if loops.in_memory(source):
        return loops.load(source, (flat,), (source.numel,))
    try:
        return loops.at(source, tuple(loops.frame.split(flat, source.shape)))
    except Inexpressible as problem:
        raise Inexpressible(problem.node or source) from None


def _permute(loops: Loops, node: Node, places: tuple) -> Expr:
    out: list[Any] = [None] * len(places)
    for place, d in zip(places, node.params[0]):
        out[d] = place
    return loops.at(node.inputs[0], tuple(out))


def _expand(loops: Loops, node: Node, places: tuple) -> Expr:
    source = node.inputs[0]
    return loops.at(source, places[len(places) - len(source.shape) :])


def _slice(loops: Loops, node: Node, places: tuple) -> Expr:
    rest = list(places)
    out: list[Any] = []
    for position in node.params[0]:
        if type(position) is int:
            out.append(loops.frame.zero + position)
        else:
            out.append(rest.pop(0) * position[2] + position[0])
    return loops.at(node.inputs[0], (*out, *rest))


def _flip(loops: Loops, node: Node, places: tuple) -> Expr:
    out = [p * -1 + (n - 1) if d in node.params[0] else p for d, (p, n) in enumerate(zip(places, node.shape))]
    return loops.at(node.inputs[0], tuple(out))


def _windows(loops: Loops, node: Node, places: tuple) -> Expr:
    source = node.inputs[0]
    dims, _, steps, gaps = node.params
    rank = len(source.shape)
    out = list(places[:rank])
    for d, step, gap, inner in zip(dims, steps, gaps, places[rank:]):
        out[d] = out[d] * step + inner * gap
    return loops.at(source, tuple(out))


def _diagonal(loops: Loops, node: Node, places: tuple) -> Expr:
    source = node.inputs[0]
    offset, dim1, dim2 = node.params
    rest = list(places[:-1])
    starts = {dim1: max(-offset, 0), dim2: max(offset, 0)}
    out = [places[-1] + starts[d] if d in starts else rest.pop(0) for d in range(len(source.shape))]
    return loops.at(source, tuple(out))


def _unslice(loops: Loops, node: Node, places: tuple) -> Expr:
    source = node.inputs[0]
    out: list[Any] = []
    conditions = []
    for position, place, size in zip(node.params[1], places, node.shape):
        low, high, step = (position, position + 1, 1) if type(position) is int else position
        if low > 0 or high < size:
            if place.terms or step != 1:
                raise Inexpressible(node)
            conditions.append((place, low, high))
        if type(position) is not int:
            out.append(place + (-low))
    inside = (*out, *places[len(node.params[1]) :])
    return loops.guard(tuple(conditions), lambda: loops.at(source, inside), _kind(node))


def _iota(loops: Loops, node: Node, places: tuple) -> Expr:
    start = node.inputs[0]
    if places[0].terms:
        raise Inexpressible(node)
    kind = _kind(node)
    wide = "f32" if kind == "bf16" else kind  # as the reference executor adds
    total = loops.converted(loops.counter(places[0]), wide)
    if start.prim is not CONSTANT or start.params[1] != 0:
        total = loops._make("plus", (total, loops.converted(loops.at(start, ()), wide)), None, wide)
    return loops.converted(total, kind)


def _gather(loops: Loops, node: Node, places: tuple) -> Expr:
    source, index = node.inputs
    dim = node.params[0]
    found = loops.position(loops.at(index, places), source.shape[dim], False, node)
    return loops.after(loops.at(source, (*places[:dim], found, *places[dim + 1 :])), found)


def _take(loops: Loops, node: Node, places: tuple) -> Expr:
    source, *indices = node.inputs
    dims = node.params[0]
    _, first = taken_shape(source.shape, dims, tuple([index.shape for index in indices]))
    last = first + len(node.shape) - (len(source.shape) - len(dims))
    rest = iter((*places[:first], *places[last:]))
    found = {}
    for dim, index in zip(dims, indices):
        at = places[last - len(index.shape) : last]
        found[dim] = loops.position(loops.at(index, at), source.shape[dim], True, node)
    value = loops.at(
        source, tuple([found[d] if d in found else next(rest) for d in range(len(source.shape))])
    )
    for position in found.values():
        value = loops.after(value, position)
    return value


_MOVES: dict[str, Callable[[Loops, Node, tuple], Expr]] = {
    "reshape": _reshape, "as_strided": _as_strided, "permute": _permute, "expand": _expand, "slice": _slice, "flip": _flip,
    "windows": _windows, "diagonal": _diagonal, "unslice": _unslice, "iota": _iota, "gather": _gather, "take": _take,
}  # fmt: skip

MOVEMENTS = frozenset(_MOVES)
__all__ = ["COLUMNS", "MAP", "MOVEMENTS", "ROWS", "Expr", "Loops", "Refine", "Sink"]
