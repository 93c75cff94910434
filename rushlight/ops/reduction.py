"""Reductions over dimensions: `dims` is a sorted tuple of positions, `keepdim` leaves them with size 1."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import bool as bool_dtype
from ..dtypes import int64
from ..graph.node import Node, constant
from ..graph.registry import REDUCTION, Primitive
from .movement import concat
from .samples import Array, Call, call


def reduced(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """What is left of `shape` when `dims` are reduced."""
    if keepdim:
        return tuple([1 if d in dims else n for d, n in enumerate(shape)])
    return tuple([n for d, n in enumerate(shape) if d not in dims])


def _shape(x: Node, dims: tuple, keepdim: bool) -> tuple[int, ...]:
    return reduced(x.shape, dims, keepdim)


def _spread(g: Node, x: Node, dims: tuple, keepdim: bool) -> Node:
    """A reduced value back at x's rank, so that it broadcasts against x."""
    return g if keepdim else g.reshape(reduced(x.shape, dims, True))


def _samples(*more: Call) -> tuple[Call, ...]:
    distinct = Array((2, 3, 4), -2, 2, distinct=True)
    return (
        call(distinct, params=((0, 2), False)),
        call(distinct, params=((1,), True)),
        call(Array((3,), 0.5, 2, distinct=True), params=((0,), False)),
        call((), params=((), False)),
        *more,
    )


def _folded(np: Any, ufunc: Any, x: Any, dims: tuple, keepdim: bool) -> Any:
    """`ufunc` over `dims`. A short trailing window is folded slice by slice: NumPy's inner loops are slow when short."""
    tail = x.shape[x.ndim - len(dims) :]
    n = math.prod(tail)
    if not 1 < n <= 32 or x.size < 512 * n or dims[0] != x.ndim - len(dims):
        return ufunc.reduce(x, axis=dims, keepdims=keepdim, dtype=x.dtype)
    out: Any = None
    for place in np.ndindex(*tail):
        part = x[(..., *place)]
        out = part.copy() if out is None else ufunc(out, part, out=out)
    return out.reshape(reduced(x.shape, dims, keepdim))


sum = Primitive(
    "sum",
    "The sum.",
    kind=REDUCTION,
    shape=_shape,
    numpy=lambda np, x, dims, keepdim: _folded(np, np.add, x, dims, keepdim),
    vjp=lambda g, out, x, dims, keepdim: _spread(g, x, dims, keepdim).expand(x.shape),
    samples=_samples(call((0, 3), params=((0,), False))),
)


def _product_rule(g: Node, out: Node, x: Any, dims: tuple, keepdim: bool) -> Node:
    # The product of the others, without dividing: one dimension at a time from both ends.
    g = _spread(g, x, dims, keepdim)
    kept = list(x.shape)
    order = tuple(d for d in range(len(x.shape)) if d not in dims) + dims
    lead = tuple(kept[d] for d in order[: len(order) - len(dims)])
    flat = x.permute(order).reshape((*lead, _prod(kept, dims)))
    others: Any = _others(flat).reshape(tuple(kept[d] for d in order))
    back = [0] * len(order)
    for i, d in enumerate(order):
        back[d] = i
    return g * others.permute(tuple(back)).conj()


def _prod(sizes: list[int], dims: tuple) -> int:
    n = 1
    for d in dims:
        n *= sizes[d]
    return n


def _others(x: Node) -> Node:
    """For each element along the last dimension: the product of all the others."""
    last, n = len(x.shape) - 1, x.shape[-1]
    one = constant(1, x.dtype).expand((*x.shape[:-1], 1))
    if n <= 1:
        return one.expand(x.shape) if n else x
    most = (*((0, k, 1) for k in x.shape[:-1]), (0, n - 1, 1))
    before = concat((one, x.slice(most)), last)
    after = concat((one, x.flip((last,)).slice(most)), last)
    return before.cumprod(last) * after.cumprod(last).flip((last,))


prod = Primitive(
    "prod",
    "The product.",
    kind=REDUCTION,
    shape=_shape,
    numpy=lambda np, x, dims, keepdim: np.prod(x, axis=dims, keepdims=keepdim, dtype=x.dtype),
    vjp=_product_rule,
    samples=_samples(),
)


def _extreme_rule(g: Node, out: Node, x: Node, dims: tuple, keepdim: bool) -> Node:
    """Shared evenly among the elements that are the extreme."""
    hit = x.eq(_spread(out, x, dims, keepdim))
    share = hit.cast(g.dtype)
    return hit.where(_spread(g, x, dims, keepdim) / share.sum(dims, True), 0)


amax = Primitive(
    "amax",
    "The largest element; NaN where there is one. Ties share the gradient.",
    kind=REDUCTION,
    shape=_shape,
    numpy=lambda np, x, dims, keepdim: _folded(np, np.maximum, x, dims, keepdim),
    vjp=_extreme_rule,
    samples=_samples(),
)
amin = Primitive(
    "amin",
    "The smallest element; NaN where there is one. Ties share the gradient.",
    kind=REDUCTION,
    shape=_shape,
    numpy=lambda np, x, dims, keepdim: _folded(np, np.minimum, x, dims, keepdim),
    vjp=_extreme_rule,
    samples=_samples(),
)
any = Primitive(
    "any",
    "Whether any element is not zero.",
    kind=REDUCTION,
    shape=_shape,
    dtype=lambda x, *_: bool_dtype,
    numpy=lambda np, x, dims, keepdim: np.any(x, axis=dims, keepdims=keepdim),
    samples=_samples(),
)
all = Primitive(
    "all",
    "Whether no element is zero.",
    kind=REDUCTION,
    shape=_shape,
    dtype=lambda x, *_: bool_dtype,
    numpy=lambda np, x, dims, keepdim: np.all(x, axis=dims, keepdims=keepdim),
    samples=_samples(),
)


def _first(which: str) -> Any:
    def rule(np: Any, x: Any, dim: int, keepdim: bool) -> Any:
        return getattr(np, which)(x, axis=dim, keepdims=keepdim)

    return rule


def _one_shape(x: Node, dim: int, keepdim: bool) -> tuple[int, ...]:
    return reduced(x.shape, (dim,), keepdim)


argmax = Primitive(
    "argmax",
    "The position of the first largest element along `dim`; NaN counts as largest.",
    kind=REDUCTION,
    shape=_one_shape,
    dtype=lambda x, *_: int64,
    numpy=_first("argmax"),
    samples=(call((2, 3), params=(1, False)), call((4,), params=(0, True))),
)
argmin = Primitive(
    "argmin",
    "The position of the first smallest element along `dim`; NaN counts as smallest.",
    kind=REDUCTION,
    shape=_one_shape,
    dtype=lambda x, *_: int64,
    numpy=_first("argmin"),
    samples=(call((2, 3), params=(1, False)), call((4,), params=(0, True))),
)
