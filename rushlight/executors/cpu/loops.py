"""From the sinks of one kernel (expression.py) to machine code: loop nests over vectors.

The kernel of a `Loops` takes sizes, strides and offsets as numbers, so it serves every size of the same structure; what is part of
the structure is how many dimensions are left after merging, and which operands run along the vector dimension with
stride 1, 0 or another. Rows are cut into whole vectors and one masked rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...graph.node import Node
from . import target
from .emit import I64, Builder, Module, Type, Value, Variable
from .expression import COLUMNS, MAP, ROWS, Expr, Loops, Sink
from .index import Affine
from .kernel import Body, Kernel, kernel
from .kinds import kind_of
from .mathematics import Emit

HALVES = ("f16", "bf16")
_IDENTITY: dict[str, Callable[[Type], Any]] = {
    "sum": lambda t: 0,
    "prod": lambda t: 1,
    "any": lambda t: False,
    "all": lambda t: True,
    "amax": lambda t: _least(t),
    "amin": lambda t: _most(t),
}
_COMBINE = {"sum": "add", "prod": "mul", "any": "or", "all": "and", "amax": "max", "amin": "min"}
# Columns whose totals are kept at hand at once.
BLOCK = 1024
REDUCTIONS = frozenset(_COMBINE)


def _least(t: Type) -> Any:
    if t.floating:
        return float("-inf")
    if t.kind == "i1":
        return False
    return -(1 << (t.bits - 1)) if t.signed else 0


def _most(t: Type) -> Any:
    if t.floating:
        return float("inf")
    if t.kind == "i1":
        return True
    return (1 << (t.bits - 1)) - 1 if t.signed else (1 << t.bits) - 1


def _combination(sink: Sink) -> str:
    """What makes one of two partial results; the sum of booleans is whether any holds."""
    if sink.reduction == "sum" and kind_of(sink.node.dtype) == "i1":
        return "or"
    return _COMBINE[sink.reduction or ""]


class Plan(NamedTuple):
    """A kernel and what it is called with. `operands`: the node of each pointer; None is the error block."""

    kernel: Kernel
    operands: tuple[Any, ...]
    numbers: tuple[int, ...]


_kernels: dict[tuple, Kernel] = {}


def plan(loops: Loops, stores: set[Node], places: Callable[[Node], int], parts: int = 1) -> Plan:
    """The kernel that computes `loops` and stores the sinks in `stores`.

    places: the number under which the user's line of a node that can fail is found. parts: into how many runs the reduced
    dimensions are cut; with more than one, every reduction stores that many partial results side by side.
    """
    layout = _Layout(loops, stores, places, parts)
    key = layout.key
    found = _kernels.get(key)
    if found is None:
        found = kernel(loops.form, len(layout.operands), len(layout.numbers), _Writer(layout).write)
        _kernels[key] = found
    return Plan(found, tuple(layout.operands), tuple(layout.numbers))


class _Layout:
    """What the kernel's text depends on (`key`), and the numbers and operands it is called with."""

    def __init__(self, loops: Loops, stores: set[Node], places: Callable[[Node], int], parts: int) -> None:
        self.loops, self.form = loops, loops.form
        self.split_parts = parts > 1
        self.sinks = list(loops.sinks.values())
        self.stores = [s for s in self.sinks if s.node in stores]
        self.exprs = _reachable(self.sinks)
        self._merge()
        self.numbers: list[int] = [*self.sizes, parts]
        self.operands: list[Any] = []
        self._operand: dict[Any, int] = {}
        self._affine: dict[Affine, int] = {}
        # Where the factors of a load's positions, the bounds of a position (size, line) or of a condition (low, high) begin.
        self.bounds: dict[tuple[Expr, int], int] = {}
        for expr in self.exprs:
            if expr.op == "load":
                node, address, factors = expr.data
                self.operand(node)
                self.affine(address)
                self.bounds[expr, 0] = len(self.numbers)
                self.numbers += factors
            elif expr.op == "position":
                size, _, failing = expr.data
                self.operand(None)
                self.bounds[expr, 0] = len(self.numbers)
                self.numbers += [size, places(failing)]
            elif expr.op == "counter":
                self.affine(expr.data)
            elif expr.op == "guard":
                for i, (affine, low, high) in enumerate(expr.data):
                    self.affine(affine)
                    self.bounds[expr, i] = len(self.numbers)
                    self.numbers += [low, high]
        for sink in self.stores:
            self.operand(sink.node)
            self.affine(sink.address)
        self.lanes = self._lanes()
        self.wide = self._is_wide()
        self.key = self._key()

    def _merge(self) -> None:
        """Frame dimensions that every place runs through as one become one."""
        loops = self.loops
        sizes = loops.frame.sizes
        first = [0, loops.outer, loops.outer + loops.reduced, len(sizes)]
        runs = [list(range(first[i], first[i + 1])) for i in range(3)]
        affines = [a.coefficients for a in self._affines()]
        merged: list[list[list[int]]] = []
        for run in runs:
            out: list[list[int]] = []
            for d in run:
                if out and all(c[out[-1][-1]] == c[d] * sizes[d] for c in affines):
                    out[-1].append(d)
                else:
                    out.append([d])
            merged.append(out)
        self.runs = merged
        outer, reduced, inner = merged
        self.moved = 0  # how many of the last outer ones stand after the reduced ones in the frame
        if self.form == MAP:
            outer, inner = outer[:-1], outer[-1:]
        elif self.form == COLUMNS:
            self.moved = len(inner) - 1
            outer, inner = outer + inner[:-1], inner[-1:]
        groups = [*outer, *reduced, *inner]
        self.counts = (len(outer), len(reduced), len(inner))
        self.last = [g[-1] for g in groups]  # a merged dimension moves as its innermost part does
        self.sizes = [math.prod(sizes[d] for d in g) for g in groups]

    def _affines(self) -> Iterator[Affine]:
        for expr in self.exprs:
            if expr.op == "load":
                yield expr.data[1]
            elif expr.op == "counter":
                yield expr.data
            elif expr.op == "guard":
                for affine, _, _ in expr.data:
                    yield affine
        for sink in self.stores:
            if not (self.split_parts and sink.reduction):
                yield sink.address

    def coefficients(self, affine: Affine) -> list[int]:
        """Of the merged dimensions."""
        return [affine.coefficients[d] for d in self.last]

    def operand(self, node: Any) -> int:
        if node not in self._operand:
            self._operand[node] = len(self.operands)
            self.operands.append(node)
        return self._operand[node]

    def affine(self, affine: Affine) -> None:
        """Note an affine number's offset and coefficients among the numbers, once."""
        if affine not in self._affine:
            self._affine[affine] = len(self.numbers)
            self.numbers += [affine.offset, *self.coefficients(affine)]

    def where(self, affine: Affine) -> int:
        return self._affine[affine]

    def _lanes(self) -> int:
        wide = max([Type(e.kind).bytes for e in self.exprs if e.varies and e.op != "counter"], default=4)
        return max(2, target.lanes() * 4 // max(4, wide)) if wide <= 8 else 2

    def _is_wide(self) -> bool:
        """Whether columns are reduced row by row: not when few of them fit registers, or totals need a wider type."""
        if self.form != COLUMNS or self.sizes[-1] <= 2 * self.lanes:
            return False
        reductions = [s for s in self.sinks if s.reduction]
        return all(
            kind_of(s.node.dtype) not in HALVES and (self.split_parts or self.stride_class(s.address) == 1)
            for s in reductions
        )

    def stride_class(self, affine: Affine) -> int:
        """1 and 0 are part of the structure; any other stride is a number."""
        c = self.coefficients(affine)[-1] if self.sizes else 0
        return c if c in (0, 1) else 2

    def _key(self) -> tuple:
        number = {e: i for i, e in enumerate(self.exprs)}
        parts: list[Any] = [self.form, self.counts, self.moved, self.lanes, self.split_parts, self.wide]
        for e in self.exprs:
            data = e.data
            if e.op == "load":
                node, address, _ = data
                data = self._operand[node], self.where(address), self.stride_class(address)
            elif e.op == "position":
                data = data[1]
            elif e.op == "counter":
                data = (self.where(data), self.stride_class(data))
            elif e.op == "guard":
                data = tuple((self.where(a), self.stride_class(a)) for a, _, _ in data)
            elif e.op == "sink":
                data = next(i for i, s in enumerate(self.sinks) if s.node is data)
            elif e.op == "constant":
                data = repr(data)
            parts.append(
                (
                    e.op,
                    tuple([number[a] for a in e.args]),
                    data,
                    e.kind,
                    e.varies,
                    e.within,
                    e.fragile,
                    e.phase,
                )
            )
        for s in self.sinks:
            stored = self._operand[s.node] if s in self.stores else None
            place = (self.where(s.address), self.stride_class(s.address)) if s in self.stores else None
            parts.append((number[s.expr], s.reduction, stored, place, s.row))
        return tuple(parts)


def _reachable(sinks: list[Sink]) -> list[Expr]:
    order: dict[Expr, None] = {}

    def visit(expr: Expr) -> None:
        if expr in order:
            return
        for a in expr.args:
            visit(a)
        order[expr] = None

    for sink in sinks:
        visit(sink.expr)
    return list(order)


class _Scope:
    """Values that stand for a run of code, and the scope around it."""

    def __init__(
        self, outer: _Scope | None, lanes: int, counters: dict[int, Value], mask: Value | None = None
    ) -> None:
        self.outer, self.lanes, self.counters, self.mask = outer, lanes, counters, mask
        self.values: dict[tuple, Value] = {}
        self.offsets: dict[Affine, Value] = {}
        self.index: Value | None = None


class _Writer:
    """Writes the body of the kernel of a layout."""

    def __init__(self, layout: _Layout) -> None:
        self.layout = layout
        self.loops = layout.loops

    def write(self, body: Body, module: Module) -> None:
        self.body, self.b = body, body.b
        layout = self.layout
        outer, reduced, inner = layout.counts
        sizes = [body.numbers[i] for i in range(len(layout.sizes))]
        self.outer_sizes, self.reduced_sizes, self.inner_sizes = (
            sizes[:outer], sizes[outer : outer + reduced], sizes[outer + reduced :],
        )  # fmt: skip
        self.parts = body.numbers[len(sizes)]
        {MAP: self._map, ROWS: self._rows, COLUMNS: self._columns}[layout.form]()

    # ------------------------------------------------------------ the three forms

    def _map(self) -> None:
        b, W = self.b, self.layout.lanes
        if not self.inner_sizes:
            with b.when(self.body.worker.eq(0)):
                scope = self._row_scope([])
                for sink in self.layout.stores:
                    self._store(sink, self._eval(sink.expr, scope), scope)
            return
        size = self.inner_sizes[0]
        if self.outer_sizes:
            low, high = self._share(self._product(self.outer_sizes))
            with b.loop(low, high) as o:
                row = self._row_scope(self._split(o, self.outer_sizes))
                self._run_map(row, b.constant(0, I64), size, W)
        else:
            low, high = b.share(size, self.body.worker, self.body.workers, 64)
            self._run_map(self._row_scope([]), low, high, W)

    def _run_map(self, row: _Scope, low: Value, high: Value, W: int) -> None:
        sinks = self.layout.stores
        self._hoist(sinks, row, False)

        def step(scope: _Scope) -> None:
            for sink in sinks:
                self._store(sink, self._eval(sink.expr, scope), scope)

        self._vectors(row, low, high, W, step)

    def _rows(self) -> None:
        b = self.b
        total = self._product(self.outer_sizes)
        if self.layout.split_parts:
            total = total * self.parts
        low, high = self._share(total)
        with b.loop(low, high) as unit:
            o, part = (unit / self.parts, unit % self.parts) if self.layout.split_parts else (unit, None)
            row = self._row_scope(self._split(o, self.outer_sizes))
            self._phases(row, unit, part)

    def _phases(self, row: _Scope, unit: Value, part: Value | None) -> None:
        sinks = self.layout.sinks
        last = max(s.expr.phase + bool(s.reduction) for s in sinks)
        for phase in range(last + 1):
            for sink in sinks:
                if (
                    sink.row
                    and sink.reduction is None
                    and sink.expr.phase == phase
                    and sink in self.layout.stores
                ):
                    self._store(sink, self._eval(sink.expr, row), row)
            reductions = [s for s in sinks if s.reduction and s.expr.phase == phase]
            full = [
                s for s in sinks
                if not s.row and s.expr.phase == phase and s in self.layout.stores
            ]  # fmt: skip
            if not reductions and not full:
                continue
            self._phase(row, reductions, full, unit, part)

    def _phase(
        self, row: _Scope, reductions: list[Sink], full: list[Sink], unit: Value, part: Value | None
    ) -> None:
        b, W = self.b, self.layout.lanes
        sinks = reductions + full
        self._hoist(sinks, row, False)
        totals = [self._accumulator(s, W) for s in reductions]
        size = self.reduced_sizes[-1]
        low, high = b.constant(0, I64), size
        if part is not None:
            low, high = size * part / self.parts, size * (part + 1) / self.parts

        def step(scope: _Scope) -> None:
            for sink, total in zip(reductions, totals):
                self._accumulate(sink, total, scope)
            for sink in full:
                self._store(sink, self._eval(sink.expr, scope), scope)

        if part is not None and len(self.reduced_sizes) > 1:
            # The first reduced dimension is cut; the vector dimension stays whole.
            first = self.reduced_sizes[0]
            cut = first * part / self.parts, first * (part + 1) / self.parts
            low, high = b.constant(0, I64), size
        else:
            cut = None
        with self._nest(row, self.reduced_sizes[:-1], len(self.outer_sizes), cut) as middle:
            if middle is not row:
                self._hoist(sinks, middle, True)
            self._vectors(middle, low, high, W, step)
        for sink, total in zip(reductions, totals):
            value = b.reduce(_combination(sink), total.value)
            value = self._narrowed(value, sink.node)
            key = (self._sink_expr(sink), ())
            if key[0] is not None:
                row.values[key] = value  # type: ignore[index]
            if sink in self.layout.stores:
                if part is not None:
                    pointer = self.body.pointers[self.layout.operand(sink.node)]
                    b.store(value, pointer, unit)
                else:
                    self._store(sink, value, row)

    def _wide_columns(self) -> None:
        """Row by row, with running totals in memory that stays in the first cache: each row is read in one go."""
        b, W = self.b, self.layout.lanes
        width = self.inner_sizes[0]
        blocks = (width + (BLOCK - 1)) / BLOCK
        total = self._product(self.outer_sizes) * blocks
        if self.layout.split_parts:
            total = total * self.parts
        low, high = self._share(total)
        reductions = [s for s in self.layout.sinks if s.reduction]
        full = [s for s in self.layout.stores if not s.reduction]
        with b.loop(low, high) as unit:
            o, start = unit / blocks, (unit % blocks) * BLOCK
            end = b.minimum_i64(start + BLOCK, width)
            part = cut = None
            line = o
            if self.layout.split_parts:
                o, part = o / self.parts, o % self.parts
                line = self._partial_line(o, part)
                first = self.reduced_sizes[0]
                cut = first * part / self.parts, first * (part + 1) / self.parts
            row = self._row_scope(self._split(o, self.outer_sizes))
            totals = [self._total_place(s, row, line * width) for s in reductions]
            kinds = [Type(kind_of(s.node.dtype) or "", W) for s in reductions]

            def clear(scope: _Scope) -> None:
                assert scope.index is not None
                for sink, place, kind in zip(reductions, totals, kinds):
                    nothing = b.constant(_IDENTITY[sink.reduction or ""](kind), kind)
                    self._write(nothing, b.at(place, scope.index, kind), scope.mask)

            def step(scope: _Scope) -> None:
                assert scope.index is not None
                for sink, place, kind in zip(reductions, totals, kinds):
                    at = b.at(place, scope.index, kind)
                    so_far = b.load(at, kind) if scope.mask is None else b.load_masked(at, kind, scope.mask)
                    value = b.spread(b.convert(self._eval(sink.expr, scope), kind.kind), W)
                    self._write(b.combine(_combination(sink), so_far, value), at, scope.mask)
                for sink in full:
                    self._store(sink, self._eval(sink.expr, scope), scope)

            self._vectors(row, start, end, W, clear)
            inside = _Scope(row, 1, row.counters)
            with self._nest(inside, self.reduced_sizes, len(self.outer_sizes), cut) as middle:
                self._hoist(reductions + full, middle, True)
                self._vectors(middle, start, end, W, step)

    def _total_place(self, sink: Sink, row: _Scope, line: Value) -> Value:
        """Where a reduction's totals of this line of columns stand."""
        pointer = self.body.pointers[self.layout.operand(sink.node)]
        kind = Type(kind_of(sink.node.dtype) or "")
        return self.b.at(pointer, line if self.layout.split_parts else self._offset(sink.address, row), kind)

    def _columns(self) -> None:
        if self.layout.wide:
            self._wide_columns()
            return
        b, W = self.b, self.layout.lanes
        block = 2 * W
        width = self.inner_sizes[0]
        blocks = (width + (block - 1)) / block
        total = self._product(self.outer_sizes) * blocks
        if self.layout.split_parts:
            total = total * self.parts
        low, high = self._share(total)
        with b.loop(low, high) as unit:
            o, column = unit / blocks, (unit % blocks) * block
            part = None
            if self.layout.split_parts:
                o, part = o / self.parts, o % self.parts
            row = self._row_scope(self._split(o, self.outer_sizes))
            left = width - column
            for vectors, condition in ((2, left.ge(block)), (1, left.lt(block))):
                with b.when(condition):
                    if vectors == 2:
                        self._column_block(row, column, [None, None], o, part, width)
                    else:
                        with b.loop(column, width, W) as start:
                            mask = b.mask_below(width - start, W)
                            self._column_block(row, start, [mask], o, part, width)

    def _column_block(
        self,
        row: _Scope,
        column: Value,
        masks: list[Value | None],
        o: Value,
        part: Value | None,
        width: Value,
    ) -> None:
        b, W = self.b, self.layout.lanes
        reductions = [s for s in self.layout.sinks if s.reduction]
        full = [s for s in self.layout.stores if not s.reduction]
        totals = [[self._accumulator(s, W) for s in reductions] for _ in masks]
        inside = _Scope(row, 1, row.counters)
        cut = None
        if part is not None:
            first = self.reduced_sizes[0]
            cut = first * part / self.parts, first * (part + 1) / self.parts
        with self._nest(inside, self.reduced_sizes, len(self.outer_sizes), cut) as middle:
            self._hoist(reductions + full, middle, True)
            for i, mask in enumerate(masks):
                scope = self._vector_scope(middle, column + i * W, W, mask)
                for sink, total in zip(reductions, totals[i]):
                    self._accumulate(sink, total, scope)
                for sink in full:
                    self._store(sink, self._eval(sink.expr, scope), scope)
        for i, mask in enumerate(masks):
            for sink, total in zip(reductions, totals[i]):
                if sink not in self.layout.stores:
                    continue
                value = self._narrowed(total.value, sink.node)
                scope = self._vector_scope(inside, column + i * W, W, mask)
                if part is None:
                    self._store(sink, value, scope)
                    continue
                pointer = self.body.pointers[self.layout.operand(sink.node)]
                place = b.at(pointer, self._partial_line(o, part) * width + column + i * W, value.type)
                self._write(value, place, mask)

    def _partial_line(self, o: Value, part: Value) -> Value:
        """Where a line of columns stands among the partial results, of shape (outer, parts, inner)."""
        moved = self.layout.moved
        if not moved:
            return o * self.parts + part
        inner = self._product(self.outer_sizes[-moved:])
        return (o / inner * self.parts + part) * inner + o % inner

    # ------------------------------------------------------------ loops and scopes

    def _share(self, total: Value) -> tuple[Value, Value]:
        return self.b.share(total, self.body.worker, self.body.workers)

    def _product(self, sizes: list[Value]) -> Value:
        total = self.b.constant(1, I64)
        for i, size in enumerate(sizes):
            total = size if i == 0 else total * size
        return total

    def _split(self, flat: Value, sizes: list[Value]) -> list[Value]:
        """A flat iteration number as a counter a dimension."""
        counters: list[Value] = []
        for size in reversed(sizes[1:]):
            counters.append(flat % size)
            flat = flat / size
        if sizes:
            counters.append(flat)
        return counters[::-1]

    def _row_scope(self, counters: list[Value]) -> _Scope:
        return _Scope(None, 1, dict(enumerate(counters)))

    @contextmanager
    def _nest(
        self, row: _Scope, sizes: list[Value], first: int, cut: tuple[Value, Value] | None
    ) -> Iterator[_Scope]:
        """Scalar loops over the given dimensions, numbered from `first`; no loop gives `row` itself."""
        if not sizes:
            yield row
            return
        low, high = cut if cut is not None else (self.b.constant(0, I64), sizes[0])
        with self.b.loop(low, high) as i:
            scope = _Scope(row, 1, {**row.counters, first: i})
            with self._nest(scope, sizes[1:], first + 1, None) as inner:
                yield inner

    def _vector_scope(self, around: _Scope, index: Value, lanes: int, mask: Value | None) -> _Scope:
        scope = _Scope(around, lanes, around.counters, mask)
        scope.index = index
        return scope

    def _vectors(self, around: _Scope, low: Value, high: Value, W: int, step: Callable) -> None:
        """The innermost dimension: whole vectors, then one with a mask."""
        b = self.b
        whole = low + (high - low) / W * W
        with b.loop(low, whole, W) as i:
            step(self._vector_scope(around, i, W, None))
        with b.when(whole.lt(high)):
            step(self._vector_scope(around, whole, W, b.mask_below(high - whole, W)))

    def _hoist(self, sinks: list[Sink], scope: _Scope, within: bool) -> None:
        """Evaluate ahead of a loop what does not change in it."""
        seen: set[tuple] = set()

        def visit(e: Expr, conditions: tuple) -> None:
            if (e, conditions) in seen:
                return
            seen.add((e, conditions))
            if e.op == "sink":
                sink = self.loops.sinks[e.data]
                if sink.reduction is None:
                    visit(sink.expr, ())
                return
            if not e.varies and (within or not e.within):
                if not e.fragile or not any(varies or (w and not within) for _, _, varies, w in conditions):
                    self._eval(e, scope, conditions)
                    return
            if e.op == "guard":
                conditions = (*conditions, *self._numbered(e))
            for a in e.args:
                visit(a, conditions)

        for sink in sinks:
            visit(sink.expr, ())

    def _sink_expr(self, sink: Sink) -> Expr | None:
        return next((e for e in self.layout.exprs if e.op == "sink" and e.data is sink.node), None)

    # ------------------------------------------------------------ values

    def _eval(self, e: Expr, scope: _Scope, conditions: tuple = ()) -> Value:
        """The value of an expression, found in a scope around or computed now.

        conditions: those of the guards around it. Only what is fragile has to heed them.
        """
        key = (e, conditions if e.fragile else ())
        look: _Scope | None = scope
        while look is not None:
            found = look.values.get(key)
            if found is not None:
                return found
            look = look.outer
        value = self._compute(e, scope, key[1])
        scope.values[key] = value
        return value

    def _compute(self, e: Expr, scope: _Scope, conditions: tuple) -> Value:
        b = self.b
        lanes = scope.lanes if e.varies else 1
        if e.op == "constant":
            return b.constant(e.data[1], Type(e.kind))
        if e.op == "load":
            return self._load(e, scope, lanes, conditions)
        if e.op == "position":
            return self._position(e, scope, lanes, conditions)
        if e.op == "after":
            self._eval(e.args[1], scope, conditions)
            return self._eval(e.args[0], scope, conditions)
        if e.op == "counter":
            return self._counter(e.data, scope, lanes)
        if e.op == "convert":
            return b.convert(self._eval(e.args[0], scope, conditions), e.kind)
        if e.op == "plus":
            return self._eval(e.args[0], scope, conditions) + self._eval(e.args[1], scope, conditions)
        if e.op == "sink":
            sink = self.loops.sinks[e.data]
            if sink.reduction is not None:
                found = self._row_value(e, scope)
                assert found is not None, f"{sink.node} is read before it is reduced"
                return found
            return self._eval(sink.expr, scope)
        if e.op == "guard":
            return self._guard(e, scope, lanes, conditions)
        return self._apply(e, scope, lanes, conditions)

    def _row_value(self, e: Expr, scope: _Scope | None) -> Value | None:
        while scope is not None:
            found = scope.values.get((e, ()))
            if found is not None:
                return found
            scope = scope.outer
        return None

    def _apply(self, e: Expr, scope: _Scope, lanes: int, conditions: tuple) -> Value:
        b = self.b
        prim, params = e.data
        args = [self._eval(a, scope, conditions) for a in e.args]
        return apply(b, prim, params, args, e.kind, lanes)

    def _guard(self, e: Expr, scope: _Scope, lanes: int, conditions: tuple) -> Value:
        b = self.b
        own = self._numbered(e)
        inside = self._eval(e.args[0], scope, (*conditions, *own))
        mask = self._mask(own, scope, lanes)
        if mask is None:
            return inside
        return b.select(mask, inside, b.constant(0, inside.type))

    def _numbered(self, e: Expr) -> tuple:
        """A guard's conditions: (affine, where its bounds are, varies, within) each."""
        return tuple(
            [
                (affine, self.layout.bounds[e, i], *self.loops.flags(affine))
                for i, (affine, _, _) in enumerate(e.data)
            ]
        )

    def _mask(self, conditions: tuple, scope: _Scope, lanes: int) -> Value | None:
        b = self.b
        mask: Value | None = None
        for affine, at, varies, _ in conditions:
            key = ("condition", affine, at)
            found = None
            look: _Scope | None = scope
            while look is not None and found is None:
                found = look.values.get(key)
                look = look.outer
            if found is None:
                value = self._counter(affine, scope, lanes if varies else 1)
                found = value.ge(self.body.numbers[at]) & value.lt(self.body.numbers[at + 1])
                scope.values[key] = found
            mask = (
                found if mask is None else b.spread(mask, found.type.lanes) & b.spread(found, mask.type.lanes)
            )
        return mask

    def _offset(self, affine: Affine, scope: _Scope) -> Value:
        """The affine number's part that does not change along the vector dimension."""
        look: _Scope | None = scope
        while look is not None:
            found = look.offsets.get(affine)
            if found is not None and look.counters.keys() == scope.counters.keys():
                return found
            look = look.outer
        at = self.layout.where(affine)
        numbers = self.body.numbers
        total = numbers[at]
        for d, counter in scope.counters.items():
            total = total + counter * numbers[at + 1 + d]
        scope.offsets[affine] = total
        return total

    def _counter(self, affine: Affine, scope: _Scope, lanes: int) -> Value:
        b = self.b
        offset = self._offset(affine, scope)
        if scope.index is None or self.layout.stride_class(affine) == 0:
            return offset
        stride = self._stride(affine)
        if lanes == 1:
            return offset + scope.index * stride
        numbers = b.spread(scope.index, lanes) + b.lane_numbers(Type("i64", lanes))
        if self.layout.stride_class(affine) == 2:
            numbers = numbers * b.spread(stride, lanes)
        return numbers + b.spread(offset, lanes)

    def _stride(self, affine: Affine) -> Value:
        if self.layout.stride_class(affine) == 1:
            return self.b.constant(1, I64)
        return self.body.numbers[self.layout.where(affine) + len(self.layout.sizes)]

    def _load(self, e: Expr, scope: _Scope, lanes: int, conditions: tuple) -> Value:
        b = self.b
        node, affine, factors = e.data
        kind = Type(e.kind, lanes)
        pointer = self.body.pointers[self.layout.operand(node)]
        mask = self._active(conditions, scope, lanes)
        offset = self._offset(affine, scope)
        stride = self.layout.stride_class(affine)
        moving: Value | None = None
        for i, position in enumerate(e.args):
            found = self._eval(position, scope, conditions)
            found = found * b.spread(self.body.numbers[self.layout.bounds[e, 0] + i], found.type.lanes)
            if found.type.lanes == 1:
                offset = offset + found
            else:
                moving = found if moving is None else moving + found
        if lanes == 1:
            if scope.index is not None and stride:
                offset = offset + scope.index * self._stride(affine)
            if mask is not None:
                offset = b.select(mask, offset, b.constant(0, I64))
            return b.load(pointer, kind, offset)
        assert scope.index is not None
        if moving is None and stride == 1:
            place = b.at(pointer, offset + scope.index, kind)
            if mask is None:
                return b.load(place, kind)
            return b.load_masked(place, kind, b.spread(mask, lanes))
        index = b.spread(offset, lanes)
        if stride:
            along = b.spread(scope.index, lanes) + b.lane_numbers(Type("i64", lanes))
            index = index + along * b.spread(self._stride(affine), lanes)
        if moving is not None:
            index = index + moving
        mask = b.constant(True, Type("i1", lanes)) if mask is None else b.spread(mask, lanes)
        return b.gather(b.at(pointer, index, kind), kind, mask)

    def _active(self, conditions: tuple, scope: _Scope, lanes: int) -> Value | None:
        """In which lanes the conditions hold, and the iteration exists; for one lane: whether in any. None: in all."""
        b = self.b
        mask = self._mask(conditions, scope, scope.lanes)
        if scope.mask is not None and (lanes > 1 or (mask is not None and mask.type.lanes > 1)):
            mask = scope.mask if mask is None else b.spread(mask, scope.lanes) & scope.mask
        if mask is None:
            return None
        return b.reduce("or", mask) if lanes == 1 else b.spread(mask, lanes)

    def _position(self, e: Expr, scope: _Scope, lanes: int, conditions: tuple) -> Value:
        """A place that is data, checked; 0 where it is out of bounds, which the error block is told."""
        b = self.b
        at = self.layout.bounds[e, 0]
        size, line = self.body.numbers[at], self.body.numbers[at + 1]
        index = b.convert(self._eval(e.args[0], scope, conditions), "i64")
        if e.data[1]:
            index = b.select(index.lt(0), index + b.spread(size, lanes), index)
        bad = index.lt(0) | index.ge(size)
        active = self._active(conditions, scope, lanes)
        if active is not None:
            bad = bad & active
        with b.when(b.reduce("or", bad)):
            b.store(line + 1, self.body.pointers[self.layout.operand(None)], 0)
        return b.select(bad, b.constant(0, index.type), index)

    # ------------------------------------------------------------ results

    def _accumulator(self, sink: Sink, lanes: int) -> Variable:
        kind = "f32" if sink.expr.kind in HALVES else sink.expr.kind
        if sink.reduction in ("any", "all"):
            kind = "i1"
        type_ = Type(kind, lanes)
        return self.b.variable(self.b.constant(_IDENTITY[sink.reduction or ""](type_), type_))

    def _accumulate(self, sink: Sink, total: Variable, scope: _Scope) -> None:
        b = self.b
        value = b.convert(self._eval(sink.expr, scope), total.type.kind)
        value = b.spread(value, total.type.lanes)
        if scope.mask is not None:
            identity = b.constant(_IDENTITY[sink.reduction or ""](total.type), total.type)
            value = b.select(scope.mask, value, identity)
        total.set(b.combine(_combination(sink), total.value, value))

    def _narrowed(self, value: Value, node: Node) -> Value:
        return self.b.convert(value, kind_of(node.dtype) or "")

    def _store(self, sink: Sink, value: Value, scope: _Scope) -> None:
        b = self.b
        pointer = self.body.pointers[self.layout.operand(sink.node)]
        offset = self._offset(sink.address, scope)
        if scope.index is None:
            b.store(value, pointer, offset)
            return
        value = b.spread(value, scope.lanes)
        if self.layout.stride_class(sink.address) == 1:
            self._write(value, b.at(pointer, offset + scope.index, value.type), scope.mask)
            return
        along = b.spread(scope.index, scope.lanes) + b.lane_numbers(Type("i64", scope.lanes))
        index = b.spread(offset, scope.lanes) + along * b.spread(self._stride(sink.address), scope.lanes)
        mask = scope.mask or b.constant(True, Type("i1", scope.lanes))
        b.scatter(value, b.at(pointer, index, value.type), mask)

    def _write(self, value: Value, place: Value, mask: Value | None) -> None:
        if mask is None:
            self.b.store(value, place)
        else:
            self.b.store_masked(value, place, mask)


def apply(b: Builder, prim: Any, params: tuple, args: list[Value], kind: str, lanes: int) -> Value:
    """One elementwise primitive. Half floats are computed in float32 and rounded once, as by the reference."""
    half = kind in HALVES
    if not prim.moves:
        args = [b.convert(a, "f32") if a.type.kind in HALVES else a for a in args]
    elif prim.name == "cast":
        args = [b.convert(a, "f32") if a.type.kind in HALVES else a for a in args]
    out = Type("f32" if half and (not prim.moves or prim.name == "cast") else kind, lanes)
    args = [b.spread(a, lanes) for a in args]
    value = prim.llvm(Emit(b, out), *args, *params)
    if value is None:
        raise NotImplementedError(f"{prim.name} has no native form for {[a.type.kind for a in args]}")
    return b.convert(b.spread(value, lanes), kind)
