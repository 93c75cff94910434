"""From the sinks of one kernel (expression.py) to machine code: loop nests over vectors.

A kernel goes over its frame in one of three forms. What it computes at an iteration is written by values.py, what is
part of its structure and what is a number it is called with is settled in structure.py. Rows are cut into whole vectors
and one masked rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...graph.node import Node
from .emit import I64, Type, Value, Variable
from .expression import COLUMNS, MAP, ROWS, Loops, Sink
from .kernel import Body, Kernel, kernel
from .kinds import kind_of
from .reductions import operation, start, total_kind
from .structure import Structure
from .values import Scope, Values

# Columns whose totals are kept at hand at once.
BLOCK = 1024


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
    structure = Structure(loops, stores, places, parts)
    found = _kernels.get(structure.key)
    if found is None:
        operands, numbers = len(structure.operands), len(structure.numbers)
        found = kernel(loops.form, operands, numbers, lambda body, module: _Writer(structure, body).write())
        _kernels[structure.key] = found
    return Plan(found, tuple(structure.operands), tuple(structure.numbers))


class _Line(NamedTuple):
    """An iteration over the outer dimensions, or a part or a block of one."""

    scope: Scope
    outer: Value  # its number among the iterations over the outer dimensions
    part: Value | None  # which part of the reduced dimensions
    block: Value | None  # which block of columns


class _Writer:
    """Writes the body of the kernel of a structure."""

    def __init__(self, structure: Structure, body: Body) -> None:
        self.structure, self.body, self.b = structure, body, body.b
        self.values = Values(structure, body)
        self.lanes = structure.lanes
        outer, reduced, _ = structure.counts
        sizes = body.numbers[: len(structure.sizes)]
        self.outer, self.reduced, self.inner = (
            sizes[:outer],
            sizes[outer : outer + reduced],
            sizes[outer + reduced :],
        )
        self.parts = body.numbers[len(sizes)]
        self.reductions = [s for s in structure.sinks if s.reduction]
        self.full = [s for s in structure.stores if not s.reduction and not s.row]

    def write(self) -> None:
        """The whole body."""
        columns = self._wide_columns if self.structure.wide else self._columns
        {MAP: self._map, ROWS: self._rows, COLUMNS: columns}[self.structure.form]()

    # ------------------------------------------------------------ map

    def _map(self) -> None:
        if not self.inner:
            with self.b.when(self.body.worker.eq(0)):
                self._store_full(self.full, Scope(None, {}))
        elif self.outer:
            with self._lines() as line:
                self._map_vectors(line.scope, (self.b.constant(0, I64), self.inner[0]))
        else:
            self._map_vectors(
                Scope(None, {}), self.b.share(self.inner[0], self.body.worker, self.body.workers, 64)
            )

    def _map_vectors(self, scope: Scope, bounds: tuple[Value, Value]) -> None:
        self.values.hoist(self.full, scope, False)
        self._vectors(scope, bounds, lambda vector: self._store_full(self.full, vector))

    def _store_full(self, sinks: Sequence[Sink], scope: Scope) -> None:
        for sink in sinks:
            self.values.store(sink, self.values.eval(sink.expr, scope), scope)

    # ------------------------------------------------------------ rows

    def _rows(self) -> None:
        last = max([s.expr.phase for s in self.structure.sinks])
        with self._lines() as line:
            for phase in range(last + 1):
                self._phase(line, phase)

    def _phase(self, line: _Line, phase: int) -> None:
        """One run over a row: what needs the results of so many reductions one after another."""
        now = [s for s in self.structure.sinks if s.expr.phase == phase]
        self._store_full(
            [s for s in self.structure.stores if s in now and s.row and not s.reduction], line.scope
        )
        reductions, full = [s for s in now if s.reduction], [s for s in self.full if s in now]
        if not reductions and not full:
            return
        totals = [self._total(s) for s in reductions]

        def step(scope: Scope) -> None:
            for sink, total in zip(reductions, totals):
                self._accumulate(sink, total, scope)
            self._store_full(full, scope)

        self.values.hoist(reductions + full, line.scope, False)
        *around, innermost = self._reduced_bounds(line)
        with self._nest(line.scope, around) as scope:
            if scope is not line.scope:
                self.values.hoist(reductions + full, scope, True)
            self._vectors(scope, innermost, step)
        for sink, total in zip(reductions, totals):
            self._finish_row(line, sink, total)

    def _finish_row(self, line: _Line, sink: Sink, total: Variable) -> None:
        b = self.b
        value = self._narrowed(b.reduce(self._operation(sink), total.value), sink)
        self.values.settle(sink, value, line.scope)
        if sink not in self.structure.stores:
            return
        if line.part is None:
            self.values.store(sink, value, line.scope)
        else:
            b.store(value, self._memory(sink), line.outer * self.parts + line.part)

    # ------------------------------------------------------------ columns

    def _columns(self) -> None:
        """Two vectors of columns at a time, their totals in registers."""
        b, block = self.b, 2 * self.lanes
        width = self.inner[0]
        with self._lines((width + (block - 1)) / block) as line:
            assert line.block is not None
            column = line.block * block
            left = width - column
            with b.when(left.ge(block)):
                self._column_block(line, column, (None, None))
            with b.when(left.lt(block)), b.loop(column, width, self.lanes) as first:
                self._column_block(line, first, (b.mask_below(width - first, self.lanes),))

    def _column_block(self, line: _Line, column: Value, masks: Sequence[Value | None]) -> None:
        totals = [[self._total(s) for s in self.reductions] for _ in masks]
        starts = [column + i * self.lanes for i in range(len(masks))]
        inside = line.scope.inside()
        with self._nest(inside, self._reduced_bounds(line)) as scope:
            self.values.hoist(self.reductions + self.full, scope, True)
            for first, mask, mine in zip(starts, masks, totals):
                vector = scope.vector(first, self.lanes, mask)
                for sink, total in zip(self.reductions, mine):
                    self._accumulate(sink, total, vector)
                self._store_full(self.full, vector)
        for first, mask, mine in zip(starts, masks, totals):
            for sink, total in zip(self.reductions, mine):
                value = self._narrowed(total.value, sink)
                if line.part is None:
                    self.values.store(sink, value, inside.vector(first, self.lanes, mask))
                else:
                    place = self.b.at(self._memory(sink), self._partial_columns(line) + first, value.type)
                    self.values.write(value, place, mask)

    def _wide_columns(self) -> None:
        """Row by row, with running totals in memory that stays in the first cache: each row is read in one go."""
        b = self.b
        width = self.inner[0]
        kinds = [Type(kind_of(s.node.dtype) or "", self.lanes) for s in self.reductions]
        with self._lines((width + (BLOCK - 1)) / BLOCK) as line:
            assert line.block is not None
            bounds = (line.block * BLOCK, b.minimum_i64(line.block * BLOCK + BLOCK, width))
            totals = [self._column_totals(s, line) for s in self.reductions]

            def clear(scope: Scope) -> None:
                for sink, place, kind in zip(self.reductions, totals, kinds):
                    nothing = start(b, sink.reduction or "", kind)
                    self.values.write(nothing, b.at(place, scope.index, kind), scope.mask)

            def step(scope: Scope) -> None:
                for sink, place, kind in zip(self.reductions, totals, kinds):
                    at = b.at(place, scope.index, kind)
                    so_far = b.load(at, kind) if scope.mask is None else b.load_masked(at, kind, scope.mask)
                    value = b.spread(b.convert(self.values.eval(sink.expr, scope), kind.kind), self.lanes)
                    self.values.write(b.combine(self._operation(sink), so_far, value), at, scope.mask)
                self._store_full(self.full, scope)

            self._vectors(line.scope, bounds, clear)
            with self._nest(line.scope.inside(), self._reduced_bounds(line)) as scope:
                self.values.hoist(self.reductions + self.full, scope, True)
                self._vectors(scope, bounds, step)

    def _column_totals(self, sink: Sink, line: _Line) -> Value:
        """Where a reduction's totals of this line of columns begin."""
        if line.part is None:
            offset = self.values.offset(sink.address, line.scope)
        else:
            offset = self._partial_columns(line)
        return self.b.at(self._memory(sink), offset, Type(kind_of(sink.node.dtype) or ""))

    def _partial_columns(self, line: _Line) -> Value:
        """Where a line of columns begins among the partial results, which are of shape (outer, parts, inner)."""
        assert line.part is not None
        moved = self.structure.moved
        if not moved:
            return (line.outer * self.parts + line.part) * self.inner[0]
        inner = self._product(self.outer[-moved:])
        return ((line.outer / inner * self.parts + line.part) * inner + line.outer % inner) * self.inner[0]

    # ------------------------------------------------------------ totals

    def _total(self, sink: Sink) -> Variable:
        """A running total in a register, of nothing so far."""
        name = sink.reduction or ""
        return self.b.variable(start(self.b, name, Type(total_kind(name, sink.expr.kind), self.lanes)))

    def _accumulate(self, sink: Sink, total: Variable, scope: Scope) -> None:
        b = self.b
        value = b.spread(b.convert(self.values.eval(sink.expr, scope), total.type.kind), self.lanes)
        if scope.mask is not None:
            value = b.select(scope.mask, value, start(b, sink.reduction or "", total.type))
        total.set(b.combine(self._operation(sink), total.value, value))

    def _operation(self, sink: Sink) -> str:
        return operation(sink.reduction or "", kind_of(sink.node.dtype) or "")

    def _narrowed(self, value: Value, sink: Sink) -> Value:
        return self.b.convert(value, kind_of(sink.node.dtype) or "")

    def _memory(self, sink: Sink) -> Value:
        return self.body.pointers[self.structure.operand(sink.node)]

    # ------------------------------------------------------------ loops

    @contextmanager
    def _lines(self, blocks: Value | None = None) -> Iterator[_Line]:
        """This worker's share of the iterations over the outer dimensions, cut into parts and blocks."""
        b = self.b
        total = self._product(self.outer)
        if self.structure.in_parts:
            total = total * self.parts
        if blocks is not None:
            total = total * blocks
        with b.loop(*b.share(total, self.body.worker, self.body.workers)) as outer:
            block = part = None
            if blocks is not None:
                outer, block = outer / blocks, outer % blocks
            if self.structure.in_parts:
                outer, part = outer / self.parts, outer % self.parts
            yield _Line(Scope(None, self._counters(outer)), outer, part, block)

    def _product(self, sizes: list[Value]) -> Value:
        total = self.b.constant(1, I64)
        for i, size in enumerate(sizes):
            total = size if i == 0 else total * size
        return total

    def _counters(self, flat: Value) -> dict[int, Value]:
        """A flat iteration number as a counter for each outer dimension."""
        counters: dict[int, Value] = {}
        for dim in range(len(self.outer) - 1, 0, -1):
            flat, counters[dim] = flat / self.outer[dim], flat % self.outer[dim]
        if self.outer:
            counters[0] = flat
        return dict(sorted(counters.items()))

    def _reduced_bounds(self, line: _Line) -> list[tuple[Value, Value]]:
        """From where to where each reduced dimension is gone over; the first is cut into the parts."""
        bounds = [(self.b.constant(0, I64), size) for size in self.reduced]
        if line.part is not None:
            first = self.reduced[0]
            bounds[0] = first * line.part / self.parts, first * (line.part + 1) / self.parts
        return bounds

    @contextmanager
    def _nest(self, scope: Scope, bounds: Sequence[tuple[Value, Value]], done: int = 0) -> Iterator[Scope]:
        """Loops over reduced dimensions from number `done` on; without any, `scope` itself."""
        if not bounds:
            yield scope
            return
        with self.b.loop(*bounds[0]) as i:
            with self._nest(scope.inside({len(self.outer) + done: i}), bounds[1:], done + 1) as inner:
                yield inner

    def _vectors(self, scope: Scope, bounds: tuple[Value, Value], step: Callable[[Scope], None]) -> None:
        """The innermost dimension: whole vectors, then one with a mask."""
        b, lanes = self.b, self.lanes
        low, high = bounds
        whole = low + (high - low) / lanes * lanes
        with b.loop(low, whole, lanes) as i:
            step(scope.vector(i, lanes))
        with b.when(whole.lt(high)):
            step(scope.vector(whole, lanes, b.mask_below(high - whole, lanes)))
