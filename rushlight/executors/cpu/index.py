"""Index arithmetic: where, in an operand, the element stands that an iteration of a kernel needs.

A kernel iterates over a *frame*, a tuple of sizes. An `Affine` is a whole number plus a multiple of each frame
dimension's counter; the place in a tensor is one `Affine` a dimension. Views (permute, expand, slice, reshape, windows)
turn places into places, so movement costs no copying. A reshape may need a frame dimension in two parts: `Refine`
says which, and the kernel is looked at again on the finer frame. What no affine place can express is `Inexpressible`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class Affine(NamedTuple):
    """offset + sum(coefficient * counter) over the frame's dimensions + sum(factor * value) over the terms.

    A term's value is data: a position that a gather reads.
    """

    offset: int
    coefficients: tuple[int, ...]
    terms: tuple[tuple[Any, int], ...] = ()

    def __add__(self, other: Any) -> Affine:  # type: ignore[override]
        if isinstance(other, int):
            return self._replace(offset=self.offset + other)
        return Affine(
            self.offset + other.offset,
            tuple([a + b for a, b in zip(self.coefficients, other.coefficients)]),
            self.terms + other.terms,
        )

    def __mul__(self, factor: int) -> Affine:  # type: ignore[override]
        return Affine(
            self.offset * factor,
            tuple([c * factor for c in self.coefficients]),
            tuple([(value, f * factor) for value, f in self.terms]),
        )

    def within(self, sizes: Sequence[int], count: int) -> bool:
        """Whether it lies in [0, count) wherever the counters of dimensions of these sizes stand."""
        ends = [c * (n - 1) for c, n in zip(self.coefficients, sizes)]
        low, high = (self.offset + sum([pick(0, end) for end in ends]) for pick in (min, max))
        return not self.terms and low >= 0 and high < count


class Refine(Exception):
    """Frame dimension `dim` has to be iterated in two parts, the inner one of size `inner`."""

    def __init__(self, dim: int, inner: int) -> None:
        self.dim, self.inner = dim, inner


class Inexpressible(Exception):
    """A place that is no affine function of the frame; `node` would have to be computed in memory first."""

    def __init__(self, node: Any = None) -> None:
        self.node = node


def row_major(shape: Sequence[int]) -> list[int]:
    """Strides of elements laid out in row-major order."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    return strides


class Frame:
    """The sizes a kernel iterates over."""

    __slots__ = ("sizes", "zero")

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.zero = Affine(0, (0,) * len(self.sizes))

    def counter(self, dim: int) -> Affine:
        """The counter of one dimension."""
        return Affine(0, tuple([int(i == dim) for i in range(len(self.sizes))]))

    def flat(self, places: Sequence[Affine], shape: Sequence[int]) -> Affine:
        """The row-major element number of a place in a tensor of `shape`."""
        total = self.zero
        for place, stride, size in zip(places, row_major(shape), shape):
            if size != 1:
                total = total + place * stride
        return total

    def split(self, flat: Affine, shape: Sequence[int]) -> list[Affine]:
        """The place in a tensor of `shape` whose row-major element number is `flat`."""
        places: list[Affine] = []
        rest = flat
        remaining = math.prod(shape)
        for size in reversed(shape):
            if size == 1:
                places.append(self.zero)
                continue
            remaining //= size
            if remaining == 1:
                places.append(rest)
                rest = self.zero
            else:
                rest, low = self._divide(rest, size)
                places.append(low)
        return places[::-1]

    def _divide(self, value: Affine, by: int) -> tuple[Affine, Affine]:
        """(quotient, remainder) of an affine number by a size."""
        high, low = [], []
        most = value.offset % by
        for c, n in zip(value.coefficients, self.sizes):
            if c % by == 0:
                high.append(c // by)
                low.append(0)
                continue
            high.append(0)
            low.append(c)
            if c < 0:
                raise Inexpressible
            most += c * (n - 1)
        if any(factor % by for _, factor in value.terms):
            raise Inexpressible
        if most >= by:
            self._refine(low, by)
        terms = tuple([(data, factor // by) for data, factor in value.terms])
        return Affine(value.offset // by, tuple(high), terms), Affine(value.offset % by, tuple(low))

    def _refine(self, low: list[int], by: int) -> None:
        for dim, (c, n) in enumerate(zip(low, self.sizes)):
            if c and c * n > by and by % c == 0 and n % (by // c) == 0:
                raise Refine(dim, by // c)
        raise Inexpressible


def segments(old: Sequence[int], new: Sequence[int]) -> list[tuple[range, range]]:
    """Runs of dimensions of two shapes of one size that hold the same elements, as short as possible."""
    out = []
    i = j = 0
    while i < len(old) or j < len(new):
        start = i, j
        a = b = 1
        if i < len(old):
            a, i = old[i], i + 1
        if j < len(new):
            b, j = new[j], j + 1
        while a != b:
            if a < b:
                a, i = a * old[i], i + 1
            else:
                b, j = b * new[j], j + 1
        # Dimensions of size 1 that follow belong to the run: they need no element of their own.
        while i < len(old) and old[i] == 1:
            i += 1
        while j < len(new) and new[j] == 1:
            j += 1
        out.append((range(start[0], i), range(start[1], j)))
    return out
