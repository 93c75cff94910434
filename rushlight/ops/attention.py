"""Scaled dot-product attention, softmax(q k^T scale) v, as a primitive, and its gradient as another.

Primitives, so that an executor need not hold the scores: the logarithm of each softmax's denominator is a result as
well, and from it the gradient computes the weights anew, block by block (Dao et al. 2022). Here in NumPy they are held.
Masks other than the causal one, and leading dimensions that differ, are composed in functions/attention.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ShapeError
from ..graph.gradient import pullback
from ..graph.node import Node
from ..graph.registry import OPAQUE, PICK, Primitive
from .contraction import transposed
from .matrices import column_of, columns_numbered, rows_numbered
from .samples import Array, call


def scores(q: Node, k: Node, causal: bool, scale: float) -> Node:
    """q k^T scale, (..., L, S); -inf where key j comes after query i, if `causal`."""
    found = (q * scale) @ transposed(k)
    if not causal:
        return found
    rows, columns = found.shape[-2:]
    return rows_numbered(rows).ge(columns_numbered(columns)).where(found, -math.inf)


def _scores(np: Any, q: Any, k: Any, causal: bool, scale: float) -> Any:
    found = np.matmul(q * scale, k.swapaxes(-1, -2))
    if causal:
        rows, columns = found.shape[-2:]
        np.copyto(found, -np.inf, where=np.arange(rows)[:, None] < np.arange(columns))
    return found


# ---------------------------------------------------------------- forward


def _shapes(q: Node, k: Node, v: Node, causal: bool, scale: float) -> tuple:
    lead, (L, E), (S, Ev) = q.shape[:-2], q.shape[-2:], v.shape[-2:]
    if k.shape != (*lead, S, E) or v.shape[:-2] != lead or not S:
        raise ShapeError(
            f"attention: query {list(q.shape)}, key {list(k.shape)} and value {list(v.shape)} need the same leading "
            "dimensions, query and key one last dimension, key and value one length, and there has to be a key"
        )
    return (*lead, L, Ev), (*lead, L)


def _attention(np: Any, q: Any, k: Any, v: Any, causal: bool, scale: float) -> tuple:
    e = _scores(np, q, k, causal, scale)
    peak = e.max(-1, keepdims=True)
    # Scores that are all -inf give 0 / 0, as their softmax does, and -inf for the logarithm of their sum.
    peak[peak == -np.inf] = 0
    e -= peak
    np.exp(e, out=e)
    total = e.sum(-1, keepdims=True)
    out = np.matmul(e, v)
    out /= total
    return out, (np.log(total) + peak)[..., 0]


def _rule(index: int) -> Callable:
    """The gradient of input `index`. Through logsumexp each score has its weight as derivative."""

    def rule(g: tuple, out: Node, q: Node, k: Node, v: Node, causal: bool, scale: float) -> Node | None:
        found = None
        if g[0] is not None:
            parts = attention_gradient(g[0], PICK(out, 0), PICK(out, 1), q, k, v, causal, scale)
            found = PICK(parts, index)
        if g[1] is None or index == 2:
            return found
        gs = (scores(q, k, causal, scale) - column_of(PICK(out, 1))).exp() * column_of(g[1])
        more = (gs @ k if index == 0 else transposed(gs) @ q) * scale
        return more if found is None else found + more

    return rule


attention = Primitive(
    "attention",
    "(out, logsumexp): softmax(q k^T scale) v for q (..., L, E), k (..., S, E), v (..., S, Ev), and (..., L) the "
    "logarithm of each row's sum of exponentials. `causal`: query i sees keys 0 to i.",
    kind=OPAQUE,
    arity=3,
    shape=_shapes,
    dtype=lambda q, k, v, causal, scale: (q.dtype, q.dtype),
    numpy=_attention,
    vjp=(_rule(0), _rule(1), _rule(2)),
    samples=(
        call((3, 4), (5, 4), (5, 2), params=(False, 0.5)),
        call((2, 3, 4), (2, 2, 4), (2, 2, 3), params=(True, 0.7)),
        call((2, 1, 3, 2), (2, 1, 5, 2), (2, 1, 5, 2), params=(True, 1.0)),
        call((2, 0, 3), (2, 1, 3), (2, 1, 2), params=(False, 1.0)),
        call(*[Array((2, 3), dtype="float32")] * 3, params=(True, 1.0), grad=False),
        call((3, 4), (0, 4), (0, 2), params=(False, 0.5), says="there has to be a key"),
        call((2, 3, 4), (3, 4), (3, 4), params=(False, 0.5), says="the same leading dimensions"),
    ),
)

# ---------------------------------------------------------------- its gradient


def _gradient(
    np: Any, g: Any, out: Any, logsumexp: Any, q: Any, k: Any, v: Any, causal: bool, scale: float
) -> tuple:
    p = _scores(np, q, k, causal, scale)
    p -= logsumexp[..., None]
    np.exp(p, out=p)
    gs = np.matmul(g, v.swapaxes(-1, -2))
    gs -= (g * out).sum(-1, keepdims=True)
    gs *= p
    gs *= scale
    return np.matmul(gs, k), np.matmul(gs.swapaxes(-1, -2), q), np.matmul(p.swapaxes(-1, -2), g)


def _composed(ins: Sequence[Node], causal: bool, scale: float) -> tuple[Node, Node, Node]:
    """What attention_gradient means, in primitives that have derivatives."""
    g, out, logsumexp, q, k, v = ins
    p = (scores(q, k, causal, scale) - column_of(logsumexp)).exp()
    gs = p * (g @ transposed(v) - (g * out).sum((len(g.shape) - 1,), True)) * scale
    return gs @ k, transposed(gs) @ q, transposed(p) @ g


def _gradient_rule(index: int) -> Callable:
    def rule(gs: tuple, _: Node, *args: Any) -> Node | None:
        # Copies, since one node may stand in several places.
        ins = [x.copy() for x in args[:6]]
        return pullback(_composed(ins, *args[6:]), [ins[index]], gs)[0]

    return rule


attention_gradient = Primitive(
    "attention_gradient",
    "The gradients of attention's q, k and v from that of its `out`, which is given too, with logsumexp.",
    kind=OPAQUE,
    arity=6,
    shape=lambda g, out, logsumexp, q, k, v, causal, scale: (q.shape, k.shape, v.shape),
    dtype=lambda g, out, logsumexp, q, k, v, causal, scale: (q.dtype, k.dtype, v.dtype),
    numpy=_gradient,
    vjp=tuple(_gradient_rule(i) for i in range(6)),
    samples=(
        call(
            *((3, 2), (3, 2), Array((3,), 1, 3), Array((3, 4), -1, 1), Array((5, 4), -1, 1), (5, 2)),
            params=(False, 0.5),
        ),
        call(
            *((2, 3, 2), (2, 3, 2), Array((2, 3), 1, 3), Array((2, 3, 2), -1, 1), Array((2, 4, 2), -1, 1)),
            (2, 4, 2),
            params=(True, 0.7),
        ),
    ),
)
