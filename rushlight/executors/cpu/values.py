"""The values of expressions at one iteration of a kernel: where they are found again, how they are loaded, computed and stored.

A `Scope` stands for a run of code: a kernel's iteration over its outer dimensions, a loop inside that, and innermost a vector
of iterations. A value is kept in the scope it was computed in and serves all scopes within. What a guard protects is
evaluated under conditions: lanes in which they do not hold read nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from .emit import I64, Type, Value
from .expression import Expr, Sink
from .index import Affine
from .kernel import Body
from .structure import Structure
from .support import apply

# A guard's condition: the affine number, where its bounds are, whether it varies along the vector dimension, and whether
# within the reduced and inner dimensions.
Condition = tuple[Affine, int, bool, bool]


class Scope:
    """Values that stand for a run of code, inside the scope `outer`.

    counters: of the dimensions that are iterated over one by one. index: of the vector dimension, for its first lane.
    """

    def __init__(
        self, outer: Scope | None, counters: dict[int, Value], lanes: int = 1, index: Value | None = None,
        mask: Value | None = None,
    ) -> None:  # fmt: skip
        self.outer, self.counters = outer, counters
        self.lanes, self.index, self.mask = lanes, index, mask
        self.values: dict[tuple, Value] = {}

    def inside(self, counters: dict[int, Value] | None = None) -> Scope:
        """A scope within this one, with more counters."""
        return Scope(self, {**self.counters, **(counters or {})})

    def vector(self, index: Value, lanes: int, mask: Value | None = None) -> Scope:
        """A scope within this one for `lanes` iterations from `index` on; those outside of the mask do not exist."""
        return Scope(self, self.counters, lanes, index, mask)

    def find(self, key: tuple) -> Value | None:
        """What was kept here or in a scope around."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.values.get(key)
            if found is not None:
                return found
            scope = scope.outer
        return None


