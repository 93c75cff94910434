"""Where the rows of sequences stand, step by step: what the recurrent primitives and their composed forms agree on.

All steps of a batch of sequences are the rows of one matrix. Packed, step t is `sizes[t]` rows, the steps one after
another: the longest sequences come first, so that a shorter one has ended where a step has fewer rows. `batch_first`, which
needs equal lengths, has the steps of the first sequence first. Backwards (`reverse`) every sequence begins at its last step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..errors import ShapeError
from ..graph.node import Node
from .movement import concat


class Steps(NamedTuple):
    """The rows of every step: how many, in which order of memory, and the direction of time."""

    sizes: tuple[int, ...]
    batch_first: bool = False
    reverse: bool = False

    @property
    def length(self) -> int:
        """How many steps there are."""
        return len(self.sizes)

    @property
    def batch(self) -> int:
        """How many sequences there are."""
        return self.sizes[0]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(self.sizes)

    @property
    def equal(self) -> bool:
        """Whether all sequences have one length."""
        return self.sizes[-1] == self.sizes[0]

    @property
    def turned(self) -> Steps:
        """The other direction of time: the way of the gradients."""
        return self._replace(reverse=not self.reverse)

    @property
    def by_time(self) -> Steps:
        """The same with all rows of a step side by side."""
        return self._replace(batch_first=False)

    @property
    def stride(self) -> int:
        """How many rows apart the rows of one step are."""
        return self.length if self.batch_first else 1

    def places(self) -> list[tuple[int, int]]:
        """(first row, rows) of each step, in the order in which they are computed."""
        starts, at = [], 0
        for n in self.sizes:
            starts.append(at)
            at += 1 if self.batch_first else n
        found = list(zip(starts, self.sizes))
        return found[::-1] if self.reverse else found

    def slices(self) -> Iterator[tuple[int, slice]]:
        """(rows, where they stand) of each step, in the order in which they are computed."""
        for start, n in self.places():
            yield n, slice(start, start + (n - 1) * self.stride + 1 if n else start, self.stride)

    def check(self, name: str, rows: Node, state: Node) -> None:
        """ShapeError unless the rows and a state with a row a sequence are what this says."""
        falling = all(a >= b >= 0 for a, b in zip(self.sizes, self.sizes[1:]))
        if not self.sizes or not falling or self.batch_first and not self.equal:
            raise ShapeError(f"{name}: the sizes of the steps must not increase, got {list(self.sizes)}")
        if rows.shape[0] != self.total or state.shape[0] != self.batch:
            raise ShapeError(
                f"{name}: {self.batch} sequences with {self.total} steps need so many states and rows, got "
                f"{list(state.shape)} and {list(rows.shape)}"
            )


# ---------------------------------------------------------------- rows of nodes


def rows_of(x: Node, start: int, stop: int) -> Node:
    return x if start == 0 and stop == x.shape[0] else x.slice(((start, stop, 1),))


def columns_of(x: Node, start: int, stop: int) -> Node:
    return x.slice((*((0, n, 1) for n in x.shape[:-1]), (start, stop, 1)))


def joined(parts: Sequence[Node], dim: int = 0) -> Node:
    return parts[0] if len(parts) == 1 else concat(tuple(parts), dim)


def to_time(x: Node, steps: Steps) -> Node:
    """Rows with the steps of a sequence side by side as rows with the sequences of a step side by side."""
    return x if not steps.batch_first else _exchanged(x, steps.batch, steps.length)


def from_time(x: Node, steps: Steps) -> Node:
    """The inverse of to_time."""
    return x if not steps.batch_first else _exchanged(x, steps.length, steps.batch)


def _exchanged(x: Node, first: int, second: int) -> Node:
    width = x.shape[1]
    return x.reshape((first, second, width)).permute((1, 0, 2)).reshape((first * second, width))


def before(y: Node, first: Node, steps: Steps) -> Node:
    """The state that each row's step began with, where y holds the states that the steps ended with."""
    if steps.length == 1:
        return first
    if steps.equal:
        shape = (steps.batch, steps.length) if steps.batch_first else (steps.length, steps.batch)
        dim = 1 if steps.batch_first else 0
        places = [(0, n, 1) for n in (*shape, y.shape[1])]
        places[dim] = (1, steps.length, 1) if steps.reverse else (0, steps.length - 1, 1)
        kept = y.reshape((*shape, y.shape[1])).slice(tuple(places))
        begun = first.reshape((*first.shape[:dim], 1, *first.shape[dim:]))
        parts = [kept, begun] if steps.reverse else [begun, kept]
        return joined(parts, dim).reshape(y.shape)
    parts = []
    for (_, n), (start, known) in zip(steps.places(), [(0, 0), *steps.places()]):
        known = min(n, known)
        parts.append(
            joined([rows_of(y, start, start + known), rows_of(first, known, n)])
            if known < n
            else rows_of(y, start, start + n)
        )
    return joined(parts[::-1] if steps.reverse else parts)


def last(y: Node, steps: Steps) -> Node:
    """The state of every sequence after its last step, where y holds the states that the steps ended with."""
    if steps.batch_first:
        t = 0 if steps.reverse else steps.length - 1
        whole = y.reshape((steps.batch, steps.length, y.shape[1]))
        return whole.slice(((0, steps.batch, 1), t, (0, y.shape[1], 1)))
    if not steps.total:
        return y
    parts, ended = [], 0
    for start, n in reversed(steps.places()):
        if n > ended:
            parts.append(rows_of(y, start + ended, start + n))
            ended = n
    return joined(parts)
