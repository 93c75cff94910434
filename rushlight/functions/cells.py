"""One direction of a recurrent layer as one entry on the tape: LSTM, GRU and plain cells.

The part of the steps that waits for the step before is a primitive (ops/recurrence.py); for a single step, and for an LSTM
whose state is projected, it is composed (ops/unrolled.py). Around it, here: the products of all rows at once, forward with
the input's weights, backward for the gradients of all weights and of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.node import Node, constant
from ..graph.registry import PICK
from ..ops import recurrence, unrolled
from ..ops.contraction import transposed
from ..ops.steps import Steps, before, columns_of, joined, last
from .opmath import widened


def _looped(steps: Steps) -> bool:
    """Whether the steps are a primitive."""
    return steps.length > 1 and steps.batch > 0


def _parts(node: Node) -> tuple[Node, ...]:
    return tuple([PICK(node, i) for i in range(len(node.shape))])


def _sum(a: Node | None, b: Node | None) -> Node | None:
    return b if a is None else a if b is None else a + b


def _or_zeros(bias: Node | None, count: int, like: Node) -> Node:
    return constant(0, like.dtype).expand((count,)) if bias is None else bias


def _product_gradients(d: Node, x: Node, w: Node, needs: tuple) -> tuple:
    """(of x, of w) for d, the gradient of x w^T."""
    gx = d.matmul(w) if needs[0] else None
    gw = transposed(d).matmul(x) if needs[1] else None
    return gx, gw


def _bias_gradient(d: Node, bias: Node | None) -> Node | None:
    return None if bias is None else d.sum((0,), False)


# ---------------------------------------------------------------- LSTM


def _lstm(x: Node, h: Node, c: Node, wi: Node, wh: Node, bi: Any, bh: Any, wr: Any, steps: Steps) -> tuple:
    """(y, h_n, c_n), and hidden: the gates and the cell states of all rows."""
    rows, b = x.matmul(transposed(wi)), _sum(bi, bh)
    if wr is None and _looped(steps):
        y, gates, cells = _parts(recurrence.lstm(rows, _or_zeros(b, wi.shape[0], x), h, c, wh, steps))
    else:
        y, gates, cells = unrolled.lstm(rows, b, h, c, wh, wr, steps)
    return y, last(y, steps), last(cells, steps), gates, cells


def _lstm_rule(gs: tuple, outs: tuple, ins: tuple, needs: tuple, steps: Steps) -> tuple:
    x, h, c, wi, wh, bi, bh, wr = ins
    y, _, _, gates, cells = outs
    gy, gh, gc = gs
    if wr is None and _looped(steps):
        d, gh, gc = _parts(recurrence.lstm_gradient(gy, gh, gc, gates, cells, c, wh, steps))
        gwr = None
    else:
        d, gh, gc, dy = unrolled.lstm_gradient(gy, gh, gc, gates, cells, c, wh, wr, steps)
        H = c.shape[1]
        inner = columns_of(gates, 3 * H, 4 * H) * cells.tanh()
        gwr = None if wr is None else transposed(dy).matmul(inner)
    gx, gwi = _product_gradients(d, x, wi, (needs[0], needs[3]))
    gwh = transposed(d).matmul(before(y, h, steps)) if needs[4] else None
    return gx, gh, gc, gwi, gwh, _bias_gradient(d, bi), _bias_gradient(d, bh), gwr


LSTM = widened("LstmBackward0", _lstm, _lstm_rule, visible=3)

# ---------------------------------------------------------------- GRU


def _gru_bias(bi: Node | None, bh: Node | None, H: int, like: Node) -> Node | None:
    """What the gates r, z, n and the recurrent part of n begin with."""
    if bi is None and bh is None:
        return None
    bi, bh = _or_zeros(bi, 3 * H, like), _or_zeros(bh, 3 * H, like)
    first = columns_of(bi, 0, 2 * H) + columns_of(bh, 0, 2 * H)
    return joined([first, columns_of(bi, 2 * H, 3 * H), columns_of(bh, 2 * H, 3 * H)])


def _gru(x: Node, h: Node, wi: Node, wh: Node, bi: Any, bh: Any, steps: Steps) -> tuple:
    """(y, h_n), and hidden: the gates of all rows."""
    H = h.shape[1]
    rows, b = x.matmul(transposed(wi)), _gru_bias(bi, bh, H, x)
    if _looped(steps):
        y, gates = _parts(recurrence.gru(rows, _or_zeros(b, 4 * H, x), h, wh, steps))
    else:
        y, gates = unrolled.gru(rows, b, h, wh, steps)
    return y, last(y, steps), gates


def _gru_rule(gs: tuple, outs: tuple, ins: tuple, needs: tuple, steps: Steps) -> tuple:
    x, h, wi, wh, bi, bh = ins
    y, _, gates = outs
    gy, gh = gs
    if _looped(steps):
        inward, recurrent, gh = _parts(recurrence.gru_gradient(gy, gh, y, gates, h, wh, steps))
    else:
        inward, recurrent, gh = unrolled.gru_gradient(gy, gh, y, gates, h, wh, steps)
    gx, gwi = _product_gradients(inward, x, wi, (needs[0], needs[2]))
    gwh = transposed(recurrent).matmul(before(y, h, steps)) if needs[3] else None
    return gx, gh, gwi, gwh, _bias_gradient(inward, bi), _bias_gradient(recurrent, bh)


GRU = widened("GruBackward0", _gru, _gru_rule, visible=2)

# ---------------------------------------------------------------- plain cells


def _plain(squash: str) -> Callable:
    def forward(x: Node, h: Node, wi: Node, wh: Node, bi: Any, bh: Any, steps: Steps) -> tuple[Node, Node]:
        rows, b = x.matmul(transposed(wi)), _sum(bi, bh)
        if _looped(steps):
            y = recurrence.rnn(rows, _or_zeros(b, wi.shape[0], x), h, wh, squash, steps)
        else:
            y = unrolled.rnn(rows, b, h, wh, squash, steps)
        return y, last(y, steps)

    return forward


def _plain_rule(squash: str) -> Callable:
    def rule(gs: tuple, outs: tuple, ins: tuple, needs: tuple, steps: Steps) -> tuple:
        x, h, wi, wh, bi, bh = ins
        y, (gy, gh) = outs[0], gs
        if _looped(steps):
            d, gh = _parts(recurrence.rnn_gradient(gy, gh, y, wh, squash, steps))
        else:
            d, gh = unrolled.rnn_gradient(gy, gh, y, wh, squash, steps)
        gx, gwi = _product_gradients(d, x, wi, (needs[0], needs[2]))
        gwh = transposed(d).matmul(before(y, h, steps)) if needs[3] else None
        return gx, gh, gwi, gwh, _bias_gradient(d, bi), _bias_gradient(d, bh)

    return rule


TANH = widened("RnnTanhBackward0", _plain("tanh"), _plain_rule("tanh"))
RELU = widened("RnnReluBackward0", _plain("relu"), _plain_rule("relu"))
