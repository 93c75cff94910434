"""Running sums, products, extremes and logarithms of sums along one dimension.

A line is what is gone over element by element. Where another dimension lies side by side in memory, a vector holds that many
lines (`columns`); else a few lines are taken at a time, since each is a chain of dependent steps: four scalars, or a whole
vector of lines where a step is dear. Sums and products of floats are carried in double precision, as PyTorch does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from ...graph.node import PRIMITIVES, Node
from . import target
from .emit import I64, Builder, Type, Value, Variable
from .handling import handler
from .index import row_major
from .kernel import Body, Call, Kernel, Pointer, kernel
from .kinds import HALVES, kind_of
from .planner import Planner
from .strides import Lines, merged
from .support import apply

# Lines taken at a time, and vectors of columns.
_LINES = 4
_VECTORS = 4


class Rule(NamedTuple):
    """What is carried along a line: kinds of the states, and how they begin, go on, and give a result."""

    states: Callable[[str], tuple[str, ...]]
    start: Callable[[Builder, Value], list[Value]]
    step: Callable[[Builder, list[Value], Value, Value], list[Value]]
    result: Callable[[list[Value]], Value]
    dear: bool = False


def _wide(kind: str) -> str:
    return "f64" if kind in ("f32", *HALVES) else kind


def _whole(b: Builder, v: Value) -> list[Value]:
    return [b.convert(v, _wide(v.type.kind))]


def _summed(b: Builder, states: list[Value], v: Value, index: Value) -> list[Value]:
    return [states[0] + b.convert(v, states[0].type.kind)]


def _multiplied(b: Builder, states: list[Value], v: Value, index: Value) -> list[Value]:
    return [states[0] * b.convert(v, states[0].type.kind)]


def _best_so_far(largest: bool) -> Rule:
    def step(b: Builder, states: list[Value], v: Value, index: Value) -> list[Value]:
        best, place = states
        better = v.ge(best) if largest else v.le(best)
        if v.type.floating:
            better = better | v.is_nan()
        return [b.select(better, v, best), b.select(better, index, place)]

    return Rule(
        lambda kind: (kind, "i64"),
        lambda b, v: [v, b.constant(0, Type("i64", v.type.lanes))],
        step,
        lambda states: states[1],
    )


def _log_added(b: Builder, states: list[Value], v: Value, index: Value) -> list[Value]:
    kind, lanes = v.type.kind, v.type.lanes
    total = states[0]
    high = b.select(v.gt(total) | v.is_nan(), v, total)
    apart = -b.abs(v - total)
    less = apply(b, PRIMITIVES["exp"], (), [apart], kind, lanes)
    # log(1 + less), with the error of the sum made good.
    whole = less + 1.0
    more = apply(b, PRIMITIVES["log"], (), [whole], kind, lanes) * less / (whole - 1.0)
    more = b.select(whole.eq(1.0), less, more)
    # Equal ones apart, for infinities have no difference.
    return [b.select(v.eq(total), v + math.log(2.0), high + more)]


_RULES = {
    "cumsum": Rule(lambda kind: (_wide(kind),), _whole, _summed, lambda s: s[0]),
    "cumprod": Rule(lambda kind: (_wide(kind),), _whole, _multiplied, lambda s: s[0]),
    "argcummax": _best_so_far(True),
    "argcummin": _best_so_far(False),
    "logcumsumexp": Rule(lambda kind: (kind,), lambda b, v: [v], _log_added, lambda s: s[0], True),
}


class Form(NamedTuple):
    """What the kernel's text depends on."""

    name: str
    kind: str
    out: str
    columns: bool
    rank: int  # dimensions of the lines, columns not counted


@handler(*_RULES, strided=True)
def _scan(planner: Planner, node: Node) -> list[Call] | None:
    source = node.inputs[0]
    name, kind = node.prim.name, kind_of(source.dtype)
    if kind is None or not node.numel or (kind == "i1" and name[:3] != "arg"):
        return None
    if name == "logcumsumexp" and kind[0] not in "fb":
        return None
    view = planner.read(source)
    dim = node.params[0]
    if not node.shape:
        return _line_calls(planner, node, view, (), (), (), (1, 0, 0))
    strides = row_major(node.shape)
    others = [d for d in range(len(node.shape)) if d != dim]
    sizes, (x, out) = merged(
        [node.shape[d] for d in others], ([view.strides[d] for d in others], [strides[d] for d in others])
    )
    return _line_calls(planner, node, view, sizes, x, out, (node.shape[dim], view.strides[dim], strides[dim]))


def _line_calls(
    planner: Planner, node: Node, view: Any, sizes: tuple, x: tuple, out: tuple, line: tuple[int, int, int]
) -> list[Call]:
    source = node.inputs[0]
    columns = bool(sizes) and x[-1] == 1 and out[-1] == 1 and sizes[-1] > 1
    kind = kind_of(source.dtype) or ""
    form = Form(
        node.prim.name,
        "u8" if kind == "i1" else kind,
        kind_of(node.dtype) or "",
        columns,
        len(sizes) - columns,
    )
    into, given = planner.buffer(node), planner.buffer(view.base)
    pointers = (Pointer(given, view.offset * source.dtype.itemsize), Pointer(into))
    numbers = (*sizes, *x, *out, *line)
    cost = 10.0 if _RULES[node.prim.name].dear else 1.0
    return [Call(_scan_kernel(form), pointers, numbers, (given,), (into,), work=50 + node.numel * cost)]


