"""What one direction of a recurrent layer computes, on nodes: LSTM, GRU and plain cells, and their rules.

Rows are packed: step t is `sizes[t]` rows, the steps one after another. Sequences end (or, backwards, begin) at
different steps, so the state loses (or gains) its last rows on the way; `_scan` takes care of that for the states of
the forward pass and, walking the other way, for their gradients. Gate activations are hidden results, which the
rules read; factors that do not depend on the gradient are formed for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.node import Node, constant
from ..ops.contraction import transposed
from ..ops.movement import concat
from .opmath import widened

# ---------------------------------------------------------------- rows and steps


def _rows(x: Node, start: int, stop: int) -> Node:
    return x if start == 0 and stop == x.shape[0] else x.slice(((start, stop, 1),))


def _columns(x: Node, start: int, stop: int) -> Node:
    return x.slice((*((0, n, 1) for n in x.shape[:-1]), (start, stop, 1)))


def _joined(parts: list[Node], dim: int = 0) -> Node:
    return parts[0] if len(parts) == 1 else concat(tuple(parts), dim)


def _starts(sizes: tuple[int, ...]) -> list[int]:
    found, at = [], 0
    for n in sizes:
        found.append(at)
        at += n
    return found


def _scan(sizes: tuple[int, ...], reverse: bool, first: list[Node], step: Callable) -> list[Node]:
    """step(t, start, stop, states) -> states, over time; gives the last state of every sequence.

    `first` has a row for every sequence. Where the number of rows grows, more of `first` join; where it shrinks, the
    states of what has ended are set aside.
    """
    starts = _starts(sizes)
    order = range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes))
    states = [_rows(s, 0, sizes[order[0]]) for s in first]
    ended: list[list[Node]] = []
    for t in order:
        n, now = sizes[t], states[0].shape[0]
        if n < now:
            ended.append([_rows(s, n, now) for s in states])
            states = [_rows(s, 0, n) for s in states]
        elif n > now:
            states = [_joined([s, _rows(f, now, n)]) for s, f in zip(states, first)]
        states = step(t, starts[t], starts[t] + n, states)
    if not ended:
        return states
    return [_joined([s, *(part[i] for part in reversed(ended))]) for i, s in enumerate(states)]


def _before(y: Node, first: Node, sizes: tuple[int, ...], reverse: bool) -> Node:
    """The state that each row's step began with, where y holds the states that the steps ended with."""
    n, total = sizes[0], y.shape[0]
    if sizes[-1] == n:
        if len(sizes) == 1:
            return first
        return _joined([_rows(y, n, total), first] if reverse else [first, _rows(y, 0, total - n)])
    starts = _starts(sizes)
    parts = []
    for t, n in enumerate(sizes):
        if not reverse:
            parts.append(_rows(first, 0, n) if t == 0 else _rows(y, starts[t - 1], starts[t - 1] + n))
            continue
        after = sizes[t + 1] if t + 1 < len(sizes) else 0
        if after:
            parts.append(_rows(y, starts[t + 1], starts[t + 1] + after))
        if n > after:
            parts.append(_rows(first, after, n))
    return _joined(parts)


def _projected(x: Node, w: Node, *biases: Node | None) -> Node:
    """x w^T with the biases added first to one another."""
    found = x.matmul(transposed(w))
    given = [b for b in biases if b is not None]
    if not given:
        return found
    return found + (given[0] + given[1] if len(given) == 2 else given[0])


def _product_gradients(d: Node, x: Node, w: Node, needs: tuple) -> tuple:
    """(of x, of w) for d, the gradient of x w^T."""
    gx = d.matmul(w) if needs[0] else None
    gw = transposed(d).matmul(x) if needs[1] else None
    return gx, gw


def _bias_gradient(d: Node, bias: Node | None) -> Node | None:
    return None if bias is None else d.sum((0,), False)


# ---------------------------------------------------------------- LSTM


