"""The place of the largest or smallest element of a line: the first of equals, and a NaN before all numbers.

Vectors run over lines that lie side by side, over many short lines, or along one; a long line that is alone is cut into
parts, whose extremes are then compared.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from ...graph.node import Node
from . import target
from .emit import I64, Type, Value, Variable
from .handling import handler
from .index import row_major
from .kernel import Body, Buffer, Call, Kernel, Pointer, kernel
from .kinds import HALVES, kind_of
from .planner import Planner
from .strides import Lines, merged

# Vectors of lines side by side that are taken at a time.
_VECTORS = 4
# Elements of a line below which it is not cut into parts for the workers.
_PART = 1 << 15
# Lines with fewer elements than this are compared with each other's elements in vectors across lines.
_SHORT = 32


class Extreme(NamedTuple):
    """What the kernel's text depends on.

    way: "columns" (lines side by side), "lines" (a vector of lines, wherever they lie), "rows" (vectors along a line).
    """

    largest: bool
    kind: str
    way: str
    rank: int
    parts: bool


@handler("argmax", "argmin", strided=True)
def _extreme(planner: Planner, node: Node) -> list[Call] | None:
    source = node.inputs[0]
    kind = kind_of(source.dtype)
    if kind is None or not node.numel or not source.numel:
        return None
    view = planner.read(source)
    dim = node.params[0]
    length = source.shape[dim] if source.shape else 1
    step = view.strides[dim] if source.shape else 1
    others = [d for d in range(len(source.shape)) if d != dim]
    kept = [source.shape[d] for d in others]
    sizes, (x, out) = merged(kept, ([view.strides[d] for d in others], row_major(kept)))
    way = "rows" if step == 1 and length >= _SHORT else "lines"
    if sizes and x[-1] == 1 and out[-1] == 1 and (step != 1 or length < _SHORT):
        way = "columns"
    lines = math.prod(sizes)
    parts = 1
    if way == "rows" and lines < planner.workers and length >= 2 * _PART:
        parts = min(2 * planner.workers, length // _PART)
    largest = node.prim.name == "argmax"
    into, given = planner.buffer(node), planner.buffer(view.base)
    form = Extreme(largest, "u8" if kind == "i1" else kind, way, len(sizes) - (way == "columns"), parts > 1)
    place = Pointer(given, view.offset * source.dtype.itemsize)
    numbers = (*sizes, *x, *out, length, step, parts)
    work = 50 + source.numel * (0.3 if way != "lines" else 1.0)
    if parts == 1:
        return [Call(_extreme_kernel(form), (place, Pointer(into)), numbers, (given,), (into,), work=work)]
    found = Buffer(lines * parts * 8, "extremes of parts")
    best = Call(_extreme_kernel(form), (place, Pointer(found)), numbers, (given,), (found,), work=work)
    last = Extreme(largest, form.kind, "chosen", len(sizes), False)
    chosen = Call(
        _extreme_kernel(last),
        (place, Pointer(into), Pointer(found)),
        numbers,
        (given, found),
        (into,),
        work=50,
    )
    return [best, chosen]


@cache
def _extreme_kernel(form: Extreme) -> Kernel:
    numbers = 3 * (form.rank + (form.way == "columns")) + 3
    name = "argmax" if form.largest else "argmin"
    pointers = 3 if form.way == "chosen" else 2
    return kernel(
        f"{name}_{form.kind}", pointers, numbers, lambda body, module: _ExtremeWriter(form, body).write()
    )


class _ExtremeWriter:
    """Writes the body of the kernel of a form."""

    def __init__(self, form: Extreme, body: Body) -> None:
        self.form, self.body, self.b = form, body, body.b
        columns = form.way == "columns"
        count = form.rank + columns
        numbers = list(body.numbers)
        sizes, x, out = numbers[:count], numbers[count : 2 * count], numbers[2 * count : 3 * count]
        self.length, self.step, self.parts = numbers[3 * count :]
        self.lines = Lines(self.b, sizes[: form.rank], x[: form.rank], out[: form.rank])
        self.width = sizes[-1] if columns else None
        self.x, self.out, *self.more = body.pointers
        self.kind = Type(form.kind)
        self.wide = "f32" if form.kind in HALVES else form.kind

    def write(self) -> None:
        ways = {
            "columns": self._columns,
            "lines": self._across_lines,
            "rows": self._rows,
            "chosen": self._chosen,
        }
        ways[self.form.way]()

    # ------------------------------------------------------------ comparing

    def _better(self, v: Value, best: Value) -> Value:
        """Whether v comes before an earlier `best`."""
        better = v.gt(best) if self.form.largest else v.lt(best)
        if v.type.floating:
            better = better | (v.is_nan() & ~best.is_nan())
        return better

    def _same(self, v: Value, w: Value) -> Value:
        return v.eq(w) | (v.is_nan() & w.is_nan()) if v.type.floating else v.eq(w)

    def _load(self, offset: Value, lanes: int = 1, mask: Value | None = None) -> Value:
        b = self.b
        place = b.at(self.x, offset, self.kind)
        wide = self.kind.of(lanes)
        v = b.load(place, wide) if mask is None else b.load_masked(place, wide, mask)
        return b.convert(v, self.wide)

    # ------------------------------------------------------------ the ways

    def _columns(self) -> None:
        b, W = self.b, target.lanes()
        assert self.width is not None
        block = _VECTORS * W
        blocks = (self.width + (block - 1)) / block
        low, high = b.share(self.lines.total() * blocks, self.body.worker, self.body.workers)
        with b.loop(low, high) as unit:
            x, out = self.lines.offsets(unit / blocks)
            column = unit % blocks * block
            left = self.width - column
            with b.when(left.ge(block)):
                self._column_block(x + column, out + column, [None] * _VECTORS, W)
            with b.when(left.lt(block)), b.loop(0, left, W) as start:
                self._column_block(
                    x + column + start, out + column + start, [b.mask_below(left - start, W)], W
                )

    def _column_block(self, x: Value, out: Value, masks: list[Value | None], W: int) -> None:
        b = self.b
        best = [b.variable(self._load(x + i * W, W, mask)) for i, mask in enumerate(masks)]
        place = [b.variable(b.constant(0, Type("i64", W))) for _ in masks]
        with b.loop(1, self.length) as at:
            for i, mask in enumerate(masks):
                v = self._load(x + at * self.step + i * W, W, mask)
                better = self._better(v, best[i].value)
                best[i].set(b.select(better, v, best[i].value))
                place[i].set(b.select(better, b.spread(at, W), place[i].value))
        for i, mask in enumerate(masks):
            into = b.at(self.out, out + i * W, I64)
            if mask is None:
                b.store(place[i].value, into)
            else:
                b.store_masked(place[i].value, into, mask)

    def _rows(self) -> None:
        b = self.b
        total = self.lines.total()
        if self.form.parts:
            total = total * self.parts
        low, high = b.share(total, self.body.worker, self.body.workers)
        with b.loop(low, high) as unit:
            if self.form.parts:
                (x, _), part = self.lines.offsets(unit / self.parts), unit % self.parts
                start, stop = self.length * part / self.parts, self.length * (part + 1) / self.parts
                b.store(self._line(x, start, stop), self.out, unit)
            else:
                x, out = self.lines.offsets(unit)
                b.store(self._line(x, b.constant(0, I64), self.length), self.out, out)

    def _line(self, x: Value, start: Value, stop: Value) -> Value:
        """The place of the extreme among elements [start, stop) of a line that begins at x."""
        b, W = self.b, target.lanes()
        lanes = b.lane_numbers(Type("i64", W))
        first = self._load(x + start)
        best = b.variable(b.spread(first, W))
        place = b.variable(b.spread(start, W))
        whole = start + (stop - start) / W * W
        with b.loop(start, whole, W) as at:
            self._lane_step(self._load(x + at, W), b.spread(at, W) + lanes, best, place, None)
        with b.when(whole.lt(stop)):
            mask = b.mask_below(stop - whole, W)
            self._lane_step(self._load(x + whole, W, mask), b.spread(whole, W) + lanes, best, place, mask)
        return self._across(best.value, place.value)

    def _lane_step(
        self, v: Value, numbers: Value, best: Variable, place: Variable, mask: Value | None
    ) -> None:
        b = self.b
        better = self._better(v, best.value)
        if mask is not None:
            better = better & mask
        best.set(b.select(better, v, best.value))
        place.set(b.select(better, numbers, place.value))

    def _across(self, best: Value, place: Value) -> Value:
        """The lanes as one: the best, and of equals the first."""
        b = self.b
        while best.type.lanes > 1:
            half = best.type.lanes // 2
            halves = (range(half), range(half, 2 * half))
            (v, w), (p, q) = [[self._lanes(n, h) for h in halves] for n in (best, place)]
            second = self._better(w, v) | (self._same(v, w) & q.lt(p))
            best, place = b.select(second, w, v), b.select(second, q, p)
        return place

    def _lanes(self, value: Value, lanes: range) -> Value:
        if len(lanes) == 1:
            return self.b.extract(value, lanes[0])
        return self.b.shuffle(value, value, lanes)

    def _across_lines(self) -> None:
        b, W = self.b, target.lanes()
        total = self.lines.total()
        low, high = b.share((total + (W - 1)) / W, self.body.worker, self.body.workers)
        with b.loop(low, high) as unit:
            numbers = b.spread(unit * W, W) + b.lane_numbers(Type("i64", W))
            mask = numbers.lt(b.spread(total, W))
            x, out = self.lines.offsets(numbers)

            def load(at: Value) -> Value:
                index = x + b.spread(at * self.step, W)
                return b.convert(b.gather(b.at(self.x, index, self.kind), self.kind.of(W), mask), self.wide)

            best, place = b.variable(load(b.constant(0, I64))), b.variable(b.constant(0, Type("i64", W)))
            with b.loop(1, self.length) as at:
                self._lane_step(load(at), b.spread(at, W), best, place, None)
            b.scatter(place.value, b.at(self.out, out, I64), mask)

    def _chosen(self) -> None:
        """The best of the parts' places, of which each line has `parts`."""
        b = self.b
        (found,) = self.more
        low, high = b.share(self.lines.total(), self.body.worker, self.body.workers)
        with b.loop(low, high) as line:
            x, out = self.lines.offsets(line)
            first = b.load(found, I64, line * self.parts)
            best, place = b.variable(self._load(x + first)), b.variable(first)
            with b.loop(1, self.parts) as part:
                at = b.load(found, I64, line * self.parts + part)
                self._lane_step(self._load(x + at), at, best, place, None)
            b.store(place.value, self.out, out)


__all__ = ["Extreme"]