@cache
def _scan_kernel(form: Form) -> Kernel:
    numbers = 3 * (form.rank + form.columns) + 3
    return kernel(form.name, 2, numbers, lambda body, module: _ScanWriter(form, body).write())


class _ScanWriter:
    """Writes the body of the kernel of a form."""

    def __init__(self, form: Form, body: Body) -> None:
        self.form, self.body, self.b = form, body, body.b
        self.rule = _RULES[form.name]
        count = form.rank + form.columns
        numbers = list(body.numbers)
        sizes, x, out = numbers[:count], numbers[count : 2 * count], numbers[2 * count : 3 * count]
        self.length, self.x_step, self.out_step = numbers[3 * count :]
        self.lines = Lines(self.b, sizes[: form.rank], x[: form.rank], out[: form.rank])
        self.width = sizes[-1] if form.columns else None
        self.x, self.out = body.pointers
        self.kind, self.out_kind = Type(form.kind), Type(form.out)

    def write(self) -> None:
        if self.form.columns:
            self._columns()
        elif self.rule.dear:
            self._vectors()
        else:
            self._scalars()

    # ------------------------------------------------------------ the three ways

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
                self._block(x + column, out + column, [None] * _VECTORS, W)
            with b.when(left.lt(block)), b.loop(0, left, W) as start:
                self._block(x + column + start, out + column + start, [b.mask_below(left - start, W)], W)

    def _block(self, x: Value, out: Value, masks: list[Value | None], W: int) -> None:
        """Lines side by side, a vector of them for each mask."""
        b = self.b

        def load(at: Value, i: int) -> Value:
            place = b.at(self.x, x + at * self.x_step + i * W, self.kind)
            mask = masks[i]
            wide = self.kind.of(W)
            return b.load(place, wide) if mask is None else b.load_masked(place, wide, mask)

        def store(value: Value, at: Value, i: int) -> None:
            place = b.at(self.out, out + at * self.out_step + i * W, self.out_kind)
            mask = masks[i]
            if mask is None:
                b.store(value, place)
            else:
                b.store_masked(value, place, mask)

        self._run(len(masks), load, store)

    def _vectors(self) -> None:
        """A vector of lines, wherever they lie."""
        b, W = self.b, target.lanes()
        total = self.lines.total()
        low, high = b.share((total + (W - 1)) / W, self.body.worker, self.body.workers)
        with b.loop(low, high) as unit:
            first = unit * W
            numbers = b.spread(first, W) + b.lane_numbers(Type("i64", W))
            mask = numbers.lt(b.spread(total, W))
            x, out = self.lines.offsets(numbers)

            def load(at: Value, i: int) -> Value:
                index = x + b.spread(at * self.x_step, W)
                return b.gather(b.at(self.x, index, self.kind), self.kind.of(W), mask)

            def store(value: Value, at: Value, i: int) -> None:
                index = out + b.spread(at * self.out_step, W)
                b.scatter(value, b.at(self.out, index, self.out_kind), mask)

            self._run(1, load, store)

    def _scalars(self) -> None:
        """A few lines at a time, so that the chain of one leaves room for the others."""
        b = self.b
        total = self.lines.total()
        low, high = b.share((total + (_LINES - 1)) / _LINES, self.body.worker, self.body.workers)
        with b.loop(low, high) as unit:
            left = total - unit * _LINES
            for count, condition in ((_LINES, left.ge(_LINES)), (1, left.lt(_LINES))):
                with b.when(condition), self._each(unit * _LINES, total, count) as first:
                    starts = [self.lines.offsets(first + i) for i in range(count)]

                    def load(at: Value, i: int, starts: list = starts) -> Value:
                        return b.load(self.x, self.kind, starts[i][0] + at * self.x_step)

                    def store(value: Value, at: Value, i: int, starts: list = starts) -> None:
                        b.store(value, self.out, starts[i][1] + at * self.out_step)

                    self._run(count, load, store)

    @contextmanager
    def _each(self, first: Value, total: Value, count: int) -> Any:
        """All lines from `first` at once, or those that are left one after the other."""
        if count > 1:
            yield first
        else:
            with self.b.loop(first, total) as line:
                yield line

    # ------------------------------------------------------------ along the lines

    def _run(self, count: int, load: Callable, store: Callable) -> None:
        b, rule = self.b, self.rule
        zero = b.constant(0, I64)
        states: list[list[Variable]] = []
        for i in range(count):
            begun = rule.start(b, self._widened(load(zero, i)))
            states.append([b.variable(s) for s in begun])
            store(self._narrowed(rule.result(begun)), zero, i)
        with b.loop(1, self.length) as at:
            for i in range(count):
                v = self._widened(load(at, i))
                index = b.spread(at, v.type.lanes)
                found = rule.step(b, [s.value for s in states[i]], v, index)
                for variable, value in zip(states[i], found):
                    variable.set(value)
                store(self._narrowed(rule.result(found)), at, i)

    def _widened(self, v: Value) -> Value:
        return self.b.convert(v, "f32") if v.type.kind in HALVES else v

    def _narrowed(self, v: Value) -> Value:
        b = self.b
        if self.form.out in HALVES:
            v = b.convert(v, "f32")
        return b.convert(v, self.form.out)


__all__ = ["Form", "Rule"]
