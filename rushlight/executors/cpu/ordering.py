"""Sorting positions along lines, the first few of them, and searching in what is sorted.

Numbers are compared as unsigned keys: bits that are ordered as the numbers are, NaN above all and -0.0 equal to 0.0; for a
descending order they are inverted, which keeps equal elements in their order. Long lines are sorted by the bytes of their
keys from the lowest up, short ones by insertion. A worker sorts whole lines, in memory of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ...graph.node import Node
from . import target
from .emit import I64, Builder, Type, Value, Variable
from .handling import handler
from .index import row_major
from .kernel import Body, Buffer, Call, Kernel, Pointer, kernel
from .kinds import HALVES, kind_of
from .planner import Planner
from .strides import Lines, merged

# Lines of up to this many elements are sorted by insertion.
_SHORT = 64
# Up to this many positions are kept in order while the line is read once; for more, the line is sorted.
_FEW = 32


class Form(NamedTuple):
    """What the kernel's text depends on."""

    kind: str
    descending: bool
    few: bool
    unit: bool  # the elements of a line lie side by side
    rank: int


@handler("argsort", strided=True)
def _argsort(planner: Planner, node: Node) -> list[Call] | None:
    dim, descending = node.params
    length = node.shape[dim] if node.shape else 1
    return _sorted(planner, node, dim, length, descending, False)


@handler("argtop", strided=True)
def _argtop(planner: Planner, node: Node) -> list[Call] | None:
    k, dim, largest = node.params
    source = node.inputs[0]
    few = k <= _FEW and 4 * k <= (source.shape[dim] if source.shape else 1)
    return _sorted(planner, node, dim, k, largest, few)


