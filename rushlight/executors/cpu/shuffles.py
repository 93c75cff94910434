"""Rearranging numbers between vectors: transposing a square of lanes, and dealing a run out by turns."""

from __future__ import annotations

from collections.abc import Sequence

from .emit import Builder, Value


def transposed(b: Builder, rows: Sequence[Value]) -> list[Value]:
    """As many vectors as each has lanes, with rows and columns exchanged."""
    lanes = len(rows)
    out = list(rows)
    step = 1
    while step < lanes:
        # Exchange the off-diagonal blocks of side `step` in every pair of rows that far apart.
        low = [lane if not lane & step else lanes + (lane ^ step) for lane in range(lanes)]
        high = [lane | step if not lane & step else lanes + lane for lane in range(lanes)]
        for i in range(lanes):
            if not i & step:
                first, second = out[i], out[i | step]
                out[i], out[i | step] = b.shuffle(first, second, low), b.shuffle(first, second, high)
        step *= 2
    return out


def dealt(b: Builder, run: Sequence[Value]) -> list[Value]:
    """n vectors that lie one after another, dealt out in turn to n: vector t takes numbers t, t + n, t + 2n, ..."""
    count, lanes = len(run), run[0].type.lanes
    out = []
    for t in range(count):
        wanted = [t + count * lane for lane in range(lanes)]
        value = run[0]
        for i in range(count):
            picks = [lanes + w % lanes if w // lanes == i else lane for lane, w in enumerate(wanted)]
            if any(p >= lanes for p in picks):
                value = b.shuffle(value, run[i], picks)
        out.append(value)
    return out