def _lstm(
    x: Node, h: Node, c: Node, wi: Node, wh: Node, bi: Any, bh: Any, wr: Any, sizes: tuple, reverse: bool
) -> tuple:
    """(y, h_n, c_n), and hidden: the gates i, f, g, o and the cell states of all rows."""
    H = c.shape[1]
    rows = _projected(x, wi, bi, bh)
    recur = transposed(wh)
    project = None if wr is None else transposed(wr)
    made: list[tuple] = [()] * len(sizes)

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        h, c = states
        a = _rows(rows, start, stop) + h.matmul(recur)
        s = a.sigmoid()
        i, f, o = _columns(s, 0, H), _columns(s, H, 2 * H), _columns(s, 3 * H, 4 * H)
        g = _columns(a, 2 * H, 3 * H).tanh()
        c = f * c + i * g
        h = o * c.tanh()
        if project is not None:
            h = h.matmul(project)
        made[t] = (h, i, f, g, o, c)
        return [h, c]

    last = _scan(sizes, reverse, [h, c], step)
    y, *kept = (_joined(list(column)) for column in zip(*made))
    return y, *last, *kept


def _lstm_rule(gs: tuple, outs: tuple, ins: tuple, needs: tuple, sizes: tuple, reverse: bool) -> tuple:
    x, h, c, wi, wh, bi, bh, wr = ins
    y, _, _, i, f, g, o, cells = outs
    gy, gh, gc = gs
    H = c.shape[1]
    before = _before(cells, c, sizes, reverse)
    squashed = cells.tanh()
    # What the gradients of the cell and of o * tanh(c) are multiplied by on their way to the gates.
    to_cell = o * (1 - squashed * squashed)
    to_output = squashed * o * (1 - o)
    total = cells.shape[0]
    three = (g * i * (1 - i), before * f * (1 - f), i * (1 - g * g))
    to_gates = _joined([part.reshape((total, 1, H)) for part in three], 1)
    da: list[Any] = [None] * len(sizes)
    dh: list[Any] = [None] * len(sizes)

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        n = stop - start
        d = _rows(gy, start, stop) + states[0]
        dh[t] = d
        if wr is not None:
            d = d.matmul(wr)
        dc = states[1] + d * _rows(to_cell, start, stop)
        first = (dc.reshape((n, 1, H)) * _rows(to_gates, start, stop)).reshape((n, 3 * H))
        da[t] = concat((first, d * _rows(to_output, start, stop)), 1)
        return [da[t].matmul(wh), dc * _rows(f, start, stop)]

    gh0, gc0 = _scan(sizes, not reverse, [gh, gc], step)
    d = _joined(da)
    gx, gwi = _product_gradients(d, x, wi, (needs[0], needs[3]))
    gwh = transposed(d).matmul(_before(y, h, sizes, reverse)) if needs[4] else None
    gb = d.sum((0,), False) if bi is not None else None
    gwr = None if wr is None else transposed(_joined(dh)).matmul(o * squashed)
    return gx, gh0, gc0, gwi, gwh, gb, gb if bh is not None else None, gwr


LSTM = widened("LstmBackward0", _lstm, _lstm_rule, visible=3)

# ---------------------------------------------------------------- GRU


def _gru(x: Node, h: Node, wi: Node, wh: Node, bi: Any, bh: Any, sizes: tuple, reverse: bool) -> tuple:
    """(y, h_n), and hidden: the gates r, z, n of all rows and the recurrent part of n before it is reset."""
    H = h.shape[1]
    rows = _projected(x, wi, bi)
    gates, news = _columns(rows, 0, 2 * H), _columns(rows, 2 * H, 3 * H)
    recur = transposed(wh)
    made: list[tuple] = [()] * len(sizes)

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        h = states[0]
        a = h.matmul(recur)
        if bh is not None:
            a = a + bh
        s = (_rows(gates, start, stop) + _columns(a, 0, 2 * H)).sigmoid()
        r, z = _columns(s, 0, H), _columns(s, H, 2 * H)
        m = _columns(a, 2 * H, 3 * H)
        n = (_rows(news, start, stop) + r * m).tanh()
        h = n + z * (h - n)
        made[t] = (h, r, z, n, m)
        return [h]

    last = _scan(sizes, reverse, [h], step)
    y, *kept = (_joined(list(column)) for column in zip(*made))
    return y, *last, *kept


