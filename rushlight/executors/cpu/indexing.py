"""Writing at positions that are data: `put` and `scatter`, in place in memory that already holds the base.

One kernel does both. It goes over `outer` dimensions, then over those of the positions, then over `inner` ones; a position may
be the same for all inner elements (put: whole rows) or not (scatter). Each worker owns a piece of the result (some outer
iterations, a run of the innermost dimension, a range of positions) and walks over all that may fall into it: so
results do not depend on the number of workers, of equal positions the last one wins, and nothing is locked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from ...graph.node import Node
from ...ops.indexing import taken_shape
from . import target
from .assembly import number_behind
from .copying import base_calls
from .emit import I64, Type, Value
from .handling import handler
from .index import row_major
from .kernel import Body, Buffer, Call, Kernel, Pointer, kernel
from .kinds import kind_of
from .planner import ERROR, Planner, View
from .strides import merged

_COMBINE = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}
_COMBINE_BOOLEAN = {"sum": "or", "prod": "and", "amax": "or", "amin": "and"}

# A worker's run of the innermost dimension is at least this many bytes: two must not write one line of the cache.
_LINE = 64


class Form(NamedTuple):
    """What the kernel's text depends on."""

    kind: str
    mode: str  # "set", or how values are combined
    outer: int
    along: int
    inner: int
    indices: tuple[str, ...]  # kinds
    shared: bool  # one position for all inner elements
    step: int  # of the innermost dimension in the values: 0, 1, or 2 for any
    wraps: bool
    filled: bool  # the kernel writes the base itself, a number


class Work(NamedTuple):
    """Sizes of the loops and strides in elements: of the values, of each index, of the result."""

    sizes: tuple[int, ...]
    source: tuple[int, ...]
    indices: tuple[tuple[int, ...], ...]
    out: tuple[int, ...]  # 0 along the dimensions of the positions
    bounds: tuple[int, ...]
    steps: tuple[int, ...]  # of the result, from one position to the next
    groups: tuple[int, int, int]  # how many dimensions are outer, along and inner


@handler("put", strided=True)
def _put(planner: Planner, node: Node) -> list[Call] | None:
    if not number_of_parts(planner, node):
        return None
    x, value, *indices = node.inputs
    dims, accumulate = node.params
    shape, place = taken_shape(x.shape, dims, tuple([i.shape for i in indices]))
    rank = len(shape) - (len(x.shape) - len(dims))
    strides = row_major(x.shape)
    rest = [d for d in range(len(x.shape)) if d not in dims]
    # Values stand as (rest before, positions, rest after); the loops go over positions first.
    order = [*range(place, place + rank), *range(place), *range(place + rank, len(shape))]
    source = _read(planner, value, shape)
    reads = [_read(planner, i, shape[place : place + rank]) for i in indices]
    work = Work(
        tuple([shape[d] for d in order]),
        tuple([source.strides[d] for d in order]),
        tuple([(*r.strides, *([0] * len(rest))) for r in reads]),
        (*([0] * rank), *[strides[d] for d in rest]),
        tuple([x.shape[d] for d in dims]),
        tuple([strides[d] for d in dims]),
        (0, rank, len(rest)),
    )
    lead = dims == tuple(range(len(dims)))
    return _calls(planner, node, "sum" if accumulate else "set", work, source, reads, True, lead)


@handler("scatter", strided=True)
def _scatter(planner: Planner, node: Node) -> list[Call] | None:
    if not number_of_parts(planner, node):
        return None
    x, index, src = node.inputs
    dim, mode = node.params
    source, read = _read(planner, src, src.shape), _read(planner, index, index.shape)
    strides = row_major(x.shape)
    rank = len(x.shape)
    if not rank:
        work = Work((1,), (0,), ((0,),), (0,), (1,), (1,), (0, 1, 0))
        return _calls(planner, node, mode, work, source, [read], False, True)
    out = tuple([0 if d == dim else s for d, s in enumerate(strides)])
    work = Work(
        index.shape,
        source.strides,
        (read.strides,),
        out,
        (x.shape[dim],),
        (strides[dim],),
        (dim, 1, rank - dim - 1),
    )
    whole = all(n == m for d, (n, m) in enumerate(zip(index.shape, x.shape)) if d != dim)
    return _calls(planner, node, mode, work, source, [read], False, whole)


