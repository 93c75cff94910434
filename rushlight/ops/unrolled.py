"""Recurrent cells composed step by step from primitives, on nodes, with their gradients.

What the primitives of recurrence.py mean where they are differentiated twice, and what has no form as a primitive: a single
step, and an LSTM whose state is projected. Rows stand time by time. The gradients form, for all steps at once,
whatever does not depend on what arrives, so that a step is a few nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.node import Node, constant
from .contraction import transposed
from .steps import Steps, before, columns_of, joined, rows_of


def _scan(steps: Steps, first: list[Node], step: Callable) -> list[Node]:
    """step(t, start, stop, states) -> states, over time; gives the last state of every sequence.

    `first` has a row for every sequence. Where the number of rows grows, more of `first` join; where it shrinks, the
    states of what has ended are set aside.
    """
    places = steps.places()
    states = [rows_of(s, 0, places[0][1]) for s in first]
    ended: list[list[Node]] = []
    for t, (start, n) in enumerate(places):
        now = states[0].shape[0]
        if n < now:
            ended.append([rows_of(s, n, now) for s in states])
            states = [rows_of(s, 0, n) for s in states]
        elif n > now:
            states = [joined([s, rows_of(f, now, n)]) for s, f in zip(states, first)]
        states = step(t, start, start + n, states)
    if not ended:
        return states
    return [joined([s, *(part[i] for part in reversed(ended))]) for i, s in enumerate(states)]


def _in_memory_order(made: list, steps: Steps) -> Node:
    """Rows that were made step by step, joined."""
    return joined(made[::-1] if steps.reverse else made)


def _side_by_side(parts: tuple[Node, ...]) -> Node:
    """Factors (rows, H) of several gates as (rows, gates, H), to be multiplied with one (rows, 1, H)."""
    return joined([part.reshape((part.shape[0], 1, part.shape[1])) for part in parts], 1)


def _spread(x: Node, factors: Node) -> Node:
    """(rows, gates * H): x (rows, H) times the factors of every gate."""
    rows, gates, H = factors.shape
    return (x.reshape((rows, 1, H)) * factors).reshape((rows, gates * H))


# ---------------------------------------------------------------- LSTM


def lstm(
    x: Node, b: Node | None, h: Node, c: Node, w: Node, project: Node | None, steps: Steps
) -> tuple[Node, Node, Node]:
    """(states, gates, cells) of all rows; gates i, f, g, o side by side. `project` (P, H) makes the state narrower."""
    H = c.shape[1]
    rows = x if b is None else x + b
    recur = transposed(w)
    made: list[Any] = [()] * steps.length

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        h, c = states
        a = rows_of(rows, start, stop) + h.matmul(recur)
        s = a.sigmoid()
        i, f, o = columns_of(s, 0, H), columns_of(s, H, 2 * H), columns_of(s, 3 * H, 4 * H)
        g = columns_of(a, 2 * H, 3 * H).tanh()
        c = f * c + i * g
        h = o * c.tanh()
        if project is not None:
            h = h.matmul(transposed(project))
        made[t] = (h, i, f, g, o, c)
        return [h, c]

    _scan(steps, [h, c], step)
    y, *gates, cells = (_in_memory_order(list(column), steps) for column in zip(*made))
    return y, joined(gates, 1), cells


def lstm_gradient(
    gy: Node,
    gh: Node,
    gc: Node,
    gates: Node,
    cells: Node,
    c: Node,
    w: Node,
    project: Node | None,
    steps: Steps,
) -> tuple[Node, Node, Node, Node]:
    """Gradients of x, h and c, and what in all arrives at the state of each row."""
    H = c.shape[1]
    i, f, g, o = (columns_of(gates, k * H, (k + 1) * H) for k in range(4))
    squashed = cells.tanh()
    # What the gradients of the cell and of o * tanh(c) are multiplied by on their way to the gates.
    to_cell = o * (1 - squashed * squashed)
    to_output = squashed * o * (1 - o)
    begun = before(cells, c, steps)
    to_gates = _side_by_side((g * i * (1 - i), begun * f * (1 - f), i * (1 - g * g)))
    da: list[Any] = [None] * steps.length
    dh: list[Any] = [None] * steps.length

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        d = dh[t] = rows_of(gy, start, stop) + states[0]
        if project is not None:
            d = d.matmul(project)
        dc = states[1] + d * rows_of(to_cell, start, stop)
        first = _spread(dc, rows_of(to_gates, start, stop))
        da[t] = joined([first, d * rows_of(to_output, start, stop)], 1)
        return [da[t].matmul(w), dc * rows_of(f, start, stop)]

    back = steps.turned
    gh, gc = _scan(back, [gh, gc], step)
    return _in_memory_order(da, back), gh, gc, _in_memory_order(dh, back)


# ---------------------------------------------------------------- GRU


def gru(x: Node, b: Node | None, h: Node, w: Node, steps: Steps) -> tuple[Node, Node]:
    """(states, gates) of all rows; gates r, z, n and the recurrent part of n before it is reset, side by side."""
    H = h.shape[1]
    rows = x if b is None else x + columns_of(b, 0, 3 * H)
    recur = transposed(w)
    made: list[Any] = [()] * steps.length

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        h = states[0]
        here, a = rows_of(rows, start, stop), h.matmul(recur)
        s = (columns_of(here, 0, 2 * H) + columns_of(a, 0, 2 * H)).sigmoid()
        r, z = columns_of(s, 0, H), columns_of(s, H, 2 * H)
        m = columns_of(a, 2 * H, 3 * H)
        if b is not None:
            m = m + columns_of(b, 3 * H, 4 * H)
        n = (columns_of(here, 2 * H, 3 * H) + r * m).tanh()
        h = n + z * (h - n)
        made[t] = (h, r, z, n, m)
        return [h]

    _scan(steps, [h], step)
    y, *gates = (_in_memory_order(list(column), steps) for column in zip(*made))
    return y, joined(gates, 1)


def gru_gradient(
    gy: Node, gh: Node, y: Node, gates: Node, h: Node, w: Node, steps: Steps
) -> tuple[Node, Node, Node]:
    """Gradients of x, of the recurrent product, and of h."""
    H = h.shape[1]
    r, z, n, m = (columns_of(gates, k * H, (k + 1) * H) for k in range(4))
    to_new = (1 - z) * (1 - n * n)
    begun = before(y, h, steps)
    to_gates = _side_by_side((to_new * m * r * (1 - r), (begun - n) * z * (1 - z), to_new * r))
    da: list[Any] = [None] * steps.length
    dh: list[Any] = [None] * steps.length

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        d = dh[t] = rows_of(gy, start, stop) + states[0]
        da[t] = _spread(d, rows_of(to_gates, start, stop))
        return [da[t].matmul(w) + d * rows_of(z, start, stop)]

    back = steps.turned
    (gh,) = _scan(back, [gh], step)
    recurrent = _in_memory_order(da, back)
    inward = joined([columns_of(recurrent, 0, 2 * H), _in_memory_order(dh, back) * to_new], 1)
    return inward, recurrent, gh


# ---------------------------------------------------------------- plain cells


def rnn(x: Node, b: Node | None, h: Node, w: Node, squash: str, steps: Steps) -> Node:
    """The states of all rows. squash: "tanh" or "relu"."""
    rows = x if b is None else x + b
    recur = transposed(w)
    made: list[Any] = [None] * steps.length

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        a = rows_of(rows, start, stop) + states[0].matmul(recur)
        made[t] = a.tanh() if squash == "tanh" else a.relu()
        return [made[t]]

    _scan(steps, [h], step)
    return _in_memory_order(made, steps)


def rnn_gradient(gy: Node, gh: Node, y: Node, w: Node, squash: str, steps: Steps) -> tuple[Node, Node]:
    """Gradients of x and of h."""
    slopes = 1 - y * y if squash == "tanh" else y.gt(0).where(constant(1, y.dtype), 0)
    da: list[Any] = [None] * steps.length

    def step(t: int, start: int, stop: int, states: list[Node]) -> list[Node]:
        da[t] = (rows_of(gy, start, stop) + states[0]) * rows_of(slopes, start, stop)
        return [da[t].matmul(w)]

    back = steps.turned
    (gh,) = _scan(back, [gh], step)
    return _in_memory_order(da, back), gh
