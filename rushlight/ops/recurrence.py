"""One direction of one recurrent layer over whole sequences as a primitive, and its gradient as another: LSTM, GRU, plain.

The input's part of the gates is a product of all rows at once and comes in ready; what a primitive does is the part that
has to wait for the step before. Its gradient gives the gradient of the gates of all rows, from which those of
weights, biases and inputs are again products of all rows (functions/cells.py). Rows stand as steps.py tells. In second
derivatives each is what unrolled.py composes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ShapeError
from ..graph.gradient import pullback
from ..graph.node import Node, constant
from ..graph.registry import OPAQUE, PICK, Primitive
from . import unrolled
from .contraction import transposed
from .samples import Array, Call, call
from .steps import Steps, before, columns_of, from_time, joined, to_time

# ---------------------------------------------------------------- in NumPy


def _sigmoid(np: Any, x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (small + 1)


def _begun(np: Any, y: Any, first: Any, steps: Steps) -> Any:
    """The state that each row's step began with."""
    found, states = np.empty_like(y), first.copy()
    for n, at in steps.slices():
        found[at] = states[:n]
        states[:n] = y[at]
    return found


def _lstm(np: Any, x: Any, b: Any, h: Any, c: Any, w: Any, steps: Steps) -> tuple:
    H = h.shape[1]
    gates, recur = x + b, w.T
    y, cells = np.empty((len(x), H), x.dtype), np.empty((len(x), H), x.dtype)
    h, c = h.copy(), c.copy()
    for n, at in steps.slices():
        a = gates[at] + h[:n] @ recur
        i, f, o = (_sigmoid(np, a[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
        g = np.tanh(a[:, 2 * H : 3 * H])
        c[:n] = f * c[:n] + i * g
        h[:n] = o * np.tanh(c[:n])
        y[at], cells[at], gates[at] = h[:n], c[:n], np.concatenate((i, f, g, o), 1)
    return y, gates, cells


def _lstm_gradient(
    np: Any, gy: Any, gh: Any, gc: Any, gates: Any, cells: Any, c: Any, w: Any, steps: Steps
) -> tuple:
    H = c.shape[1]
    d, dh, dc = np.empty_like(gates), gh.copy(), gc.copy()
    begun = _begun(np, cells, c, steps)
    for n, at in steps.turned.slices():
        i, f, g, o = (gates[at, k * H : (k + 1) * H] for k in range(4))
        squashed = np.tanh(cells[at])
        dh[:n] += gy[at]
        dc[:n] += dh[:n] * o * (1 - squashed * squashed)
        to = (g * i * (1 - i), begun[at] * f * (1 - f), i * (1 - g * g))
        d[at] = np.concatenate([*(dc[:n] * part for part in to), dh[:n] * squashed * o * (1 - o)], 1)
        dh[:n] = d[at] @ w
        dc[:n] *= f
    return d, dh, dc


def _gru(np: Any, x: Any, b: Any, h: Any, w: Any, steps: Steps) -> tuple:
    H = h.shape[1]
    rows, recur = x + b[: 3 * H], w.T
    y, gates = np.empty((len(x), H), x.dtype), np.empty((len(x), 4 * H), x.dtype)
    h = h.copy()
    for n, at in steps.slices():
        a = h[:n] @ recur
        r, z = (_sigmoid(np, rows[at, k * H : (k + 1) * H] + a[:, k * H : (k + 1) * H]) for k in range(2))
        m = a[:, 2 * H :] + b[3 * H :]
        new = np.tanh(rows[at, 2 * H :] + r * m)
        h[:n] = new + z * (h[:n] - new)
        y[at], gates[at] = h[:n], np.concatenate((r, z, new, m), 1)
    return y, gates


def _gru_gradient(np: Any, gy: Any, gh: Any, y: Any, gates: Any, h: Any, w: Any, steps: Steps) -> tuple:
    H = h.shape[1]
    inward, recurrent = (np.empty((len(y), 3 * H), y.dtype) for _ in range(2))
    dh, begun = gh.copy(), _begun(np, y, h, steps)
    for n, at in steps.turned.slices():
        r, z, new, m = (gates[at, k * H : (k + 1) * H] for k in range(4))
        dh[:n] += gy[at]
        to_new = dh[:n] * (1 - z) * (1 - new * new)
        both = (to_new * m * r * (1 - r), dh[:n] * (begun[at] - new) * z * (1 - z))
        inward[at] = np.concatenate((*both, to_new), 1)
        recurrent[at] = np.concatenate((*both, to_new * r), 1)
        dh[:n] = recurrent[at] @ w + dh[:n] * z
    return inward, recurrent, dh


def _rnn(np: Any, x: Any, b: Any, h: Any, w: Any, squash: str, steps: Steps) -> Any:
    y, recur, h = x + b, w.T, h.copy()
    for n, at in steps.slices():
        a = y[at] + h[:n] @ recur
        y[at] = h[:n] = np.tanh(a) if squash == "tanh" else np.maximum(a, 0)
    return y


def _rnn_gradient(np: Any, gy: Any, gh: Any, y: Any, w: Any, squash: str, steps: Steps) -> tuple:
    d, dh = np.empty_like(gy), gh.copy()
    slopes = 1 - y * y if squash == "tanh" else y > 0
    for n, at in steps.turned.slices():
        d[at] = (dh[:n] + gy[at]) * slopes[at]
        dh[:n] = d[at] @ w
    return d, dh


# ---------------------------------------------------------------- composed


def _composed_lstm(ins: list[Node], steps: Steps) -> tuple[Node, ...]:
    x, b, h, c, w = ins
    found = unrolled.lstm(to_time(x, steps), b, h, c, w, None, steps.by_time)
    return tuple([from_time(f, steps) for f in found])


def _composed_lstm_gradient(ins: list[Node], steps: Steps) -> tuple[Node, ...]:
    gy, gh, gc, gates, cells, c, w = ins
    gy, gates, cells = (to_time(r, steps) for r in (gy, gates, cells))
    d, dh, dc, _ = unrolled.lstm_gradient(gy, gh, gc, gates, cells, c, w, None, steps.by_time)
    return from_time(d, steps), dh, dc


def _composed_gru(ins: list[Node], steps: Steps) -> tuple[Node, ...]:
    x, b, h, w = ins
    found = unrolled.gru(to_time(x, steps), b, h, w, steps.by_time)
    return tuple([from_time(f, steps) for f in found])


def _composed_gru_gradient(ins: list[Node], steps: Steps) -> tuple[Node, ...]:
    gy, gh, y, gates, h, w = ins
    gy, y, gates = (to_time(r, steps) for r in (gy, y, gates))
    inward, recurrent, dh = unrolled.gru_gradient(gy, gh, y, gates, h, w, steps.by_time)
    return from_time(inward, steps), from_time(recurrent, steps), dh


def _composed_rnn(ins: list[Node], squash: str, steps: Steps) -> tuple[Node, ...]:
    x, b, h, w = ins
    return (from_time(unrolled.rnn(to_time(x, steps), b, h, w, squash, steps.by_time), steps),)


def _composed_rnn_gradient(ins: list[Node], squash: str, steps: Steps) -> tuple[Node, ...]:
    gy, gh, y, w = ins
    d, dh = unrolled.rnn_gradient(to_time(gy, steps), gh, to_time(y, steps), w, squash, steps.by_time)
    return from_time(d, steps), dh


def _through(composed: Callable, count: int) -> tuple[Callable, ...]:
    """The gradient rules of a primitive of `count` inputs that means what `composed` does."""

    def rule(index: int) -> Callable:
        def of_input(g: Any, out: Node, *args: Any) -> Node | None:
            # Copies, since one node may stand in several places.
            ins = [x.copy() for x in args[:count]]
            made = composed(ins, *args[count:])
            return pullback(made, [ins[index]], g if isinstance(g, tuple) else (g,))[0]

        return of_input

    return tuple([rule(i) for i in range(count)])


# ---------------------------------------------------------------- the primitives


def _zeros(shape: tuple[int, ...], like: Node) -> Node:
    return constant(0, like.dtype).expand(shape)


def _need(name: str, **pairs: tuple[tuple, tuple]) -> None:
    for what, (found, wanted) in pairs.items():
        if found != wanted:
            raise ShapeError(f"{name}: {what} has to be {list(wanted)}, got {list(found)}")


def _lstm_shape(x: Node, b: Node, h: Node, c: Node, w: Node, steps: Steps) -> tuple:
    steps.check("lstm", x, h)
    rows, (batch, H) = x.shape[0], h.shape
    _need(
        "lstm",
        c=(c.shape, (batch, H)),
        w=(w.shape, (4 * H, H)),
        b=(b.shape, (4 * H,)),
        x=(x.shape, (rows, 4 * H)),
    )
    return (rows, H), (rows, 4 * H), (rows, H)


def _gru_shape(x: Node, b: Node, h: Node, w: Node, steps: Steps) -> tuple:
    steps.check("gru", x, h)
    rows, H = x.shape[0], h.shape[1]
    _need("gru", w=(w.shape, (3 * H, H)), b=(b.shape, (4 * H,)), x=(x.shape, (rows, 3 * H)))
    return (rows, H), (rows, 4 * H)


def _rnn_shape(x: Node, b: Node, h: Node, w: Node, squash: str, steps: Steps) -> tuple:
    steps.check("rnn", x, h)
    rows, H = x.shape[0], h.shape[1]
    _need("rnn", w=(w.shape, (H, H)), b=(b.shape, (H,)), x=(x.shape, (rows, H)))
    return rows, H


_LSTM_RULES, _GRU_RULES = _through(_composed_lstm, 5), _through(_composed_gru, 4)


def _lstm_rule(index: int) -> Callable:
    def rule(g: tuple, out: Node, x: Node, b: Node, h: Node, c: Node, w: Node, steps: Steps) -> Node | None:
        if g[1] is not None or g[2] is not None:
            return _LSTM_RULES[index](g, out, x, b, h, c, w, steps)
        none = _zeros(h.shape, h)
        parts = lstm_gradient(g[0], none, none, PICK(out, 1), PICK(out, 2), c, w, steps)
        if index in (2, 3):
            return PICK(parts, index - 1)
        d = PICK(parts, 0)
        if index == 4:
            return transposed(d) @ before(PICK(out, 0), h, steps)
        return d if index == 0 else d.sum((0,), False)

    return rule


def _gru_rule(index: int) -> Callable:
    def rule(g: tuple, out: Node, x: Node, b: Node, h: Node, w: Node, steps: Steps) -> Node | None:
        if g[1] is not None:
            return _GRU_RULES[index](g, out, x, b, h, w, steps)
        y = PICK(out, 0)
        parts = gru_gradient(g[0], _zeros(h.shape, h), y, PICK(out, 1), h, w, steps)
        inward, recurrent = PICK(parts, 0), PICK(parts, 1)
        if index == 2:
            return PICK(parts, 2)
        if index == 3:
            return transposed(recurrent) @ before(y, h, steps)
        return inward if index == 0 else gru_bias_gradient(inward, recurrent)

    return rule


def gru_bias_gradient(inward: Node, recurrent: Node) -> Node:
    """The gradient of gru's b from those of x and of the recurrent product."""
    H = inward.shape[1] // 3
    return joined([inward.sum((0,), False), columns_of(recurrent, 2 * H, 3 * H).sum((0,), False)])


def _rnn_rule(index: int) -> Callable:
    def rule(
        g: Node, out: Node, x: Node, b: Node, h: Node, w: Node, squash: str, steps: Steps
    ) -> Node | None:
        parts = rnn_gradient(g, _zeros(h.shape, h), out, w, squash, steps)
        if index == 2:
            return PICK(parts, 1)
        d = PICK(parts, 0)
        if index == 3:
            return transposed(d) @ before(out, h, steps)
        return d if index == 0 else d.sum((0,), False)

    return rule


# ---------------------------------------------------------------- the records

# Widths of states and steps to test on.
_SAMPLES = (
    (3, Steps((2, 2, 2))),
    (2, Steps((3, 2, 2, 1))),
    (5, Steps((3, 1), reverse=True)),
    (17, Steps((2, 2, 2), True, True)),
)


def _samples(shapes: Callable, *params: Any) -> tuple[Call, ...]:
    """`shapes(rows, batch, H)` gives the inputs' shapes."""
    return tuple(
        call(*[Array(shape, -1, 1) for shape in shapes(steps.total, steps.batch, H)], params=(*params, steps))
        for H, steps in _SAMPLES
    )


def _misfits(*shapes: tuple, params: tuple = ()) -> tuple[Call, ...]:
    return (
        call(*shapes, params=(*params, Steps((2, 2))), says="has to be"),
        call(*shapes, params=(*params, Steps((2, 1))), says="need so many states and rows"),
        call(*shapes, params=(*params, Steps((1, 2))), says="must not increase"),
    )


def _first_dtypes(count: int) -> Callable:
    return lambda *args: (args[0].dtype,) * count


lstm = Primitive(
    "lstm",
    "(states, gates, cells) of all rows: long short-term memory over sequences, from the input's part x of the gates, "
    "biases b, first states h and c, and the recurrent weight w (4 H, H). Gates i, f, g, o stand side by side.",
    kind=OPAQUE,
    arity=5,
    shape=_lstm_shape,
    dtype=_first_dtypes(3),
    numpy=_lstm,
    vjp=tuple(_lstm_rule(i) for i in range(5)),
    samples=_samples(lambda N, B, H: ((N, 4 * H), (4 * H,), (B, H), (B, H), (4 * H, H)))
    + _misfits((4, 8), (8,), (2, 2), (2, 2), (8, 3)),
)

lstm_gradient = Primitive(
    "lstm_gradient",
    "The gradients of lstm's x, h and c from those of its states (each row's, and gh, gc of the last), gates and cells.",
    kind=OPAQUE,
    arity=7,
    shape=lambda gy, gh, gc, gates, cells, c, w, steps: (gates.shape, gh.shape, gc.shape),
    dtype=_first_dtypes(3),
    numpy=_lstm_gradient,
    vjp=_through(_composed_lstm_gradient, 7),
    samples=_samples(lambda N, B, H: ((N, H), (B, H), (B, H), (N, 4 * H), (N, H), (B, H), (4 * H, H))),
)

gru = Primitive(
    "gru",
    "(states, gates) of all rows: gated recurrent units over sequences, from the input's part x (3 H) of the gates, biases "
    "b of r, z, n and of the recurrent part of n, first states h, and the recurrent weight w (3 H, H). Gates r, z, n "
    "and the recurrent part of n stand side by side.",
    kind=OPAQUE,
    arity=4,
    shape=_gru_shape,
    dtype=_first_dtypes(2),
    numpy=_gru,
    vjp=tuple(_gru_rule(i) for i in range(4)),
    samples=_samples(lambda N, B, H: ((N, 3 * H), (4 * H,), (B, H), (3 * H, H)))
    + _misfits((4, 6), (8,), (2, 2), (6, 3)),
)

gru_gradient = Primitive(
    "gru_gradient",
    "The gradients of gru's x, of its recurrent product and of h from those of its states (each row's, and gh of the "
    "last), the states and gates.",
    kind=OPAQUE,
    arity=6,
    shape=lambda gy, gh, y, gates, h, w, steps: (*((y.shape[0], w.shape[0]),) * 2, gh.shape),
    dtype=_first_dtypes(3),
    numpy=_gru_gradient,
    vjp=_through(_composed_gru_gradient, 6),
    samples=_samples(lambda N, B, H: ((N, H), (B, H), (N, H), (N, 4 * H), (B, H), (3 * H, H))),
)

rnn = Primitive(
    "rnn",
    "The states of all rows: h = tanh or relu of x + b + w h over sequences.",
    kind=OPAQUE,
    arity=4,
    shape=_rnn_shape,
    numpy=_rnn,
    vjp=tuple(_rnn_rule(i) for i in range(4)),
    samples=_samples(lambda N, B, H: ((N, H), (H,), (B, H), (H, H)), "tanh")
    + _samples(lambda N, B, H: ((N, H), (H,), (B, H), (H, H)), "relu")[:2]
    + _misfits((4, 2), (2,), (2, 2), (2, 3), params=("tanh",)),
)

rnn_gradient = Primitive(
    "rnn_gradient",
    "The gradients of rnn's x and h from those of its states (each row's, and gh of the last) and the states.",
    kind=OPAQUE,
    arity=4,
    shape=lambda gy, gh, y, w, squash, steps: (y.shape, gh.shape),
    dtype=_first_dtypes(2),
    numpy=_rnn_gradient,
    vjp=_through(_composed_rnn_gradient, 4),
    samples=_samples(lambda N, B, H: ((N, H), (B, H), (N, H), (H, H)), "tanh")
    + _samples(lambda N, B, H: ((N, H), (B, H), (N, H), (H, H)), "relu")[:2],
)