def number_of_parts(planner: Planner, node: Node) -> int:
    """How many loops fill the node's memory first; none for what is left to NumPy."""
    return len(planner.fusion.unit_of[node].parts)


def _read(planner: Planner, node: Node, shape: Sequence[int]) -> View:
    """How to read an operand as if it had been expanded to `shape`."""
    found = number_behind(node)
    if found is not None:
        return View(found, 0, (0,) * len(shape))
    view = planner.read(node)
    lead = len(shape) - len(node.shape)
    strides = [0 if n == 1 else s for n, s in zip(node.shape, view.strides)]
    return View(view.base, view.offset, (0,) * lead + tuple(strides))


def _calls(
    planner: Planner,
    node: Node,
    mode: str,
    work: Work,
    source: View,
    reads: list[View],
    shared: bool,
    lead: bool,
) -> list[Call]:
    """The base, unless the kernel writes it, and the call of the kernel."""
    kind = kind_of(node.dtype) or ""
    count = math.prod(work.sizes)
    if not count:
        return base_calls(planner, node)
    work = _merged(work)
    outer, along, inner = work.groups
    number = number_behind(node.inputs[0])
    whole = lead and outer <= 1 and inner <= 1 and len(work.bounds) == 1 and (not inner or work.out[-1] == 1)
    filled = number is not None and whole
    step = 2
    if inner and work.out[-1] == 1 and work.source[-1] in (0, 1):
        step = work.source[-1]
    indices = tuple([kind_of(r.base.dtype) or "" for r in reads])
    form = Form(kind, mode, outer, along, inner, indices, shared, step, node.prim.name == "put", filled)
    size = node.dtype.itemsize
    calls = [] if filled else base_calls(planner, node)
    out = planner.buffer(node)
    buffers = [planner.buffer(source.base), *[planner.buffer(r.base) for r in reads]]
    pointers = [Pointer(buffers[0], source.offset * size)]
    for buffer, read in zip(buffers[1:], reads):
        pointers.append(Pointer(buffer, read.offset * read.base.dtype.itemsize))
    numbers = [*work.sizes, *work.source]
    for strides in work.indices:
        numbers += strides
    numbers += [*work.out, *work.bounds, *work.steps, planner.places.get(node, 0)]
    read_buffers: tuple[Buffer, ...] = tuple(buffers)
    if filled:
        assert number is not None
        pointers.append(Pointer(planner.buffer(number)))
        read_buffers = (*read_buffers, planner.buffer(number))
    estimate = 50 + count * (1.5 if not shared else 0.3) + (node.numel * size / 32 if filled else 0)
    call = Call(
        _kernel(form),
        (Pointer(ERROR), Pointer(out), *pointers),
        tuple(numbers),
        read_buffers,
        (out,),
        work=estimate,
    )
    return [*calls, call]


def _merged(work: Work) -> Work:
    """With as few dimensions in each group as can be."""
    sizes: list[int] = []
    tables: list[list[int]] = [[] for _ in range(2 + len(work.indices))]
    groups = []
    at = 0
    for count in work.groups:
        cut = slice(at, at + count)
        found, strides = merged(work.sizes[cut], [t[cut] for t in (work.source, *work.indices, work.out)])
        sizes += found
        for table, more in zip(tables, strides):
            table += more
        groups.append(len(found))
        at += count
    source, *indices, out = map(tuple, tables)
    return work._replace(
        sizes=tuple(sizes),
        source=source,
        indices=tuple(indices),
        out=out,
        groups=(groups[0], groups[1], groups[2]),
    )


# ---------------------------------------------------------------- the kernel


