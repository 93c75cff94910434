"""Kernels over views: as few dimensions as can be, and where a numbered line of several views begins."""

from __future__ import annotations

from collections.abc import Sequence

from .emit import I64, Builder, Value


def merged(
    sizes: Sequence[int], tables: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """(sizes, strides of each table) with as few dimensions as possible; those of size 1 go."""
    out: list[int] = []
    found: list[list[int]] = [[] for _ in tables]
    for d, n in enumerate(sizes):
        if n == 1:
            continue
        steps = [t[d] for t in tables]
        if out and all(f[-1] == s * n for f, s in zip(found, steps)):
            out[-1] *= n
            for f, s in zip(found, steps):
                f[-1] = s
            continue
        out.append(n)
        for f, s in zip(found, steps):
            f.append(s)
    return tuple(out), tuple(map(tuple, found))


class Lines:
    """Lines of several views, numbered over dimensions of `sizes`; each table holds the strides of one view."""

    def __init__(self, b: Builder, sizes: Sequence[Value], *tables: Sequence[Value]) -> None:
        self.b, self.sizes, self.tables = b, sizes, tables

    def total(self) -> Value:
        found = self.b.constant(1, I64)
        for size in self.sizes:
            found = found * size
        return found

    def offsets(self, line: Value) -> list[Value]:
        """Where line number `line` begins in each operand."""
        b = self.b
        found = [b.constant(0, line.type) for _ in self.tables]
        rest = line
        for d in range(len(self.sizes) - 1, -1, -1):
            size = b.spread(self.sizes[d], line.type.lanes)
            place = rest % size if d else rest
            rest = rest / size if d else rest
            found = [f + place * b.spread(t[d], line.type.lanes) for f, t in zip(found, self.tables)]
        return found
