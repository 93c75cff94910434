"""The arithmetic of recurrent cells, one vector of hidden columns of one sequence at a time, between products.

A cell has a forward and a backward half, which hold the pointers of their kernels by name. `finish` of the forward half takes
the product of a step, a vector a gate; that of the backward half finds it where `keep` has put it. `streams` are the rows of all
steps that it touches, with how many gates side by side. recurrence.py walks through time and makes the products;
gates are named as in PyTorch's documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from .emit import I32, Builder, Type, Value
from .exponentials import sigmoid, tanh


class Site(NamedTuple):
    """A vector of hidden columns: where it begins, and which of its lanes there are."""

    b: Builder
    type: Type
    hidden: Value
    column: Value
    mask: Value

    def at(self, pointer: Value, row: Value, gates: int = 1, gate: int = 0) -> Value:
        """Its place in rows that hold so many gates side by side."""
        return self.b.at(pointer, (row * gates + gate) * self.hidden + self.column, self.type)

    def load(self, pointer: Value, row: Value | int, gates: int = 1, gate: int = 0) -> Value:
        row = self.b.i64(row)
        return self.b.load_masked(self.at(pointer, row, gates, gate), self.type, self.mask)

    def store(self, value: Value, pointer: Value, row: Value, gates: int = 1, gate: int = 0) -> None:
        self.b.store_masked(value, self.at(pointer, row, gates, gate), self.mask)

    def begun(self, row: Value) -> Value:
        """Its vector in a row that is given by its address."""
        return self.b.load_masked(self.b.at(row, self.column, self.type), self.type, self.mask)

    def ahead(self, pointer: Value, row: Value, gates: int = 1) -> None:
        """Fetch what will be needed after the next product."""
        for gate in range(gates):
            address = self.at(pointer, row, gates, gate)
            b = self.b
            b.call("llvm.prefetch.p0", None, address, *(b.constant(n, I32) for n in (0, 3, 1)))

    def number(self, x: float) -> Value:
        return self.b.constant(x, self.type)


# Gives the address of the row with a sequence's state before a step, which is in `states` or `first`.
Begun = Callable[[Value, Value, Value], Value]


# ---------------------------------------------------------------- LSTM


class LSTMForward:
    pointers: ClassVar[int] = 7
    streams: ClassVar[dict[str, int]] = {"x": 4, "gates": 4, "cells": 1, "y": 1}

    def __init__(self, pointers: Sequence[Value]) -> None:
        self.x, self.bias, self.h, self.c, self.y, self.gates, self.cells = pointers

    def finish(self, s: Site, sums: Sequence[Value], row: Value, r: Value, begun: Begun) -> None:
        b = s.b
        a = [x + (s.load(self.x, row, 4, k) + s.load(self.bias, 0, 4, k)) for k, x in enumerate(sums)]
        i, f, o = (sigmoid(b, a[k]) for k in (0, 1, 3))
        g = tanh(b, a[2])
        c = f * s.begun(begun(r, self.cells, self.c)) + i * g
        for k, value in enumerate((i, f, g, o)):
            s.store(value, self.gates, row, 4, k)
        s.store(c, self.cells, row)
        s.store(o * tanh(b, c), self.y, row)


class LSTMBackward:
    pointers: ClassVar[int] = 9
    streams: ClassVar[dict[str, int]] = {"gy": 1, "gates": 4, "cells": 1, "d": 4}

    def __init__(self, pointers: Sequence[Value]) -> None:
        self.gy, self.gh, self.gc, self.gates, self.cells, self.c, self.d, self.dh, self.dc = pointers

    def keep(self, sites: Sequence[Site], r: Value, sums: Sequence[Value]) -> None:
        for s, total in zip(sites, sums):
            s.store(total, self.dh, r)

    def finish(self, s: Site, row: Value, r: Value, later: Value, begun: Begun) -> None:
        """`later`: whether a later step of this sequence has been done."""
        b = s.b
        i, f, g, o = (s.load(self.gates, row, 4, k) for k in range(4))
        squashed = tanh(b, s.load(self.cells, row))
        d = s.load(self.gy, row) + s.load(b.select(later, self.dh, self.gh), r)
        dc = s.load(b.select(later, self.dc, self.gc), r) + d * (o * (1 - squashed * squashed))
        before = s.begun(begun(r, self.cells, self.c))
        slopes = (g * i * (1 - i), before * f * (1 - f), i * (1 - g * g))
        for k, slope in enumerate(slopes):
            s.store(dc * slope, self.d, row, 4, k)
        s.store(d * (squashed * o * (1 - o)), self.d, row, 4, 3)
        s.store(dc * f, self.dc, r)


# ---------------------------------------------------------------- GRU


class GRUForward:
    """Kept side by side: r, z, n, and the recurrent part of n."""

    pointers: ClassVar[int] = 5
    streams: ClassVar[dict[str, int]] = {"x": 3, "gates": 4, "y": 1}

    def __init__(self, pointers: Sequence[Value]) -> None:
        self.x, self.bias, self.h, self.y, self.gates = pointers

    def finish(self, s: Site, sums: Sequence[Value], row: Value, r: Value, begun: Begun) -> None:
        b = s.b
        inward = [s.load(self.x, row, 3, k) + s.load(self.bias, 0, 4, k) for k in range(3)]
        reset, z = (sigmoid(b, sums[k] + inward[k]) for k in range(2))
        m = sums[2] + s.load(self.bias, 0, 4, 3)
        n = tanh(b, inward[2] + reset * m)
        for k, value in enumerate((reset, z, n, m)):
            s.store(value, self.gates, row, 4, k)
        s.store(n + z * (s.begun(begun(r, self.y, self.h)) - n), self.y, row)


class GRUBackward:
    pointers: ClassVar[int] = 8
    streams: ClassVar[dict[str, int]] = {"gy": 1, "y": 1, "gates": 4, "inward": 3, "d": 3}

    def __init__(self, pointers: Sequence[Value]) -> None:
        self.gy, self.gh, self.y, self.gates, self.h, self.inward, self.d, self.dh = pointers

    def keep(self, sites: Sequence[Site], r: Value, sums: Sequence[Value]) -> None:
        """What reaches the state before past the gates stands there already."""
        for s, total in zip(sites, sums):
            s.store(s.load(self.dh, r) + total, self.dh, r)

    def finish(self, s: Site, row: Value, r: Value, later: Value, begun: Begun) -> None:
        reset, z, n, m = (s.load(self.gates, row, 4, k) for k in range(4))
        d = s.load(self.gy, row) + s.load(s.b.select(later, self.dh, self.gh), r)
        to_new = d * ((1 - z) * (1 - n * n))
        to_z = d * ((s.begun(begun(r, self.y, self.h)) - n) * z * (1 - z))
        for k, value in enumerate((to_new * m * reset * (1 - reset), to_z)):
            s.store(value, self.inward, row, 3, k)
            s.store(value, self.d, row, 3, k)
        s.store(to_new, self.inward, row, 3, 2)
        s.store(to_new * reset, self.d, row, 3, 2)
        s.store(d * z, self.dh, r)


# ---------------------------------------------------------------- plain cells


class PlainForward:
    pointers: ClassVar[int] = 4
    squash: ClassVar[str]
    streams: ClassVar[dict[str, int]] = {"x": 1, "y": 1}

    def __init__(self, pointers: Sequence[Value]) -> None:
        self.x, self.bias, self.h, self.y = pointers

    def finish(self, s: Site, sums: Sequence[Value], row: Value, r: Value, begun: Begun) -> None:
        a = sums[0] + (s.load(self.x, row) + s.load(self.bias, 0))
        s.store(tanh(s.b, a) if self.squash == "tanh" else s.b.select(a.lt(0), s.number(0), a), self.y, row)


class PlainBackward:
    pointers: ClassVar[int] = 5
    squash: ClassVar[str]
    streams: ClassVar[dict[str, int]] = {"gy": 1, "y": 1, "d": 1}

    def __init__(self, pointers: Sequence[Value]) -> None:
        self.gy, self.gh, self.y, self.d, self.dh = pointers

    def keep(self, sites: Sequence[Site], r: Value, sums: Sequence[Value]) -> None:
        for s, total in zip(sites, sums):
            s.store(total, self.dh, r)

    def finish(self, s: Site, row: Value, r: Value, later: Value, begun: Begun) -> None:
        y = s.load(self.y, row)
        d = s.load(self.gy, row) + s.load(s.b.select(later, self.dh, self.gh), r)
        slope = 1 - y * y if self.squash == "tanh" else s.b.select(y.gt(0), s.number(1), s.number(0))
        s.store(d * slope, self.d, row)


class TanhForward(PlainForward):
    squash = "tanh"


class TanhBackward(PlainBackward):
    squash = "tanh"


class ReluForward(PlainForward):
    squash = "relu"


class ReluBackward(PlainBackward):
    squash = "relu"


class Cell(NamedTuple):
    """How many gates the recurrent product gives, and both halves."""

    gates: int
    forward: Any
    backward: Any


CELLS = {
    "lstm": Cell(4, LSTMForward, LSTMBackward),
    "gru": Cell(3, GRUForward, GRUBackward),
    "tanh": Cell(1, TanhForward, TanhBackward),
    "relu": Cell(1, ReluForward, ReluBackward),
}