def _gru_rule(gs: tuple, outs: tuple, ins: tuple, needs: tuple, sizes: tuple, reverse: bool) -> tuple:
    x, h, wi, wh, bi, bh = ins
    y, _, r, z, n, m = outs
    gy, gh = gs
    H = h.shape[1]
    total = y.shape[0]
    before = _before(y, h, sizes, reverse)
    to_new = (1 - z) * (1 - n * n)
    three = (to_new * m * r * (1 - r), (before - n) * z * (1 - z), to_new * r)
    to_gates = _joined([part.reshape((total, 1, H)) for part in three], 1)
    da: list[Any] = [None] * len(sizes)
    dh: list[Any] = [None] * len(sizes)

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        k = stop - start
        d = dh[t] = _rows(gy, start, stop) + states[0]
        da[t] = (d.reshape((k, 1, H)) * _rows(to_gates, start, stop)).reshape((k, 3 * H))
        return [da[t].matmul(wh) + d * _rows(z, start, stop)]

    (gh0,) = _scan(sizes, not reverse, [gh], step)
    recurrent = _joined(da)
    inward = concat((_columns(recurrent, 0, 2 * H), _joined(dh) * to_new), 1)
    gx, gwi = _product_gradients(inward, x, wi, (needs[0], needs[2]))
    gwh = transposed(recurrent).matmul(before) if needs[3] else None
    return gx, gh0, gwi, gwh, _bias_gradient(inward, bi), _bias_gradient(recurrent, bh)


GRU = widened("GruBackward0", _gru, _gru_rule, visible=2)

# ---------------------------------------------------------------- plain cells


def _plain(squash: Callable) -> Callable:
    def forward(
        x: Node, h: Node, wi: Node, wh: Node, bi: Any, bh: Any, sizes: tuple, reverse: bool
    ) -> tuple[Node, Node]:
        rows = _projected(x, wi, bi, bh)
        recur = transposed(wh)
        made: list[Any] = [None] * len(sizes)

        def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
            made[t] = squash(_rows(rows, start, stop) + states[0].matmul(recur))
            return [made[t]]

        last = _scan(sizes, reverse, [h], step)
        return _joined(made), last[0]

    return forward


def _plain_rule(slope: Callable) -> Callable:
    """`slope`: the derivative of the squashing function, from its result."""

    def rule(gs: tuple, outs: tuple, ins: tuple, needs: tuple, sizes: tuple, reverse: bool) -> tuple:
        x, h, wi, wh, bi, bh = ins
        y = outs[0]
        gy, gh = gs
        slopes = slope(y)
        da: list[Any] = [None] * len(sizes)

        def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
            da[t] = (_rows(gy, start, stop) + states[0]) * _rows(slopes, start, stop)
            return [da[t].matmul(wh)]

        (gh0,) = _scan(sizes, not reverse, [gh], step)
        d = _joined(da)
        gx, gwi = _product_gradients(d, x, wi, (needs[0], needs[2]))
        gwh = transposed(d).matmul(_before(y, h, sizes, reverse)) if needs[3] else None
        gb = _bias_gradient(d, bi)
        return gx, gh0, gwi, gwh, gb, gb if bh is not None else None

    return rule


TANH = widened("RnnTanhBackward0", _plain(lambda a: a.tanh()), _plain_rule(lambda y: 1 - y * y))
RELU = widened(
    "RnnReluBackward0",
    _plain(lambda a: a.relu()),
    _plain_rule(lambda y: y.gt(0).where(constant(1, y.dtype), 0)),
)
