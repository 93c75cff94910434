"""Recurrent layers as loops inside a program: LSTM, GRU and plain cells, forward and backward in time.

A step is one product, of the states with the recurrent weight, and the cell's own arithmetic on its result while that is
in the first cache. The weight is packed once a run: a panel holds, for some hidden columns, all their gates side by
side. The workers share the sequences: each takes some of them through all steps, in one call, and nobody waits. Where
there are too few sequences for that they share the hidden columns instead, a call a step. The sums are the same
either way. What cells compute is in recurrent_cells.py, what the primitives mean in ops/recurrence.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...dtypes import int64
from ...graph.node import CONSTANT, Node
from ...ops.steps import Steps
from . import microkernel, shuffles
from .emit import I64, Builder, Type, Value
from .handling import handler
from .kernel import Body, Buffer, Call, Kernel, Pointer, kernel
from .kinds import kind_of
from .planner import Planner
from .recurrent_cells import CELLS, Cell, Site
from .target import lanes

# Roughly, for shares of work: float32 multiply-adds a nanosecond of one core, nanoseconds to read a number of the packed
# weight from the second cache, and nanoseconds of a step more where all workers wait for one another.
_RATE, _READ, _BARRIER = 50.0, 0.05, 1000.0


def _across(columns: int, gates: int, kind: str) -> int:
    """Vectors of hidden columns in a panel that holds so many gates of each: a tile wants two vectors at least."""
    return microkernel.panel_vectors(columns, kind) if gates == 1 else 1


def _height(vectors: int) -> int:
    """Rows of a tile of so many vectors: its sums, a row of vectors and a factor stay in registers."""
    registers = 32 if lanes() == 16 else 16
    return min(8, (registers - 1 - vectors) // vectors)


# ---------------------------------------------------------------- the packed weight


def _pack(turned: bool, gates: int, hidden: int, kind: str, weight: Pointer) -> tuple[Call, Pointer, int]:
    """(the call that packs a weight (gates * hidden, hidden), where it is then, vectors of columns in a panel).

    Forward, term k of hidden column j and gate g is weight[g * hidden + j, k]; `turned`, term k of column j is weight[k, j].
    """
    type = microkernel.vector(kind)
    across = _across(hidden, 1 if turned else gates, kind)
    terms = gates * hidden if turned else hidden
    panels = _panels(hidden, across, type)
    size = panels * terms * (1 if turned else gates) * across * type.lanes
    packed = Pointer(Buffer(size * type.bytes, "packed weight"))
    work = _packing(turned, 1 if turned else gates, across, kind)
    numbers = (hidden, terms, panels)
    call = Call(work, (weight, packed), numbers, (weight.buffer,), (packed.buffer,), work=size * 0.5)
    return call, packed, across


def _panels(hidden: int, across: int, type: Type) -> int:
    return -(-hidden // (across * type.lanes))


@cache
def _packing(turned: bool, gates: int, across: int, kind: str) -> Kernel:
    write = _write_turned if turned else _write_upright

    def emit(body: Body, module: object) -> None:
        write(body, gates, across, microkernel.vector(kind))

    return kernel(f"pack_recurrent_{kind}", 2, 3, emit)


def _write_turned(body: Body, gates: int, across: int, type: Type) -> None:
    """Rows of the weight are rows of panels."""
    b, (weight, packed), (hidden, terms, panels) = body.b, body.pointers, body.numbers
    low, high = b.share(panels * terms, body.worker, body.workers)
    with b.loop(low, high) as unit:
        panel, k = unit / terms, unit % terms
        for u in range(across):
            column = (panel * across + u) * type.lanes
            found = b.load_masked(
                b.at(weight, k * hidden + column, type), type, b.mask_below(hidden - column, type.lanes)
            )
            b.store(found, packed, (unit * across + u) * type.lanes)


def _write_upright(body: Body, gates: int, across: int, type: Type) -> None:
    """Rows of the weight are columns of panels: squares of it are transposed."""
    b, (weight, packed), (hidden, terms, panels) = body.b, body.pointers, body.numbers
    vectors, n = gates * across, type.lanes
    squares = (terms + (n - 1)) / n
    low, high = b.share(panels * vectors * squares, body.worker, body.workers)
    with b.loop(low, high) as unit:
        stripe, first = unit / squares, unit % squares * n
        panel, v = stripe / vectors, stripe % vectors
        column = (panel * across + v % across) * n
        mask = b.mask_below(terms - first, n)
        rows = []
        for r in range(n):
            there = (column + r).lt(hidden)
            row = v / across * hidden + b.select(there, column + r, 0)
            found = b.load_masked(b.at(weight, row * terms + first, type), type, mask)
            rows.append(b.select(there, found, b.constant(0, type)))
        to = b.at(packed, (panel * terms + first) * (vectors * n) + v * n, type)
        for r, value in enumerate(shuffles.transposed(b, rows)):
            with b.when((first + r).lt(terms)):
                b.store(value, to, r * vectors * n)


# ---------------------------------------------------------------- walking through time


class _Walk:
    """Emits the loops of one kernel: over steps, panels of hidden columns, tiles of rows.

    Numbers: [first, last) of the steps to do, sequences, hidden columns, how many rows apart a step's rows are, panels,
    and whether the workers share the sequences. The table gives (first row, rows) of every step in the order in
    which they are computed, between steps without rows.
    """

    COUNT = 7

    def __init__(self, body: Body, cell: Cell, kind: str, across: int) -> None:
        self.b: Builder = body.b
        self.cell, self.across = cell, across
        self.type = microkernel.vector(kind)
        self.table, self.packed, scratch, *self.pointers = body.pointers
        self.first, self.last, batch, self.hidden, self.stride, panels, by_rows = body.numbers
        b, by_rows = self.b, by_rows.ne(0)
        zero = b.i64(0)
        part, parts = (b.select(by_rows, x, y) for x, y in ((body.worker, zero), (body.workers, b.i64(1))))
        self.rows = b.share(batch, part, parts)
        part, parts = (b.select(by_rows, y, x) for x, y in ((body.worker, zero), (body.workers, b.i64(1))))
        self.panels = b.share(panels, part, parts)
        self.batch, self.scratch, self.worker = batch, scratch, body.worker

    def step(self, index: Value) -> tuple[Value, Value]:
        """(first row, rows) of a step; of the one before the first for index 0."""
        return self.b.load(self.table, I64, index * 2), self.b.load(self.table, I64, index * 2 + 1)

    def up_to(self, count: Value) -> Value:
        """Where this worker's rows end in a step of `count` rows."""
        return self.b.minimum_i64(self.rows[1], count)

    def sites(self, panel: Value) -> list[Site]:
        """The vectors of hidden columns of a panel."""
        columns = [(panel * self.across + u) * self.type.lanes for u in range(self.across)]
        masks = [self.b.mask_below(self.hidden - column, self.type.lanes) for column in columns]
        return [Site(self.b, self.type, self.hidden, *both) for both in zip(columns, masks)]

    def tiles(self, high: Value, vectors: int, emit: Callable[[int, Value], None]) -> None:
        """emit(height, first row) for tiles of about one height that cover this worker's rows below `high`."""
        b, low, most = self.b, self.rows[0], _height(vectors)
        count = high - low
        tiles = (count + (most - 1)) / most
        with b.when(count.gt(0)), b.loop(0, tiles) as i:
            start, end = (low + count * x / tiles for x in (i, i + 1))
            for height in range(1, most + 1):
                with b.when((end - start).eq(height)):
                    emit(height, start)

    def product(
        self, pointers: Sequence[Value], panel: Value, terms: Value, vectors: int
    ) -> list[list[Value]]:
        """The products of rows of `terms` numbers with a panel."""
        b, type = self.b, self.type
        start = [[b.constant(0, type)] * vectors for _ in pointers]
        weights = b.at(self.packed, panel * terms * (vectors * type.lanes), type)
        return microkernel.dot_tile(b, type, start, pointers, lambda span: span(b.i64(0), terms, weights))

    def fetch(self, memory: Any, sites: Sequence[Site], rows: Iterable[Value]) -> None:
        """Ask for what a step's cells will touch while its product is computed: no machine foresees it, since a row of
        several gates often fills a page."""
        for row in rows:
            for name, gates in memory.streams.items():
                for site in sites:
                    site.ahead(getattr(memory, name), row, gates)

    def sums(self, vectors: int, r: Value) -> Value:
        """Where this worker keeps the product of a row with a panel. Rows of results are often so far apart that they
        would displace one another in the first cache."""
        return self.b.at(
            self.scratch, (self.worker * self.batch + r) * (vectors * self.type.lanes), self.type
        )