@cache
def _kernel(form: Form) -> Kernel:
    dims = form.outer + form.along + form.inner
    count = len(form.indices)
    numbers = dims * (3 + count) + 2 * count + 1
    return kernel(
        f"write_{form.mode}_{form.kind}",
        3 + count + form.filled,
        numbers,
        lambda body, module: _Writer(form, body).write(),
    )


class _Writer:
    """Writes the body of the kernel of a form."""

    def __init__(self, form: Form, body: Body) -> None:
        self.form, self.body, self.b = form, body, body.b
        dims = form.outer + form.along + form.inner
        count = len(form.indices)
        rest = list(body.numbers)

        def taken(n: int) -> list[Value]:
            found = rest[:n]
            del rest[:n]
            return found

        self.sizes, self.source = taken(dims), taken(dims)
        self.strides = [taken(dims) for _ in range(count)]
        self.out, self.bounds, self.steps = taken(dims), taken(count), taken(count)
        (self.place,) = taken(1)
        self.errors, self.target, self.values, *pointers = body.pointers
        self.number = pointers.pop() if form.filled else None
        self.indices = pointers
        self.type = Type(form.kind)

    def write(self) -> None:
        b, form = self.b, self.form
        self._own()
        if form.filled:
            self._fill()
        with (
            self._loops(0, form.outer, self.mine_outer) as outer,
            self._loops(form.outer, form.along, None) as along,
        ):
            counters = {**outer, **along}
            first = form.outer + form.along
            with self._loops(first, form.inner - 1, None) as middle:
                counters.update(middle)
                if form.shared and form.inner:
                    place, mine = self._position(counters)
                    with b.when(mine):
                        self._run(counters, place)
                elif form.inner:
                    with b.loop(*self.mine_inner) as i:
                        self._one({**counters, first + form.inner - 1: i})
                else:
                    self._one(counters)

    # ------------------------------------------------------------ who does what

    def _own(self) -> None:
        """The worker's outer iterations, its run of the innermost dimension, and its range of positions."""
        b, form = self.b, self.form
        worker, workers = self.body.worker, self.body.workers
        zero, one = b.constant(0, I64), b.constant(1, I64)
        self.mine_outer: tuple[Value, Value] | None = None
        if form.outer:
            parts = b.minimum_i64(workers, self.sizes[0])
            self.mine_outer = b.share(self.sizes[0], worker % parts, parts)
            worker, workers = worker / parts, workers / parts
        self.mine_inner: tuple[Value, Value] = (zero, one)
        if form.inner:
            unit = max(1, _LINE // self.type.bytes)
            size = self.sizes[-1]
            parts = b.minimum_i64(workers, (size + (unit - 1)) / unit)
            self.mine_inner = b.share(size, worker % parts, parts, unit)
            worker, workers = worker / parts, workers / parts
        total = one
        for bound in self.bounds:
            total = total * bound
        if not form.outer and not form.inner:
            # Scattered single elements: skipping those of others takes as long as writing them.
            workers = one
        # Workers that are left over when the others make a grid own nothing.
        low, high = b.share(total, worker, workers)
        inside = worker.lt(workers)
        self.low, self.high = low, b.select(inside, high, low)

    def _fill(self) -> None:
        """The base, where the worker owns it: one outer dimension, positions, one inner dimension."""
        b, form = self.b, self.form
        assert self.number is not None
        lanes = max(2, target.lanes() * 4 // max(4, self.type.bytes))
        number = b.spread(b.load(self.number, self.type), lanes)
        low, high = self.mine_inner
        step = self.steps[0]
        # Whole rows lie one after the other.
        whole = (high - low).ge(step)
        rows = b.select(whole, b.constant(1, I64), self.high - self.low)
        run = b.select(whole, (self.high - self.low) * step, high - low)
        outer = self.mine_outer or (b.constant(0, I64), b.constant(1, I64))
        stride = self.out[0] if form.outer else b.constant(0, I64)
        with b.when(self.low.lt(self.high)), b.loop(*outer) as o, b.loop(0, rows) as r:
            start = b.at(self.target, o * stride + (self.low + r) * step + low, self.type)
            with self._vectors(b.constant(0, I64), run, lanes) as (i, mask):
                self._stored(number, b.at(start, i, self.type), mask)

    # ------------------------------------------------------------ loops

    @contextmanager
    def _loops(self, first: int, count: int, cut: tuple[Value, Value] | None) -> Any:
        """Loops over `count` dimensions from `first`; gives {dimension: counter}."""
        if count <= 0:
            yield {}
            return
        low, high = cut if cut is not None else (self.b.constant(0, I64), self.sizes[first])
        with self.b.loop(low, high) as i, self._loops(first + 1, count - 1, None) as rest:
            yield {first: i, **rest}

    @contextmanager
    def _vectors(self, low: Value, high: Value, lanes: int) -> Any:
        """Runs the block for every vector of [low, high), the last one masked."""
        b = self.b
        with b.loop(low, high, lanes) as i:
            yield i, b.mask_below(high - i, lanes)

    def _stored(self, value: Value, place: Value, mask: Value) -> None:
        self.b.store_masked(value, place, mask)

    # ------------------------------------------------------------ positions

    def _offset(self, strides: list[Value], counters: dict[int, Value]) -> Value:
        total = self.b.constant(0, I64)
        for d, counter in counters.items():
            total = total + counter * strides[d]
        return total

    def _position(self, counters: dict[int, Value]) -> tuple[Value, Value]:
        """(the offset of the position in the result, whether this worker owns it); errors are noted."""
        b, form = self.b, self.form
        offset = linear = b.constant(0, I64)
        good: Value | None = None
        for kind, pointer, strides, bound, step in zip(
            form.indices, self.indices, self.strides, self.bounds, self.steps
        ):
            index = b.convert(b.load(pointer, Type(kind), self._offset(strides, counters)), "i64")
            if form.wraps:
                index = b.select(index.lt(0), index + bound, index)
            fits = index.ge(0) & index.lt(bound)
            good = fits if good is None else good & fits
            offset = offset + index * step
            linear = linear * bound + index
        assert good is not None
        with b.when(~good):
            b.store(self.place + 1, self.errors, 0)
        return offset, good & linear.ge(self.low) & linear.lt(self.high)

    # ------------------------------------------------------------ writing

    def _combined(self, old: Callable[[], Value], value: Value) -> Value:
        if self.form.mode == "set":
            return value
        names = _COMBINE_BOOLEAN if self.form.kind == "i1" else _COMBINE
        return self.b.combine(names[self.form.mode], old(), value)

    def _one(self, counters: dict[int, Value]) -> None:
        b = self.b
        offset, mine = self._position(counters)
        with b.when(mine):
            place = b.at(self.target, offset + self._offset(self.out, counters), self.type)
            value = b.load(self.values, self.type, self._offset(self.source, counters))
            b.store(self._combined(lambda: b.load(place, self.type), value), place)

    def _run(self, counters: dict[int, Value], offset: Value) -> None:
        """The worker's run of the innermost dimension, at one position."""
        b, form = self.b, self.form
        into = b.at(self.target, offset + self._offset(self.out, counters), self.type)
        given = b.at(self.values, self._offset(self.source, counters), self.type)
        low, high = self.mine_inner
        if form.step == 2:
            with b.loop(low, high) as i:
                place = b.at(into, i * self.out[-1], self.type)
                value = b.load(given, self.type, i * self.source[-1])
                b.store(self._combined(lambda: b.load(place, self.type), value), place)
            return
        lanes = max(2, target.lanes() * 4 // max(4, self.type.bytes))
        wide = self.type.of(lanes)
        with self._vectors(low, high, lanes) as (i, mask):
            place = b.at(into, i, self.type)
            if form.step:
                value = b.load_masked(b.at(given, i, self.type), wide, mask)
            else:
                value = b.spread(b.load(given, self.type), lanes)
            self._stored(self._combined(lambda: b.load_masked(place, wide, mask), value), place, mask)


__all__ = ["Form", "Work"]
