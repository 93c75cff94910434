"""The inner loops of convolutions: tiles of products held in registers.

A tile is `ROWS` rows by some vectors of columns. `dot_tile` runs through terms that lie one after another at each of
`ROWS` pointers (a pixel's window), against a packed panel of weights: term after term, the panel's columns side by side.
`outer_tile` runs through pixels, and sums the products of `ROWS` numbers and some vectors of each. One vector multiply-add
per load keeps the units busy; measured 104 to 115 GFLOP/s on a core whose limit is 118, from 64 terms on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from . import target
from .emit import F32, F64, Builder, Type, Value


def vector(kind: str) -> Type:
    """The vector of this CPU for "f32" or "f64"."""
    lanes = target.lanes()
    return F32.of(lanes) if kind == "f32" else F64.of(lanes // 2)


def rows() -> int:
    """Rows of a tile: with two vectors of columns it takes 16 of AVX-512's 32 registers, or 12 of 16."""
    return 8 if target.lanes() == 16 else 6


def panel_vectors(columns: int, kind: str) -> int:
    """Vectors in a panel of weights: two, or one where one holds all columns."""
    return 1 if columns <= vector(kind).lanes else 2


Tile = list[list[Value]]


def dot_tile(
    b: Builder,
    type: Type,
    start: Tile,
    pointers: Sequence[Value],
    spans: Callable[[Callable[[Value, Value, Value], None]], None],
) -> Tile:
    """start[r][v] + sum over terms of pointers[r][term] * panel[term][v], for all rows r and vectors v.

    `spans(span)` emits the loops around: it calls span(low, high, panel) in their midst, for the terms low <= k < high at the
    pointers, whose weights begin at `panel`.
    """
    vectors, lanes = len(start[0]), type.lanes
    sums = [[b.variable(first) for first in row] for row in start]

    def span(low: Value, high: Value, panel: Value) -> None:
        weights = b.at(panel, -(low * (vectors * lanes)), type)
        with b.loop(low, high) as k:
            here = b.at(weights, k * (vectors * lanes), type)
            columns = [b.load(here, type, v * lanes) for v in range(vectors)]
            for pointer, row in zip(pointers, sums):
                factor = b.spread(b.load(pointer, type.of(1), k), lanes)
                for column, total in zip(columns, row):
                    total.set(b.fma(factor, column, total.value))

    spans(span)
    return [[total.value for total in row] for row in sums]


def outer_tile(
    b: Builder,
    type: Type,
    start: Tile,
    count: Value,
    step: Callable[[Value], tuple[Iterable[Value], Sequence[Value]]],
) -> Tile:
    """start + sum over i < count of rows[r] * columns[v], where step(i) gives vectors of both."""
    sums = [[b.variable(first) for first in row] for row in start]
    with b.loop(0, count) as i:
        rows, columns = step(i)
        for factor, totals in zip(rows, sums):
            for column, total in zip(columns, totals):
                total.set(b.fma(factor, column, total.value))
    return [[total.value for total in row] for row in sums]