def _forward(body: Body, cell: Cell, kind: str, across: int) -> None:
    w = _Walk(body, cell, kind, across)
    b = w.b
    memory, vectors = cell.forward(w.pointers), cell.gates * across
    with b.loop(w.first, w.last) as s:
        (before, known), (start, count) = w.step(s), w.step(s + 1)
        high = w.up_to(count)

        def row_of(r: Value) -> Value:
            return start + r * w.stride

        def begun(r: Value, states: Value, first: Value) -> Value:
            """The row of a sequence's state before this step."""
            here = r.lt(known)
            row = b.select(here, before + r * w.stride, r)
            return b.at(b.select(here, states, first), row * w.hidden, w.type)

        with b.loop(*w.panels) as panel:
            sites = w.sites(panel)

            def tile(height: int, r: Value) -> None:
                rows = [r + i for i in range(height)]
                pointers = [begun(row, memory.y, memory.h) for row in rows]
                w.fetch(memory, sites, map(row_of, rows))
                for row, sums in zip(rows, w.product(pointers, panel, w.hidden, vectors)):
                    for v, total in enumerate(sums):
                        b.store(total, w.sums(vectors, row), v * w.type.lanes)

            w.tiles(high, vectors, tile)
            with b.loop(w.rows[0], high) as r:
                for u, site in enumerate(sites):
                    places = [(g * across + u) * w.type.lanes for g in range(cell.gates)]
                    sums = [b.load(w.sums(vectors, r), w.type, place) for place in places]
                    memory.finish(site, sums, row_of(r), r, begun)


