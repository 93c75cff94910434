"""Running reductions along one dimension."""

from __future__ import annotations

from typing import Any

from ..dtypes import int64
from ..graph.node import Node, constant
from ..graph.registry import SCAN, Primitive
from .samples import Array, call


def _shape(x: Node, dim: int) -> tuple[int, ...]:
    return x.shape


def _accumulated(which: str) -> Any:
    """NumPy's running sum or product, float32 carried in float64 as PyTorch does."""

    def rule(np: Any, x: Any, dim: int) -> Any:
        wide = np.float64 if x.dtype == np.float32 else x.dtype
        return getattr(np, which)(x, axis=dim, dtype=wide).astype(x.dtype, copy=False)

    return rule


def _from_the_end(g: Node, dim: int) -> Node:
    """The sum of g from each position to the end."""
    return g.flip((dim,)).cumsum(dim).flip((dim,))


cumsum = Primitive(
    "cumsum",
    "The running sum.",
    kind=SCAN,
    shape=_shape,
    numpy=_accumulated("cumsum"),
    vjp=lambda g, out, x, dim: _from_the_end(g, dim),
    samples=(call((2, 3), params=(1,)), call((3, 2), params=(0,)), call((0,), params=(0,))),
)


def _cumprod_rule(g: Node, out: Node, x: Node, dim: int) -> Node:
    # sum over j >= i of g_j * out_j / x_i; where some x is 0 the product without x_i is built instead, as a
    # lower-triangular table along a new dimension.
    n = x.shape[dim]
    rank = len(x.shape)
    rows = constant(0, int64).iota(n).reshape((n, 1))
    columns = constant(0, int64).iota(n).reshape((1, n))
    # table[..., i, j] = x_j with x_i left out, for every i; its running product over j is out_j without x_i.
    order = (*(d for d in range(rank) if d != dim), dim)
    last = x.permute(order)
    table = last.reshape((*last.shape[:-1], 1, n)).expand((*last.shape[:-1], n, n))
    without = rows.eq(columns).where(constant(1, x.dtype), table).cumprod(rank)
    weight = g.permute(order).reshape((*last.shape[:-1], 1, n)) * without.conj()
    total = columns.ge(rows).where(weight, 0).sum((rank,), False)
    back = [0] * rank
    for i, d in enumerate(order):
        back[d] = i
    return total.permute(tuple(back))


cumprod = Primitive(
    "cumprod",
    "The running product.",
    kind=SCAN,
    shape=_shape,
    numpy=_accumulated("cumprod"),
    vjp=_cumprod_rule,
    samples=(call((2, 3), params=(1,)), call((3, 2), params=(0,))),
)


def _running_extreme(np: Any, x: Any, dim: int, best: Any, over: Any) -> Any:
    """Position of the running extreme; among equals the latest, and from a NaN on, the latest NaN."""
    values = best.accumulate(x, axis=dim)
    n = x.shape[dim]
    along = np.arange(n).reshape((n,) + (1,) * (x.ndim - dim - 1))
    hit = x == values
    if x.dtype.kind == "f":
        hit |= np.isnan(x)
    return np.maximum.accumulate(np.where(hit, along, 0), axis=dim)


def _running(name: str, which: str, doc: str) -> Primitive:
    return Primitive(
        name,
        doc,
        kind=SCAN,
        shape=_shape,
        dtype=lambda x, dim: int64,
        numpy=lambda np, x, dim: _running_extreme(np, x, dim, getattr(np, which), which),
        samples=(call(Array((2, 3)), params=(1,)),),
    )


argcummax = _running("argcummax", "maximum", "The position of the largest element so far.")
argcummin = _running("argcummin", "minimum", "The position of the smallest element so far.")


def _logcumsumexp(np: Any, x: Any, dim: int) -> Any:
    if x.dtype.kind == "c":
        peak = np.max(x.real, axis=dim, keepdims=True)
        return np.log(np.cumsum(np.exp(x - peak), axis=dim)) + peak
    return np.logaddexp.accumulate(x, axis=dim)


def _logcumsumexp_rule(g: Node, out: Node, x: Node, dim: int) -> Node:
    # d out_j / d x_i = exp(x_i - out_j) for j >= i. A table of differences never overflows.
    n, rank = x.shape[dim], len(x.shape)
    order = (*(d for d in range(rank) if d != dim), dim)
    rows = constant(0, int64).iota(n).reshape((n, 1))
    columns = constant(0, int64).iota(n).reshape((1, n))
    xs, outs, gs = (v.permute(order) for v in (x, out, g))
    lead = xs.shape[:-1]
    difference = xs.reshape((*lead, n, 1)) - outs.reshape((*lead, 1, n))
    allowed = columns.ge(rows)
    share = allowed.where(allowed.where(difference, 0).exp().conj() * gs.reshape((*lead, 1, n)), 0)
    back = [0] * rank
    for i, d in enumerate(order):
        back[d] = i
    return share.sum((rank,), False).permute(tuple(back))


logcumsumexp = Primitive(
    "logcumsumexp",
    "The logarithm of the running sum of exponentials.",
    kind=SCAN,
    shape=_shape,
    numpy=_logcumsumexp,
    vjp=_logcumsumexp_rule,
    samples=(call((2, 3), params=(1,)),),
)
