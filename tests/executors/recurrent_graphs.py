"""Graphs of the recurrent primitives on random numbers, for tests of the cpu executor."""

import numpy as np

from rushlight import dtypes
from rushlight.graph.node import of_array
from rushlight.graph.registry import PICK
from rushlight.ops import recurrence
from rushlight.ops.steps import Steps

CELLS = ("lstm", "gru", "tanh", "relu")
SIZES = [
    # hidden columns, rows of each step
    (1, (1,)),
    (1, (3, 2)),
    (7, (1, 1, 1)),
    (16, (5, 5)),
    (17, (2, 2, 2, 1)),
    (33, (9, 4, 4, 1)),
    (40, (21, 21)),
]
ORDERS = [(False, False), (False, True), (True, False), (True, True)]  # batch first, reverse


def graphs(cell, H, steps, dtype="float32", seed=0):
    """The results of a cell's primitive, and those of its gradient, as single nodes."""
    rng = np.random.default_rng((seed, H, steps.total, steps.length))

    def array(*shape):
        return of_array(rng.uniform(-1, 1, shape).astype(dtype), getattr(dtypes, dtype))

    N, B = steps.total, steps.batch
    h, gh, gy, y = array(B, H), array(B, H), array(N, H), array(N, H)
    if cell == "lstm":
        w, c = array(4 * H, H), array(B, H)
        out = recurrence.lstm(array(N, 4 * H), array(4 * H), h, c, w, steps)
        gradient = recurrence.lstm_gradient(gy, gh, array(B, H), array(N, 4 * H), y, c, w, steps)
    elif cell == "gru":
        w = array(3 * H, H)
        out = recurrence.gru(array(N, 3 * H), array(4 * H), h, w, steps)
        gradient = recurrence.gru_gradient(gy, gh, y, array(N, 4 * H), h, w, steps)
    else:
        w = array(H, H)
        out = recurrence.rnn(array(N, H), array(H), h, w, cell, steps)
        gradient = recurrence.rnn_gradient(gy, gh, y, w, cell, steps)
    forward = [PICK(out, i) for i in range(len(out.shape))] if isinstance(out.dtype, tuple) else [out]
    return forward, [PICK(gradient, i) for i in range(len(gradient.shape))]


def every_size(cell, orders=ORDERS):
    """(H, steps) for all sizes and those orders that they can stand in."""
    for H, sizes in SIZES:
        for batch_first, reverse in orders:
            steps = Steps(sizes, batch_first, reverse)
            if steps.equal or not batch_first:
                yield H, steps