def _sorted(
    planner: Planner, node: Node, dim: int, count: int, descending: bool, few: bool
) -> list[Call] | None:
    """Calls that write the first `count` positions of each sorted line."""
    source = node.inputs[0]
    kind = kind_of(source.dtype)
    if kind is None or not node.numel:
        return None
    view = planner.read(source)
    strides = row_major(node.shape)
    others = [d for d in range(len(node.shape)) if d != dim]
    tables = [view.strides[d] for d in others], [strides[d] for d in others]
    sizes, (x, out) = merged([node.shape[d] for d in others], tables)
    length, steps = 1, (0, 0)
    if node.shape:
        length, steps = source.shape[dim], (view.strides[dim], strides[dim])
    form = Form("u8" if kind == "i1" else kind, descending, few, steps[0] == 1, len(sizes))
    stride = -(-length * 2 * (_key(form.kind).bytes + 8) // 64) * 64
    scratch = Buffer(64 if few else planner.workers * stride, "keys")
    into, given = planner.buffer(node), planner.buffer(view.base)
    pointers = (Pointer(given, view.offset * source.dtype.itemsize), Pointer(into), Pointer(scratch))
    numbers = (*sizes, *x, *out, length, *steps, count, stride)
    work = 50 + math.prod(sizes) * (length * (0.3 if few else 10.0) + 20.0 * count)
    return [Call(_sort_kernel(form), pointers, numbers, (given,), (into, scratch), work=work)]


@cache
def _sort_kernel(form: Form) -> Kernel:
    name = f"{'top' if form.few else 'sort'}_{form.kind}"
    return kernel(name, 3, 3 * form.rank + 5, lambda body, module: _Sorter(form, body).write())


def _key(kind: str) -> Type:
    """The type of the keys of numbers of this kind."""
    return Type("u64") if Type(kind).bytes == 8 else Type("u32")


def _bytes(kind: str) -> int:
    """How many bytes of a key can differ."""
    return 4 if kind in HALVES else Type(kind).bytes


def _keyed(b: Builder, v: Value, descending: bool) -> Value:
    """Numbers as keys."""
    if v.type.kind in HALVES:
        v = b.convert(v, "f32")
    lanes, bits = v.type.lanes, v.type.bits
    key = _key(v.type.kind).of(lanes)
    if v.type.floating:
        raw = b.bitcast(b.select(v.eq(0.0), 0.0, v), key)
        top = 1 << (bits - 1)
        found = b.select(b.bitcast(raw, key.as_int()).lt(0), ~raw, raw | top)
        found = b.select(v.is_nan(), b.constant(-1, key), found)
    elif v.type.signed:
        found = b.convert(b.convert(v ^ -(1 << (bits - 1)), f"u{bits}"), key.kind)
    else:
        found = b.convert(v, key.kind)
    if not descending:
        return found
    width = (1 << bits) - 1
    return found ^ b.constant(-1 if bits == key.bits else width, key)


class _Sorter:
    """Writes the body of the kernel of a form."""

    def __init__(self, form: Form, body: Body) -> None:
        self.form, self.body, self.b = form, body, body.b
        rank = form.rank
        numbers = list(body.numbers)
        self.lines = Lines(self.b, numbers[:rank], numbers[rank : 2 * rank], numbers[2 * rank : 3 * rank])
        self.length, self.x_step, self.out_step, self.count, self.stride = numbers[3 * rank :]
        self.x, self.out, self.scratch = body.pointers
        self.kind, self.key = Type(form.kind), _key(form.kind)

    def write(self) -> None:
        b = self.b
        low, high = b.share(self.lines.total(), self.body.worker, self.body.workers)
        if self.form.few:
            self.best = b.array(self.key, _FEW + 1)
            self.place = b.array(I64, _FEW + 1)
        else:
            self._memory()
        with b.loop(low, high) as line:
            x, out = self.lines.offsets(line)
            if self.form.few:
                self._top(x)
                with b.loop(0, self.count) as i:
                    b.store(b.load(self.place, I64, i), self.out, out + i * self.out_step)
            else:
                self._sort(x, out)

    def _load(self, offset: Value) -> Value:
        return _keyed(self.b, self.b.load(self.x, self.kind, offset), self.form.descending)

    # ------------------------------------------------------------ whole lines

    def _memory(self) -> None:
        """Two arrays of keys and two of positions for each worker."""
        b = self.b
        start = b.at(self.scratch, self.body.worker * self.stride, Type("u8"))
        self.places = [start, b.at(start, self.length, I64)]
        keys = b.at(start, self.length * 2, I64)
        self.keys = [keys, b.at(keys, self.length, self.key)]
        self.counts = b.array(I64, 256 * _bytes(self.form.kind))

    def _sort(self, x: Value, out: Value) -> None:
        b = self.b
        with b.loop(0, self.length) as i:
            b.store(self._load(x + i * self.x_step), self.keys[0], i)
            b.store(i, self.places[0], i)
        keys, places = b.variable(self.keys[0]), b.variable(self.places[0])
        short = self.length.le(_SHORT)
        with b.when(short), b.loop(1, self.length) as i:
            self._insert(self.keys[0], self.places[0], b.load(self.keys[0], self.key, i), i, i)
        with b.when(~short):
            self._by_bytes(keys, places)
        found = places.value
        with b.loop(0, self.count) as i:
            b.store(b.load(found, I64, i), self.out, out + i * self.out_step)

    def _insert(self, keys: Value, places: Value, key: Value, place: Value, count: Value) -> None:
        """Put a key behind the last of `count` sorted ones that is not larger."""
        b = self.b
        at = b.variable(count)

        def larger() -> Value:
            here = at.value
            before = b.select(here.gt(0), here - 1, 0)
            return here.gt(0) & b.load(keys, self.key, before).gt(key)

        with b.repeat(larger):
            here = at.value
            b.store(b.load(keys, self.key, here - 1), keys, here)
            b.store(b.load(places, I64, here - 1), places, here)
            at.set(here - 1)
        b.store(key, keys, at.value)
        b.store(place, places, at.value)

    def _by_bytes(self, keys: Variable, places: Variable) -> None:
        b = self.b
        passes = _bytes(self.form.kind)
        with b.loop(0, 256 * passes) as i:
            b.store(b.constant(0, I64), self.counts, i)
        with b.loop(0, self.length) as i:
            key = b.load(self.keys[0], self.key, i)
            for number in range(passes):
                at = self._digit(key, number) + 256 * number
                b.store(b.load(self.counts, I64, at) + 1, self.counts, at)
        other_keys, other_places = b.variable(self.keys[1]), b.variable(self.places[1])
        for number in range(passes):
            counts = b.at(self.counts, b.constant(256 * number, I64), I64)
            first = self._digit(b.load(keys.value, self.key, 0), number)
            with b.when(b.load(counts, I64, first).lt(self.length)):
                self._starts(counts)
                self._distribute(
                    counts, number, keys.value, places.value, other_keys.value, other_places.value
                )
                for mine, other in ((keys, other_keys), (places, other_places)):
                    a, c = mine.value, other.value
                    mine.set(c)
                    other.set(a)

    def _digit(self, key: Value, number: int) -> Value:
        return self.b.convert((key >> (8 * number)) & 255, "i64")

    def _starts(self, counts: Value) -> None:
        """From how many of each byte there are to where the first of them goes."""
        b = self.b
        total = b.variable(b.constant(0, I64))
        with b.loop(0, 256) as i:
            here = b.load(counts, I64, i)
            b.store(total.value, counts, i)
            total.set(total.value + here)

    def _distribute(
        self, counts: Value, number: int, keys: Value, places: Value, to: Value, to_places: Value
    ) -> None:
        b = self.b
        with b.loop(0, self.length) as i:
            key = b.load(keys, self.key, i)
            digit = self._digit(key, number)
            at = b.load(counts, I64, digit)
            b.store(at + 1, counts, digit)
            b.store(key, to, at)
            b.store(b.load(places, I64, i), to_places, at)

    # ------------------------------------------------------------ the first few

    def _top(self, x: Value) -> None:
        """Read the line once and keep the best so far in order; what is not below the worst of them is passed over."""
        b = self.b
        with b.loop(0, self.count) as i:
            self._insert(self.best, self.place, self._load(x + i * self.x_step), i, i)
        last = self.count - 1
        W = target.lanes() * 4 // self.key.bytes
        whole = self.count + (self.length - self.count) / W * W
        if self.form.unit:
            with b.loop(self.count, whole, W) as i:
                keys = _keyed(
                    b, b.load(b.at(self.x, x + i, self.kind), self.kind.of(W)), self.form.descending
                )
                better = keys.lt(b.spread(b.load(self.best, self.key, last), W))
                with b.when(b.reduce("or", better)), b.loop(i, i + W) as j:
                    self._try(x, j, last)
        with b.loop(whole if self.form.unit else self.count, self.length) as j:
            self._try(x, j, last)

    def _try(self, x: Value, place: Value, last: Value) -> None:
        b = self.b
        key = self._load(x + place * self.x_step)
        with b.when(key.lt(b.load(self.best, self.key, last))):
            self._insert(self.best, self.place, key, place, last)


# ---------------------------------------------------------------- searching


@handler("searchsorted")
def _searchsorted(planner: Planner, node: Node) -> list[Call] | None:
    sequence, values = node.inputs
    kind = kind_of(values.dtype)
    if kind is None or kind_of(sequence.dtype) != kind or not node.numel:
        return None
    right = node.params[0]
    rows = math.prod(sequence.shape[:-1]) if len(sequence.shape) > 1 else 1
    length = sequence.shape[-1]
    pointers = (planner.memory(sequence), planner.memory(values), Pointer(planner.buffer(node)))
    numbers = (rows, node.numel // rows, length if len(sequence.shape) > 1 else 0, length)
    work = 50 + node.numel * (2 + math.log2(length + 1))
    made = _search_kernel("u8" if kind == "i1" else kind, kind_of(node.dtype) or "", right)
    reads = (pointers[0].buffer, pointers[1].buffer)
    return [Call(made, pointers, numbers, reads, (pointers[2].buffer,), work=work)]


@cache
def _search_kernel(kind: str, out: str, right: bool) -> Kernel:
    return kernel(f"search_{kind}", 3, 4, lambda body, module: _write_search(body, kind, out, right))


def _write_search(body: Body, kind: str, out: str, right: bool) -> None:
    b, W = body.b, target.lanes()
    sequence, values, found = body.pointers
    rows, columns, step, length = body.numbers
    type_ = Type(kind)
    before = _before(b)
    blocks = (columns + (W - 1)) / W
    low, high = b.share(rows * blocks, body.worker, body.workers)
    with b.loop(low, high) as unit:
        row, start = unit / blocks, unit % blocks * W
        mask = b.mask_below(columns - start, W)
        at = row * columns + start
        v = b.load_masked(b.at(values, at, type_), type_.of(W), mask)
        base = b.variable(b.spread(row * step, W))
        left = b.variable(length)

        def advanced(half: Value) -> Value:
            """base + half where the element before that comes before the value."""
            here = base.value
            seen = b.gather(b.at(sequence, here + b.spread(half - 1, W), type_), type_.of(W), mask)
            passed = ~before(v, seen) if right else before(seen, v)
            return b.select(passed, here + b.spread(half, W), here)

        with b.repeat(lambda: left.value.gt(1)):
            half = left.value / 2
            base.set(advanced(half))
            left.set(left.value - half)
        with b.when(left.value.eq(1)):
            base.set(advanced(b.constant(1, I64)))
        place = b.convert(base.value - b.spread(row * step, W), out)
        b.store_masked(place, b.at(found, at, Type(out)), mask)


def _before(b: Builder) -> Callable[[Value, Value], Value]:
    """Whether a comes before c; NaN comes last."""

    def compare(a: Value, c: Value) -> Value:
        if a.type.kind in HALVES:
            a, c = b.convert(a, "f32"), b.convert(c, "f32")
        less = a.lt(c)
        return less | (c.is_nan() & ~a.is_nan()) if a.type.floating else less

    return compare


__all__ = ["Form"]