def _backward(body: Body, cell: Cell, kind: str, across: int) -> None:
    """A step takes the gradient of the gates of the step done before to the states, then the states' to the gates."""
    w = _Walk(body, cell, kind, across)
    b = w.b
    memory = cell.backward(w.pointers)
    terms = w.hidden * cell.gates
    with b.loop(w.first, w.last) as s:
        (before, known), (start, count), (after, begin) = (w.step(s + i) for i in range(3))

        def begun(r: Value, states: Value, first: Value) -> Value:
            here = r.lt(begin)
            row = b.select(here, after + r * w.stride, r)
            return b.at(b.select(here, states, first), row * w.hidden, w.type)

        with b.loop(*w.panels) as panel:
            sites = w.sites(panel)

            def tile(height: int, r: Value) -> None:
                rows = [r + i for i in range(height)]
                w.fetch(memory, sites, [start + row * w.stride for row in rows])
                pointers = [b.at(memory.d, (before + row * w.stride) * terms, w.type) for row in rows]
                for row, sums in zip(rows, w.product(pointers, panel, terms, across)):
                    memory.keep(sites, row, sums)

            w.tiles(w.up_to(known), across, tile)
            with b.loop(w.rows[0], w.up_to(count)) as r:
                for site in sites:
                    memory.finish(site, start + r * w.stride, r, r.lt(known), begun)


@cache
def _kernel(name: str, backward: bool, kind: str, across: int) -> Kernel:
    cell = CELLS[name]
    write = _backward if backward else _forward
    pointers = 3 + (cell.backward if backward else cell.forward).pointers

    def emit(body: Body, module: object) -> None:
        write(body, cell, kind, across)

    return kernel(f"{name}_{'backward' if backward else 'forward'}_{kind}", pointers, _Walk.COUNT, emit)


# ---------------------------------------------------------------- calls


def _table(planner: Planner, steps: Steps) -> Pointer:
    """(first row, rows) of every step in the order in which they are computed, between two of no rows."""
    rows = np.array([(0, 0), *steps.places(), (0, 0), (0, 0)], np.int64)
    node = Node(CONSTANT, (), (), rows.shape, int64)
    node.buffer = rows
    return Pointer(planner.buffer(node))


def _by_rows(batch: int, size: int, most: int, workers: int) -> bool:
    """Whether to share sequences, rather than hidden columns of a weight of so many numbers among `most` workers."""

    def step(rows: int) -> float:
        return max(rows / _RATE, _READ) * size

    return step(-(-batch // workers)) <= step(batch) / most + _BARRIER


def _calls(
    planner: Planner, node: Node, name: str, steps: Steps, weight: Node, inputs: Sequence[Node]
) -> list[Call] | None:
    """The calls of a recurrence or, where `weight` is not `inputs`' business, of its gradient."""
    cell, kind = CELLS[name], kind_of(weight.dtype)
    backward = node.prim.name.endswith("_gradient")
    if kind not in ("f32", "f64") or not steps.total or not weight.numel:
        return None
    hidden, workers = weight.shape[1], planner.workers
    results = planner.several(node) if isinstance(node.dtype, tuple) else [planner.buffer(node)]
    pack, packed, across = _pack(backward, cell.gates, hidden, kind, planner.memory(weight))
    type = microkernel.vector(kind)
    panels = _panels(hidden, across, type)
    scratch = Buffer(0 if backward else workers * steps.batch * cell.gates * across * type.lanes * type.bytes)
    pointers = (
        _table(planner, steps.turned if backward else steps), packed, Pointer(scratch),
        *map(planner.memory, inputs), *map(Pointer, results),
    )  # fmt: skip
    written = (*results, scratch)
    read = tuple(dict.fromkeys(p.buffer for p in pointers if p.buffer not in written))
    by_rows = _by_rows(steps.batch, weight.numel * type.bytes // 4, min(workers, panels), workers)
    count = steps.length + backward
    spans = [(0, count)] if by_rows else [(t, t + 1) for t in range(count)]
    work = steps.total * weight.numel / (_RATE if kind == "f32" else _RATE / 2) / len(spans)
    made = [pack]
    for first, last in spans:
        numbers = (first, last, steps.batch, hidden, steps.stride, panels, int(by_rows))
        made.append(Call(_kernel(name, backward, kind, across), pointers, numbers, read, written, work=work))
    return made


@handler("lstm", "gru")
def _gated(planner: Planner, node: Node) -> list[Call] | None:
    *inputs, weight = node.inputs
    return _calls(planner, node, node.prim.name, node.params[0], weight, inputs)


@handler("lstm_gradient", "gru_gradient")
def _gated_gradient(planner: Planner, node: Node) -> list[Call] | None:
    *inputs, weight = node.inputs
    return _calls(planner, node, node.prim.name.removesuffix("_gradient"), node.params[0], weight, inputs)


@handler("rnn", "rnn_gradient")
def _plain(planner: Planner, node: Node) -> list[Call] | None:
    *inputs, weight = node.inputs
    squash, steps = node.params
    return _calls(planner, node, squash, steps, weight, inputs)
