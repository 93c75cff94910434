"""Attention without its score matrix: softmax(q k^T scale) v and its gradient, block by block (Dao et al. 2022).

A block of queries stands transposed, one query a lane, so that a query's maximum, exponentials and sum are taken
vertically; numbers of keys and values are spread over all lanes, from wherever they lie. Scores exist for one block of
queries and one of keys, as (key, query) in a worker's scratch memory; blocks that the causal mask hides are skipped. The
gradient computes the weights anew from logsumexp. What the two primitives mean stands in ops/attention.py.

Widths of rows are constants of a kernel; how many heads, queries and keys, strides, scale and mask are its arguments.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from .emit import F64, I32, Builder, Type, Value, Variable
from .kernel import Body, Buffer, Call, Kernel, Pointer, kernel
from .mathematics import horner, log
from .target import lanes

# Queries, and keys, of a block.
BLOCK = 64
# Vectors that a product accumulates at once: as many as keep two multipliers busy whose results take four cycles.
SUMS = 8
# How far beyond its own number a query sees keys where there is no mask.
_UNMASKED = 1 << 40


class Layout(NamedTuple):
    """How far apart, in elements, the batches, heads and rows of an operand are; the numbers of a row are adjacent."""

    batch: int
    head: int
    row: int


class Shape(NamedTuple):
    """q (batch, heads, queries, width), k (.., keys, width), v (.., keys, value_width). `kind` is "f32" or "f64"."""

    batch: int
    heads: int
    queries: int
    keys: int
    width: int
    value_width: int
    causal: bool
    scale: float
    kind: str = "f32"

    @property
    def sound(self) -> bool:
        """Whether nothing is empty."""
        return min(self.batch, self.heads, self.queries, self.keys, self.width, self.value_width) > 0

    @property
    def all_heads(self) -> int:
        return self.batch * self.heads

    def work(self, widths: int) -> float:
        """Nanoseconds of one core for products with so many numbers a score."""
        scores = self.all_heads * self.queries * self.keys * (0.6 if self.causal else 1.0)
        return scores * (widths * (2 if self.kind == "f32" else 4) / 90 + 0.4)


class Tiles(NamedTuple):
    """What a kernel is made for: vectors of `lanes` numbers of `kind`, and rows of these widths."""

    kind: str
    lanes: int
    width: int
    value_width: int

    @property
    def scalar(self) -> Type:
        return Type(self.kind)

    @property
    def vector(self) -> Type:
        return Type(self.kind, self.lanes)

    def rows(self, vectors: int) -> int:
        """How many rows of `vectors` to accumulate at once: a power of two, so that it divides a vector's lanes."""
        return min(1 << ((SUMS // vectors).bit_length() - 1), self.lanes)

    def rounded(self, width: int) -> int:
        """A width in whole vectors."""
        return -(-width // self.lanes) * self.lanes

    def tail(self, width: int, column: int) -> int:
        """How many lanes of the vector at `column` a row of `width` has; 0 for all."""
        return width % self.lanes if column + self.lanes > width else 0


def _tiles(shape: Shape) -> Tiles:
    each = lanes() if shape.kind == "f32" else lanes() // 2
    return Tiles(shape.kind, each, shape.width, shape.value_width)


# ---------------------------------------------------------------- pieces of kernels


class Rows(NamedTuple):
    """Rows of an operand: where the first starts, and how far apart they are."""

    start: Value
    step: Value


class Block(NamedTuple):
    """A block of queries and a block of keys that meet: how many of each there are.

    Query i of the block sees key j of the block unless i < ahead + j.
    """

    queries: Value
    keys: Value
    ahead: Value


# Vectors being summed up: [row][vector].
Sums = list[list[Variable]]


class Writer:
    """Emits what the kernels have in common."""

    def __init__(self, b: Builder, tiles: Tiles) -> None:
        self.b, self.tiles = b, tiles
        self.scalar, self.vector, self.lanes = tiles.scalar, tiles.vector, tiles.lanes

    # ------------------------------------------------------------ memory

    def at(self, pointer: Value, index: Value | int) -> Value:
        return self.b.at(pointer, index, self.scalar)

    def load(self, pointer: Value, index: Value | int = 0, tail: int = 0) -> Value:
        """One vector; if `tail` is not 0, only so many lanes of it are memory's."""
        pointer = self.at(pointer, index)
        if not tail:
            return self.b.load(pointer, self.vector)
        return self.b.load_masked(pointer, self.vector, self.b.mask_below(tail, self.lanes))

    def store(self, value: Value, pointer: Value, index: Value | int = 0, tail: int = 0) -> None:
        pointer = self.at(pointer, index)
        if tail:
            self.b.store_masked(value, pointer, self.b.mask_below(tail, self.lanes))
        else:
            self.b.store(value, pointer)

    def operands(self, pointers: Sequence[Value], strides: Sequence[Value], place: tuple) -> list[Rows]:
        """The rows of one head of each operand; `strides` are three numbers an operand."""
        batch, head = place
        found = []
        for i, pointer in enumerate(pointers):
            by_batch, by_head, by_row = strides[3 * i : 3 * i + 3]
            found.append(Rows(self.at(pointer, batch * by_batch + head * by_head), by_row))
        return found

    def rows_from(self, rows: Rows, first: Value) -> Rows:
        return Rows(self.at(rows.start, first * rows.step), rows.step)

    def each_row(self, rows: Rows, first: Value, count: int, limit: Value) -> list[Value]:
        """Pointers to `count` rows from `first` on; from `limit` on to the last one there is."""
        places = [self.b.minimum_i64(first + r, limit - 1) for r in range(count)]
        return [self.at(rows.start, place * rows.step) for place in places]

    def fill(self, pointer: Value, count: Value | int, number: float) -> None:
        """`count` numbers, a multiple of the lanes."""
        with self.b.loop(0, count, self.lanes) as i:
            self.store(self.b.constant(number, self.vector), pointer, i)

    # ------------------------------------------------------------ control

    @contextmanager
    def turns(self, units: Value, worker: Value, workers: Value) -> Iterator[Value]:
        """The units of this worker: dealt there and back, since under a causal mask later blocks are dearer."""
        b = self.b
        with b.loop(0, (units + workers - 1) // workers) as turn:
            unit = turn * workers + b.select((turn & 1).eq(1), workers - 1 - worker, worker)
            with b.when(unit.lt(units)):
                yield unit

    def both(self, alike: bool, first: tuple, second: tuple) -> Iterator[tuple]:
        """Two tuples of values in turn; by one piece of code where it can be the same."""
        if not alike:
            yield first
            yield second
            return
        with self.b.loop(0, 2) as turn:
            yield tuple(self.b.select(turn.eq(0), a, c) for a, c in zip(first, second))

    def at_least_0(self, x: Value) -> Value:
        return self.b.select(x.gt(0), x, 0)

    # ------------------------------------------------------------ transposing

    def pack(self, rows: Rows, count: Value, width: int, target: Value, scale: Value) -> None:
        """`count` rows, times scale, as (width, BLOCK). Lanes beyond them repeat the last row."""
        n = self.lanes
        with self.b.loop(0, count, n) as row:
            sources = self.each_row(rows, row, n, count)
            to = self.at(target, row)
            whole = width // n * n
            if whole:
                with self.b.loop(0, whole, n) as column:
                    self._pack_square(sources, column, n, to, scale)
            if width % n:
                self._pack_square(sources, self.b.i64(whole), width % n, to, scale)

    def _pack_square(
        self, sources: list[Value], column: Value, columns: int, to: Value, scale: Value
    ) -> None:
        loaded = [self.load(s, column, columns % self.lanes) for s in sources]
        for x, made in enumerate(self._transposed(loaded)[:columns]):
            self.store(made * scale, to, (column + x) * BLOCK)

    def _transposed(self, rows: list[Value]) -> list[Value]:
        """As many vectors as each has lanes: between pairs of them, at growing distances, parts are exchanged."""
        n, step = len(rows), 1
        while step < n:
            made = list(rows)
            for i in range(n):
                if not i & step:
                    a, c = rows[i], rows[i + step]
                    made[i] = self.b.shuffle(a, c, [n + x - step if x & step else x for x in range(n)])
                    made[i + step] = self.b.shuffle(a, c, [n + x if x & step else x + step for x in range(n)])
            rows, step = made, step * 2
        return rows

    # ------------------------------------------------------------ products

    def zeros(self, rows: int, vectors: int) -> Sums:
        zero = self.b.constant(0, self.vector)
        return [[self.b.variable(zero) for _ in range(vectors)] for _ in range(rows)]

    def accumulate(
        self,
        sums: Sums,
        factors: Sequence[Value],
        step: int,
        vectors: Rows,
        low: Value | int,
        high: Value | int,
        tail: int = 0,
    ) -> None:
        """sums[r][n] += factors[r][t * step] * vector n of row t, for t of [low, high)."""
        b, last = self.b, len(sums[0]) - 1
        with b.loop(low, high) as t:
            row = self.at(vectors.start, t * vectors.step)
            loaded = [self.load(row, n * self.lanes, tail if n == last else 0) for n in range(last + 1)]
            for total, pointer in zip(sums, factors):
                factor = b.spread(b.load(pointer, self.scalar, t * step), self.lanes)
                for variable, vector in zip(total, loaded):
                    variable.set(b.fma(factor, vector, variable.value))

    def spans(self, width: int) -> Iterator[tuple[int, int, int]]:
        """A row cut into spans of at most four vectors: (first column, vectors, lanes of the last or 0 for all)."""
        total = self.tiles.rounded(width) // self.lanes
        for first in range(0, total, 4):
            vectors = min(4, total - first)
            yield first * self.lanes, vectors, self.tiles.tail(width, (first + vectors - 1) * self.lanes)

    @contextmanager
    def each_tile(
        self, block: Block, operands: Sequence[Rows]
    ) -> Iterator[tuple[Value, Value, list[list[Value]]]]:
        """Tiles of scores, so many keys by a vector of queries: (first key, first query, these rows of the operands)."""
        b, count = self.b, self.tiles.rows(1)
        with b.loop(0, block.keys, count) as key:
            rows = [self.each_row(x, key, count, block.keys) for x in operands]
            first = self.at_least_0(block.ahead + key) // self.lanes * self.lanes
            with b.loop(first, block.queries, self.lanes) as query:
                yield key, query, rows

    def tile(self, rows: Sequence[Value], packed: Value, query: Value, width: int) -> list[Variable]:
        """The products of rows with a vector of packed rows, a vector each."""
        sums = self.zeros(len(rows), 1)
        self.accumulate(sums, rows, 1, Rows(self.at(packed, query), self.b.i64(BLOCK)), 0, width)
        return [row[0] for row in sums]

    def hide(self, block: Block, key: Value, query: Value, scores: Sequence[Variable]) -> None:
        """-inf in place of the scores of queries that come before their key."""
        b = self.b
        ahead = block.ahead + key - query
        with b.when((ahead + (len(scores) - 1)).gt(0)):
            places = b.lane_numbers(I32.of(self.lanes))
            for r, score in enumerate(scores):
                seen = places.ge(b.convert(ahead + r, "i32"))
                score.set(b.select(seen, score.value, -math.inf))

    def weighted_rows(
        self, block: Block, weights: Value, values: Rows, width: int, sums: Value, decay: Value | None
    ) -> None:
        """sums[i] = sums[i] * decay[i] + sum_j weights[j, i] * values[j], for queries i and keys j of the block."""
        b, stride = self.b, self.tiles.rounded(width)
        for column, vectors, tail in self.spans(width):
            rows = self.tiles.rows(vectors)
            with b.loop(0, block.queries, rows) as query:
                places = [self.at(sums, (query + r) * stride + column) for r in range(rows)]
                total = self.zeros(rows, vectors)
                for r, place in enumerate(places):
                    factor = None if decay is None else b.load(decay, self.scalar, query + r)
                    for n in range(vectors):
                        before = self.load(place, n * self.lanes)
                        total[r][n].set(before if factor is None else before * factor)
                seen = b.minimum_i64(block.keys, query + rows - block.ahead)
                factors = [self.at(weights, query + r) for r in range(rows)]
                part = Rows(self.at(values.start, column), values.step)
                self.accumulate(total, factors, BLOCK, part, 0, seen, tail)
                for r, place in enumerate(places):
                    for n in range(vectors):
                        self.store(total[r][n].value, place, n * self.lanes)

    def weighted_columns(self, block: Block, weights: Value, values: Rows, width: int, to: Rows) -> None:
        """to[j] += sum_i weights[j, i] * values[i], for queries i and keys j of the block."""
        b = self.b
        for column, vectors, tail in self.spans(width):
            rows = self.tiles.rows(vectors)
            with b.loop(0, block.keys, rows) as key:
                total = self.zeros(rows, vectors)
                factors = [self.at(weights, (key + r) * BLOCK) for r in range(rows)]
                part = Rows(self.at(values.start, column), values.step)
                first = self.at_least_0(block.ahead + key)
                self.accumulate(total, factors, 1, part, first, block.queries, tail)
                for r, place in enumerate(self.each_row(to, key, rows, block.keys)):
                    with b.when((key + r).lt(block.keys)):
                        for n in range(vectors):
                            at, lanes_of = column + n * self.lanes, tail if n == vectors - 1 else 0
                            found = self.load(place, at, lanes_of) + total[r][n].value
                            self.store(found, place, at, lanes_of)

    def write_rows(self, sums: Value, width: int, count: Value, to: Rows, factors: Value | None) -> None:
        """Rows of `sums`, times their factors, to where they belong."""
        b, stride = self.b, self.tiles.rounded(width)
        with b.loop(0, count) as row:
            factor = None if factors is None else b.load(factors, self.scalar, row)
            place = self.at(to.start, row * to.step)
            for column in range(0, width, self.lanes):
                found = self.load(sums, row * stride + column)
                found = found if factor is None else found * factor
                self.store(found, place, column, self.tiles.tail(width, column))


# exp(r) for |r| <= log(2) / 2, to within 2e-9 and 4e-18 of its value: minimax polynomials.
_EXP = {
    "f32": (1.0, 1.0, 0.49999991059303284, 0.16666419804096222, 0.04166822507977486, 0.008374815806746483,
            0.0013836845755577087),
    "f64": (1.0, 1.0, 0.5000000000000018, 0.1666666666666617, 0.04166666666649277, 0.00833333333355927,
            0.0013888888951223987, 0.00019841269432679237, 2.4801486521427463e-05, 2.7557622530872255e-06,
            2.7632293279459877e-07, 2.4994304884817207e-08),
}  # fmt: skip


def _weight(b: Builder, x: Value) -> Value:
    """exp(x), made for what is at most 1: 0 below the normal numbers, and inf a little before the largest."""
    double = x.type.kind == "f64"
    low, high, bits, bias = (-709.0, 710.0, 52, 1023) if double else (-88.0, 89.0, 23, 127)
    # In this order both let NaN pass.
    x = b.maximum(b.constant(low, x.type), x)
    x = b.minimum(b.constant(high, x.type), x)
    # With so large a number added, x / log(2) is rounded, and its lowest bits are the exponent of that power of two.
    large = 1.5 * 2.0**bits + bias
    shifted = b.fma(x, 1 / math.log(2.0), large)
    n = shifted - large
    head, rest = (0.6931471803691238, 1.9082149292705877e-10) if double else (0.693359375, -2.12194440e-4)
    r = b.fma(n, -rest, b.fma(n, -head, x))
    power = b.bitcast(b.bitcast(shifted, x.type.as_int()) << bits, x.type)
    return horner(b, r, _EXP[x.type.kind]) * power


# ---------------------------------------------------------------- scratch memory


def _forward_arrays(tiles: Tiles) -> tuple[int, ...]:
    """Numbers in: transposed queries, scores, sums of values, and four for each query."""
    return (tiles.width * BLOCK, BLOCK * BLOCK, BLOCK * tiles.rounded(tiles.value_width), *(BLOCK,) * 4)


def _gradient_arrays(tiles: Tiles) -> tuple[int, ...]:
    """Numbers in: transposed queries, transposed g, weights, slopes, sums for dq, and two for each query."""
    packed = (tiles.width * BLOCK, tiles.value_width * BLOCK)
    return (*packed, BLOCK * BLOCK, BLOCK * BLOCK, BLOCK * tiles.rounded(tiles.width), BLOCK, BLOCK)


def _scratch_size(arrays: Sequence[int]) -> int:
    """Numbers of a worker's share, each array of which is a multiple of 64. Not a power of two apart."""
    return sum(-(-n // 64) * 64 for n in arrays) + 64


def _scratch(tiles: Tiles, arrays: Sequence[int], workers: int) -> Pointer:
    return Pointer(Buffer(workers * _scratch_size(arrays) * tiles.scalar.bytes, "attention"))


def _cut(w: Writer, memory: Value, worker: Value, arrays: Sequence[int]) -> list[Value]:
    """The arrays of this worker."""
    start, found = w.at(memory, worker * _scratch_size(arrays)), []
    for n in arrays:
        found.append(start)
        start = w.at(start, -(-n // 64) * 64)
    return found


# ---------------------------------------------------------------- forward


class State(NamedTuple):
    """Of each query: the highest score before this block of keys and up to now, the sum, how much sums shrink by it."""

    before: Value
    peak: Value
    total: Value
    decay: Value


def _forward(inside: Body, tiles: Tiles) -> None:
    w = Writer(inside.b, tiles)
    b, logsumexp, memory = w.b, *inside.pointers[4:]
    total, heads, queries, keys, reach, bits, *strides = inside.numbers
    scale = _number(w, bits)
    packed, scores, sums, *each = _cut(w, memory, inside.worker, _forward_arrays(tiles))
    state = State(*each)
    blocks = (queries + (BLOCK - 1)) // BLOCK
    with w.turns(total * blocks, inside.worker, inside.workers) as unit:
        head, start = unit // blocks, unit % blocks * BLOCK
        q, k, v, out = w.operands(inside.pointers[:4], strides, (head // heads, head % heads))
        count = b.minimum_i64(queries - start, BLOCK)
        w.pack(w.rows_from(q, start), count, tiles.width, packed, scale)
        w.fill(sums, BLOCK * tiles.rounded(tiles.value_width), 0.0)
        for array, number in zip(state, (-math.inf, -math.inf, 0.0)):
            w.fill(array, BLOCK, number)
        seen = b.minimum_i64(keys, start + count + reach)
        with b.loop(0, seen, BLOCK) as key:
            block = Block(count, b.minimum_i64(seen - key, BLOCK), key - reach - start)
            _scores(w, block, packed, w.rows_from(k, key), scores, state)
            _exponentials(w, block, scores, state)
            w.weighted_rows(block, scores, w.rows_from(v, key), tiles.value_width, sums, state.decay)
        _finish(w, count, state, w.at(logsumexp, head * queries + start))
        w.write_rows(sums, tiles.value_width, count, w.rows_from(out, start), state.decay)


def _number(w: Writer, bits: Value) -> Value:
    """A floating number given as the bits of a double."""
    return w.b.convert(w.b.bitcast(bits, F64), w.tiles.kind)


def _scores(w: Writer, block: Block, packed: Value, keys: Rows, scores: Value, state: State) -> None:
    """scores[j, i] = k_j . q_i, -inf where hidden; state.peak rises to the highest of each query."""
    b = w.b
    with w.each_tile(block, (keys,)) as (key, query, (rows,)):
        found = w.tile(rows, packed, query, w.tiles.width)
        w.hide(block, key, query, found)
        peak = w.load(state.peak, query)
        for r, score in enumerate(found):
            # In this order a NaN is passed over: it comes back with the exponentials.
            peak = b.maximum(score.value, peak)
            w.store(score.value, scores, (key + r) * BLOCK + query)
        w.store(peak, state.peak, query)


def _exponentials(w: Writer, block: Block, scores: Value, state: State) -> None:
    """Scores into exp(score - peak), which are summed up."""
    b = w.b
    with b.loop(0, block.queries, w.lanes) as query:
        peak = w.load(state.peak, query)
        base = b.select(peak.eq(-math.inf), 0.0, peak)
        decay = _weight(b, w.load(state.before, query) - base)
        w.store(peak, state.before, query)
        w.store(decay, state.decay, query)
        total = b.variable(w.load(state.total, query) * decay)
        with b.loop(0, b.minimum_i64(block.keys, query + w.lanes - block.ahead)) as key:
            place = key * BLOCK + query
            weight = _weight(b, w.load(scores, place) - base)
            total.set(total.value + weight)
            w.store(weight, scores, place)
        w.store(total.value, state.total, query)


def _finish(w: Writer, queries: Value, state: State, logsumexp: Value) -> None:
    """Write logsumexp; state.decay becomes what the sums of values are to be multiplied by."""
    b = w.b
    with b.loop(0, queries, w.lanes) as query:
        total, peak = w.load(state.total, query), w.load(state.peak, query)
        w.store(1.0 / total, state.decay, query)
        found = b.select(peak.eq(-math.inf), 0.0, peak) + log(b, total)
        b.store_masked(found, w.at(logsumexp, query), b.mask_below(queries - query, w.lanes))


@cache
def _forward_kernel(tiles: Tiles) -> Kernel:
    return kernel("attention", 6, 6 + 3 * 4, lambda inside, module: _forward(inside, tiles))


def _sizes(shape: Shape) -> tuple[int, ...]:
    reach = 0 if shape.causal else _UNMASKED
    (bits,) = struct.unpack("<q", struct.pack("<d", shape.scale))
    return (shape.all_heads, shape.heads, shape.queries, shape.keys, reach, bits)


def _buffers(*pointers: Pointer) -> tuple[Buffer, ...]:
    """The buffers pointed into, each once."""
    return tuple(dict.fromkeys(p.buffer for p in pointers))


def forward(
    shape: Shape,
    q: Pointer,
    k: Pointer,
    v: Pointer,
    out: Pointer,
    logsumexp: Pointer,
    layouts: Sequence[Layout],
    workers: int,
) -> list[Call] | None:
    """Calls that compute out (batch, heads, queries, value_width) and logsumexp (batch, heads, queries; contiguous).

    layouts: of q, k, v and out. None where a size is 0.
    """
    if not shape.sound:
        return None
    tiles = _tiles(shape)
    scratch = _scratch(tiles, _forward_arrays(tiles), workers)
    return [
        Call(
            _forward_kernel(tiles),
            (q, k, v, out, logsumexp, scratch),
            (*_sizes(shape), *(n for layout in layouts for n in layout)),
            reads=_buffers(q, k, v),
            writes=_buffers(out, logsumexp, scratch),
            work=shape.work(shape.width + shape.value_width),
        )
    ]


# ---------------------------------------------------------------- gradient


class Store(NamedTuple):
    """A worker's arrays: packed_q, packed_g (width, query); weights, slopes (key, query); dq; logsumexp, g . out."""

    packed_q: Value
    packed_g: Value
    weights: Value
    slopes: Value
    sums: Value
    ends: Value
    deltas: Value


def _gradient(inside: Body, tiles: Tiles) -> None:
    """A unit of work is every `parts`-th block of a head's keys, so that what sums over queries has one worker.

    Where there is more than one part, dq's are `apart` elements from one another.
    """
    w = Writer(inside.b, tiles)
    b, logsumexp, memory = w.b, *inside.pointers[8:]
    total, heads, queries, keys, reach, bits, parts, apart, *strides = inside.numbers
    scale = _number(w, bits)
    store = Store(*_cut(w, memory, inside.worker, _gradient_arrays(tiles)))
    with w.turns(total * parts, inside.worker, inside.workers) as unit:
        head, part = unit // parts, unit % parts
        g, out, q, k, v, dq, dk, dv = w.operands(inside.pointers[:8], strides, (head // heads, head % heads))
        dq = Rows(w.at(dq.start, part * apart), dq.step)
        first, step = part * BLOCK, parts * BLOCK
        with b.loop(first, keys, step) as key:
            _clear(w, w.rows_from(dk, key), b.minimum_i64(keys - key, BLOCK), tiles.width)
            _clear(w, w.rows_from(dv, key), b.minimum_i64(keys - key, BLOCK), tiles.value_width)
        with b.loop(0, queries, BLOCK) as start:
            count = b.minimum_i64(queries - start, BLOCK)
            ours = [w.rows_from(x, start) for x in (g, out, q)]
            _begin(w, count, ours, w.at(logsumexp, head * queries + start), scale, store)
            seen = b.minimum_i64(keys, start + count + reach)
            with b.loop(first, seen, step) as key:
                block = Block(count, b.minimum_i64(seen - key, BLOCK), key - reach - start)
                _meet(w, block, ours, [w.rows_from(x, key) for x in (k, v, dk, dv)], scale, store)
            w.write_rows(store.sums, tiles.width, count, w.rows_from(dq, start), None)


def _clear(w: Writer, rows: Rows, count: Value, width: int) -> None:
    zero = w.b.constant(0, w.vector)
    with w.b.loop(0, count) as row:
        place = w.at(rows.start, row * rows.step)
        for column in range(0, width, w.lanes):
            w.store(zero, place, column, w.tiles.tail(width, column))


def _begin(
    w: Writer, count: Value, ours: Sequence[Rows], logsumexp: Value, scale: Value, store: Store
) -> None:
    """What a block of queries needs whatever the keys: q and g transposed, logsumexp, and g . out of each row."""
    b, (g, out, q), width = w.b, ours, w.tiles.value_width
    one = b.constant(1, w.scalar)
    alike = width == w.tiles.width
    widths = iter((w.tiles.width, width))
    for start, step, target, factor in w.both(alike, (*q, store.packed_q, scale), (*g, store.packed_g, one)):
        w.pack(Rows(start, step), count, next(widths), target, factor)
    w.fill(store.sums, BLOCK * w.tiles.rounded(w.tiles.width), 0.0)
    with b.loop(0, count, w.lanes) as query:
        mask = b.mask_below(count - query, w.lanes)
        w.store(b.load_masked(w.at(logsumexp, query), w.vector, mask), store.ends, query)
    with b.loop(0, count) as row:
        places = [w.at(x.start, row * x.step) for x in (g, out)]
        total = b.constant(0, w.vector)
        for column in range(0, width, w.lanes):
            a, c = (w.load(p, column, w.tiles.tail(width, column)) for p in places)
            total = b.fma(a, c, total)
        b.store(b.reduce("add", total), store.deltas, row)


def _meet(
    w: Writer, block: Block, ours: Sequence[Rows], theirs: Sequence[Rows], scale: Value, store: Store
) -> None:
    """The share that a block of queries and a block of keys have in dq, dk and dv."""
    (g, _, q), (k, v, dk, dv) = ours, theirs
    _weights_and_slopes(w, block, k, v, scale, store)
    alike = w.tiles.width == w.tiles.value_width
    widths = iter((w.tiles.value_width, w.tiles.width))
    for array, start, step, to, to_step in w.both(alike, (store.weights, *g, *dv), (store.slopes, *q, *dk)):
        w.weighted_columns(block, array, Rows(start, step), next(widths), Rows(to, to_step))
    w.weighted_rows(block, store.slopes, k, w.tiles.width, store.sums, None)


def _weights_and_slopes(
    w: Writer, block: Block, keys: Rows, values: Rows, scale: Value, store: Store
) -> None:
    """weights[j, i] = exp(k_j . q_i - logsumexp_i), and slopes[j, i] = weights * (v_j . g_i - delta_i) * scale."""
    with w.each_tile(block, (keys, values)) as (key, query, (key_rows, value_rows)):
        places = [(key + r) * BLOCK + query for r in range(len(key_rows))]
        scores = w.tile(key_rows, store.packed_q, query, w.tiles.width)
        w.hide(block, key, query, scores)
        end = w.load(store.ends, query)
        for score, place in zip(scores, places):
            w.store(_weight(w.b, score.value - end), store.weights, place)
        slopes = w.tile(value_rows, store.packed_g, query, w.tiles.value_width)
        delta = w.load(store.deltas, query)
        for slope, place in zip(slopes, places):
            weight = w.load(store.weights, place)
            w.store((slope.value - delta) * scale * weight, store.slopes, place)


def _join(inside: Body, tiles: Tiles) -> None:
    """dq as the sum of its parts, each of them (heads, queries, width) contiguous."""
    w = Writer(inside.b, tiles)
    b, parts = w.b, inside.pointers[0]
    total, heads, queries, count, *strides = inside.numbers
    low, high = b.share(total * queries, inside.worker, inside.workers)
    with b.loop(low, high) as row:
        head = row // queries
        (dq,) = w.operands(inside.pointers[1:], strides, (head // heads, head % heads))
        place = w.rows_from(dq, row % queries).start
        for column in range(0, tiles.width, w.lanes):
            tail = tiles.tail(tiles.width, column)
            found = b.variable(b.constant(0, w.vector))
            with b.loop(0, count) as part:
                at = (part * (total * queries) + row) * tiles.width + column
                found.set(found.value + w.load(parts, at, tail))
            w.store(found.value, place, column, tail)


@cache
def _gradient_kernel(tiles: Tiles) -> Kernel:
    return kernel("attention_gradient", 10, 8 + 3 * 8, lambda inside, module: _gradient(inside, tiles))


@cache
def _join_kernel(tiles: Tiles) -> Kernel:
    return kernel("attention_join", 2, 4 + 3, lambda inside, module: _join(inside, tiles))


def _parts(shape: Shape, workers: int) -> int:
    """In how many parts to do the keys of a head, so that all workers have the same to do."""
    if shape.all_heads >= 8 * workers:
        return 1
    return min(workers // math.gcd(workers, shape.all_heads), -(-shape.keys // BLOCK))


def gradient(
    shape: Shape,
    g: Pointer,
    out: Pointer,
    logsumexp: Pointer,
    q: Pointer,
    k: Pointer,
    v: Pointer,
    dq: Pointer,
    dk: Pointer,
    dv: Pointer,
    layouts: Sequence[Layout],
    workers: int,
) -> list[Call] | None:
    """Calls that compute dq, dk and dv from g, the gradient of `forward`'s out, and from its results.

    layouts: of g, out, q, k, v, dq, dk and dv; logsumexp is contiguous. None where a size is 0.
    """
    if not shape.sound:
        return None
    tiles, parts = _tiles(shape), _parts(shape, workers)
    scratch = _scratch(tiles, _gradient_arrays(tiles), workers)
    to, layouts, apart = dq, list(layouts), 0
    if parts > 1:
        each = shape.queries * shape.width
        to_layout, layouts[5] = layouts[5], Layout(shape.heads * each, each, shape.width)
        apart = shape.all_heads * each
        to = Pointer(Buffer(parts * apart * tiles.scalar.bytes, "parts of dq"))
    calls = [
        Call(
            _gradient_kernel(tiles),
            (g, out, q, k, v, to, dk, dv, logsumexp, scratch),
            (*_sizes(shape), parts, apart, *(n for layout in layouts for n in layout)),
            reads=_buffers(g, out, logsumexp, q, k, v),
            writes=_buffers(to, dk, dv, scratch),
            work=shape.work(3 * shape.width + 2 * shape.value_width),
        )
    ]
    if parts > 1:
        calls.append(
            Call(
                _join_kernel(tiles),
                (to, dq),
                (shape.all_heads, shape.heads, shape.queries, parts, *to_layout),
                reads=_buffers(to),
                writes=_buffers(dq),
                work=parts * apart / 8,
            )
        )
    return calls