class Values:
    """Writes the values of the expressions of a structure into the body of its kernel."""

    def __init__(self, structure: Structure, body: Body) -> None:
        self.structure, self.body, self.b = structure, body, body.b
        self.sinks = structure.loops.sinks
        self._sink_exprs = {e.data: e for e in structure.exprs if e.op == "sink"}

    def eval(self, e: Expr, scope: Scope, conditions: tuple[Condition, ...] = ()) -> Value:
        """The value of an expression, found in a scope around or computed now.

        conditions: those of the guards around it. Only what is fragile has to heed them.
        """
        key = (e, conditions if e.fragile else ())
        found = scope.find(key)
        if found is None:
            found = scope.values[key] = self._compute(e, scope, key[1])
        return found

    def settle(self, sink: Sink, value: Value, scope: Scope) -> None:
        """Keep the result of a reduction for what reads it in the same scope."""
        e = self._sink_exprs.get(sink.node)
        if e is not None:
            scope.values[e, ()] = value

    def hoist(self, sinks: Iterable[Sink], scope: Scope, within: bool) -> None:
        """Evaluate ahead of a loop what does not change in it: along the vectors, or, unless `within`, at all."""
        seen: set[tuple] = set()

        def visit(e: Expr, conditions: tuple[Condition, ...]) -> None:
            if (e, conditions) in seen:
                return
            seen.add((e, conditions))
            if e.op == "sink":
                if self.sinks[e.data].reduction is None:
                    visit(self.sinks[e.data].expr, ())
                return
            changes = e.varies or (e.within and not within)
            if e.fragile and any(c[2] or (c[3] and not within) for c in conditions):
                changes = True
            if not changes:
                self.eval(e, scope, conditions)
                return
            if e.op == "guard":
                conditions = (*conditions, *self._conditions(e))
            for a in e.args:
                visit(a, conditions)

        for sink in sinks:
            visit(sink.expr, ())

    # ------------------------------------------------------------ computing

    def _compute(self, e: Expr, scope: Scope, conditions: tuple[Condition, ...]) -> Value:
        b = self.b
        lanes = scope.lanes if e.varies else 1
        if e.op == "constant":
            return self._constant(e)
        if e.op == "counter":
            return self._counter(e.data, scope, lanes)
        if e.op == "sink":
            return self._sink(e, scope)
        if e.op == "guard":
            return self._guard(e, scope, conditions)
        args = [self.eval(a, scope, conditions) for a in e.args]
        if e.op == "load":
            return self._load(e, args, scope, lanes, conditions)
        if e.op == "position":
            return self._position(e, args[0], scope, lanes, conditions)
        if e.op == "convert":
            return b.convert(args[0], e.kind)
        if e.op == "plus":
            return args[0] + args[1]
        if e.op == "after":
            return args[0]
        prim, params = e.data
        return apply(b, prim, params, args, e.kind, lanes)

    def _constant(self, e: Expr) -> Value:
        b, at, type = self.b, self.structure.given(e), Type(e.kind)
        if at is None:
            return b.constant(e.data[1], type)
        whole = type.as_int()
        return b.bitcast(b.convert(self.body.numbers[at], whole.kind), type)

    def _sink(self, e: Expr, scope: Scope) -> Value:
        sink = self.sinks[e.data]
        if sink.reduction is None:
            return self.eval(sink.expr, scope)
        raise AssertionError(f"{sink.node} is read before it is reduced")

    def _guard(self, e: Expr, scope: Scope, conditions: tuple[Condition, ...]) -> Value:
        own = self._conditions(e)
        inside = self.eval(e.args[0], scope, (*conditions, *own))
        mask = self._mask(own, scope)
        assert mask is not None
        return self.b.select(mask, inside, self.b.constant(0, inside.type))

    def _position(
        self, e: Expr, given: Value, scope: Scope, lanes: int, conditions: tuple[Condition, ...]
    ) -> Value:
        """A place that is data, checked; 0 where it is out of bounds, which the error block is told."""
        b = self.b
        size, line = self._numbers(self.structure.own(e), 2)
        index = b.convert(given, "i64")
        if e.data[1]:
            index = b.select(index.lt(0), index + size, index)
        bad = index.lt(0) | index.ge(size)
        active = self._active(conditions, scope, lanes)
        if active is not None:
            bad = bad & active
        with b.when(b.reduce("or", bad)):
            b.store(line + 1, self._pointer(None), 0)
        return b.select(bad, b.constant(0, index.type), index)

    # ------------------------------------------------------------ conditions

    def _conditions(self, e: Expr) -> tuple[Condition, ...]:
        """Those of a guard."""
        flags = self.structure.loops.flags
        return tuple(
            [(affine, self.structure.own(e, i), *flags(affine)) for i, (affine, _, _) in enumerate(e.data)]
        )

    def _mask(self, conditions: tuple[Condition, ...], scope: Scope) -> Value | None:
        """Where all conditions hold; None when there are none."""
        mask: Value | None = None
        for condition in conditions:
            holds = scope.find(condition)
            if holds is None:
                affine, at, varies, _ = condition
                value = self._counter(affine, scope, scope.lanes if varies else 1)
                low, high = self._numbers(at, 2)
                holds = scope.values[condition] = value.ge(low) & value.lt(high)
            mask = holds if mask is None else mask & holds
        return mask

    def _active(self, conditions: tuple[Condition, ...], scope: Scope, lanes: int) -> Value | None:
        """In which lanes the conditions hold and the iteration exists; for one lane: whether in any. None: in all."""
        b = self.b
        mask = self._mask(conditions, scope)
        if scope.mask is not None and (lanes > 1 or (mask is not None and mask.type.lanes > 1)):
            mask = scope.mask if mask is None else mask & scope.mask
        if mask is None:
            return None
        return b.reduce("or", mask) if lanes == 1 else b.spread(mask, lanes)

    # ------------------------------------------------------------ affine numbers

    def offset(self, affine: Affine, scope: Scope) -> Value:
        """The part of an affine number that does not change along the vector dimension."""
        key = (affine, tuple(scope.counters))
        total = scope.find(key)
        if total is None:
            at = self.structure.affine(affine)
            total = self.body.numbers[at]
            for d, counter in scope.counters.items():
                total = total + counter * self.body.numbers[at + 1 + d]
            scope.values[key] = total
        return total

    def _counter(self, affine: Affine, scope: Scope, lanes: int) -> Value:
        offset = self.offset(affine, scope)
        if scope.index is None or not self.structure.stride(affine):
            return offset
        return offset + self._along(affine, scope.index, lanes)

    def _along(self, affine: Affine, index: Value, lanes: int) -> Value:
        """The part that the vector dimension adds: in each of `lanes` from `index` on."""
        if lanes > 1:
            index = index + self.b.lane_numbers(Type("i64", lanes))
        if self.structure.stride(affine) == 1:
            return index
        return index * self.body.numbers[self.structure.affine(affine) + len(self.structure.sizes)]

    def _numbers(self, at: int, count: int) -> list[Value]:
        return self.body.numbers[at : at + count]

    # ------------------------------------------------------------ memory

    def _pointer(self, node: object) -> Value:
        return self.body.pointers[self.structure.operand(node)]

    def _load(
        self, e: Expr, positions: list[Value], scope: Scope, lanes: int, conditions: tuple[Condition, ...]
    ) -> Value:
        b = self.b
        node, affine, _ = e.data
        kind, pointer = Type(e.kind, lanes), self._pointer(node)
        mask = self._active(conditions, scope, lanes)
        stride = self.structure.stride(affine)
        offset = self.offset(affine, scope)
        for position, factor in zip(positions, self._numbers(self.structure.own(e), len(positions))):
            offset = offset + position * factor
        if lanes == 1:
            if scope.index is not None and stride:
                offset = offset + self._along(affine, scope.index, 1)
            if mask is not None:
                offset = b.select(mask, offset, b.constant(0, I64))
            return b.load(pointer, kind, offset)
        assert scope.index is not None
        if offset.type.lanes == 1 and stride == 1:
            place = b.at(pointer, offset + scope.index, kind)
            return b.load(place, kind) if mask is None else b.load_masked(place, kind, mask)
        if stride:
            offset = offset + self._along(affine, scope.index, lanes)
        if mask is None:
            mask = b.constant(True, Type("i1", lanes))
        return b.gather(b.at(pointer, b.spread(offset, lanes), kind), kind, mask)

    def store(self, sink: Sink, value: Value, scope: Scope) -> None:
        """Put a value where the sink's result stands at this iteration."""
        b = self.b
        offset = self.offset(sink.address, scope)
        if scope.index is None:
            b.store(value, self._pointer(sink.node), offset)
            return
        value = b.spread(value, scope.lanes)
        if self.structure.stride(sink.address) == 1:
            self.write(value, b.at(self._pointer(sink.node), offset + scope.index, value.type), scope.mask)
            return
        index = offset + self._along(sink.address, scope.index, scope.lanes)
        mask = scope.mask or b.constant(True, Type("i1", scope.lanes))
        b.scatter(value, b.at(self._pointer(sink.node), index, value.type), mask)

    def write(self, value: Value, place: Value, mask: Value | None) -> None:
        """Store a vector at an address, where the mask holds."""
        if mask is None:
            self.b.store(value, place)
        else:
            self.b.store_masked(value, place, mask)
