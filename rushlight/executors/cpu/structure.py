"""What the machine code of a `Loops` depends on, and the numbers that it is called with.

The code takes sizes, strides, offsets and most constants as numbers, so it serves every size of the same structure, and
the same formula with other coefficients. Part of the structure is how many dimensions are left after merging, and which
operands run along the vector dimension with stride 1, 0 or another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ...graph.node import Node
from . import target
from .emit import Type, word
from .expression import COLUMNS, MAP, Expr, Loops, Sink
from .index import Affine
from .kinds import HALVES, kind_of

# Numbers that make an operation simpler, or are in formulas whatever the sizes, and primitives whose code depends on a constant
# they are given.
_FAMILIAR = frozenset(
    (0.0, 0.5, 1.0, 2.0, math.sqrt(0.5), 1 / math.sqrt(2 * math.pi), math.sqrt(2 / math.pi))
)
_DECIDES = ("pow",)


class Structure:
    """The structure of a kernel (`key`), and the `numbers` and `operands` that it is called with.

    parts: into how many runs the reduced dimensions are cut.
    """

    def __init__(self, loops: Loops, stores: set[Node], places: Callable[[Node], int], parts: int) -> None:
        self.loops, self.form = loops, loops.form
        self.in_parts = parts > 1
        self.sinks = list(loops.sinks.values())
        self.stores = [s for s in self.sinks if s.node in stores]
        self.exprs = _reachable(self.sinks)
        self._merge()
        self.numbers: list[int] = [*self.sizes, parts]
        self.operands: list[Any] = []
        self._operand: dict[Any, int] = {}
        self._affine: dict[Affine, int] = {}
        # Where the numbers begin that an expression has beside its affine ones.
        self._own: dict[tuple[Expr, int], int] = {}
        self._written = {
            a for e in self.exprs if e.op == "apply" and e.data[0].name in _DECIDES for a in e.args
        }
        for expr in self.exprs:
            self._note(expr, places)
        for sink in self.stores:
            self.operand(sink.node)
            self._note_affine(sink.address)
        self.lanes = self._lanes()
        self.wide = self._is_wide()
        self.key = self._key()

    # ------------------------------------------------------------ dimensions

    def _merge(self) -> None:
        """Frame dimensions that every place runs through as one become one."""
        loops = self.loops
        sizes = loops.frame.sizes
        ends = [0, loops.outer, loops.outer + loops.reduced, len(sizes)]
        coefficients = [a.coefficients for a in self._affines()]
        merged: list[list[list[int]]] = []
        for first, last in zip(ends, ends[1:]):
            out: list[list[int]] = []
            for d in range(first, last):
                if out and all(c[out[-1][-1]] == c[d] * sizes[d] for c in coefficients):
                    out[-1].append(d)
                else:
                    out.append([d])
            merged.append(out)
        outer, reduced, inner = merged
        self.moved = 0  # how many of the last outer ones stand after the reduced ones in the frame
        if self.form == MAP:
            outer, inner = outer[:-1], outer[-1:]
        elif self.form == COLUMNS:
            self.moved = len(inner) - 1
            outer, inner = outer + inner[:-1], inner[-1:]
        groups = [*outer, *reduced, *inner]
        self.counts = (len(outer), len(reduced), len(inner))
        self._last = [g[-1] for g in groups]  # a merged dimension moves as its innermost part does
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
            if not (self.in_parts and sink.reduction):
                yield sink.address

    # ------------------------------------------------------------ numbers

    def _note(self, expr: Expr, places: Callable[[Node], int]) -> None:
        """Enter the operands and numbers of an expression."""
        if expr.op == "load":
            node, address, factors = expr.data
            self.operand(node)
            self._note_affine(address)
            self._note_own(expr, 0, factors)
        elif expr.op == "position":
            size, _, failing = expr.data
            self.operand(None)
            self._note_own(expr, 0, (size, places(failing)))
        elif expr.op == "counter":
            self._note_affine(expr.data)
        elif expr.op == "constant" and self._is_given(expr):
            self._note_own(expr, 0, (word(expr.data[1], expr.kind),))
        elif expr.op == "guard":
            for i, (affine, low, high) in enumerate(expr.data):
                self._note_affine(affine)
                self._note_own(expr, i, (low, high))

    def _is_given(self, constant: Expr) -> bool:
        """Whether the kernel is called with the constant, and so serves others."""
        number = constant.data[1]
        floating = constant.kind in ("f32", "f64") and math.isfinite(number)
        return floating and abs(number) not in _FAMILIAR and constant not in self._written

    def _note_affine(self, affine: Affine) -> None:
        """An affine number's offset and coefficients, once."""
        if affine not in self._affine:
            self._affine[affine] = len(self.numbers)
            self.numbers += [affine.offset, *self._coefficients(affine)]

    def _note_own(self, expr: Expr, place: int, numbers: tuple[int, ...]) -> None:
        self._own[expr, place] = len(self.numbers)
        self.numbers += numbers

    def _coefficients(self, affine: Affine) -> list[int]:
        """Of the merged dimensions."""
        return [affine.coefficients[d] for d in self._last]

    def operand(self, node: Any) -> int:
        """The number of a node's pointer; None is the error block."""
        if node not in self._operand:
            self._operand[node] = len(self.operands)
            self.operands.append(node)
        return self._operand[node]

    def affine(self, affine: Affine) -> int:
        """Where an affine number's offset stands among the numbers; its coefficients follow."""
        return self._affine[affine]

    def given(self, constant: Expr) -> int | None:
        """Where the bits of a constant stand among the numbers; None for one that is written into the code."""
        return self._own.get((constant, 0))

    def own(self, expr: Expr, place: int = 0) -> int:
        """Where a load's factors, a position's size and line, or the bounds of a guard's condition begin."""
        return self._own[expr, place]

    def stride(self, affine: Affine) -> int:
        """Along the vector dimension: 1 and 0 are part of the structure; 2 says that it is a number."""
        c = self._coefficients(affine)[-1] if self.sizes else 0
        return c if c in (0, 1) else 2

    # ------------------------------------------------------------ vectors

    def _lanes(self) -> int:
        widest = max([Type(e.kind).bytes for e in self.exprs if e.varies and e.op != "counter"], default=4)
        return max(2, target.lanes() * 4 // max(4, widest))

    def _is_wide(self) -> bool:
        """Whether columns are reduced row by row: not when few of them fit registers, or totals need a wider type."""
        if self.form != COLUMNS or self.sizes[-1] <= 2 * self.lanes:
            return False
        return all(
            kind_of(s.node.dtype) not in HALVES and (self.in_parts or self.stride(s.address) == 1)
            for s in self.sinks
            if s.reduction
        )

    # ------------------------------------------------------------ the key

    def _key(self) -> tuple:
        number = {e: i for i, e in enumerate(self.exprs)}
        parts: list[Any] = [self.form, self.counts, self.moved, self.lanes, self.in_parts, self.wide]
        for e in self.exprs:
            args = tuple([number[a] for a in e.args])
            parts.append((e.op, args, self._data_key(e), e.kind, e.varies, e.within, e.fragile, e.phase))
        for s in self.sinks:
            stored = s in self.stores
            place = (self.operand(s.node), self.affine(s.address), self.stride(s.address)) if stored else None
            parts.append((number[s.expr], s.reduction, place, s.row))
        return tuple(parts)

    def _data_key(self, e: Expr) -> Any:
        """What of an expression's data is part of the structure."""
        if e.op == "load":
            node, address, _ = e.data
            return self.operand(node), self.affine(address), self.stride(address)
        if e.op == "position":
            return e.data[1]
        if e.op == "counter":
            return self.affine(e.data), self.stride(e.data)
        if e.op == "guard":
            return tuple([(self.affine(a), self.stride(a)) for a, _, _ in e.data])
        if e.op == "sink":
            return next(i for i, s in enumerate(self.sinks) if s.node is e.data)
        if e.op == "constant":
            return repr(e.data) if self.given(e) is None else self.given(e)
        return e.data


def _reachable(sinks: list[Sink]) -> list[Expr]:
    """The expressions of the sinks, each after its arguments."""
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
