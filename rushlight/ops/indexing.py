"""Reading and writing at positions that are data: bounds are checked when the program runs, and a position outside
is an IndexError naming the operation, the position and the user's line.

`gather`/`scatter` work along one dimension; `take`/`put` are NumPy's advanced indexing, with index tensors at some
dimensions and everything at the others.
"""

from __future__ import annotations

from typing import Any

from ..graph.node import Node, constant
from ..graph.registry import INDEXING, Primitive
from ..shapes import broadcast_all
from .samples import Array, call

_INDEX = Array((2, 2), 0, 2, "int64")


def _check(np: Any, what: str, index: Any, n: int, dim: int) -> None:
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= n:
            bad = low if low < 0 else high
            raise IndexError(f"{what}: index {bad} is out of bounds for dimension {dim} with size {n}")


def _wrapped(np: Any, what: str, index: Any, n: int, dim: int) -> Any:
    """Positions counted from the front; negative ones count from the end."""
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < -n or high >= n:
            bad = low if low < -n else high
            raise IndexError(f"{what}: index {bad} is out of bounds for dimension {dim} with size {n}")
        if low < 0:
            return np.where(index < 0, index + n, index)
    return index


def _at(np: Any, index: Any, dim: int) -> tuple:
    """Open grids for every dimension but `dim`, where `index` itself stands."""
    grids: list = [
        np.arange(n).reshape((n,) + (1,) * (index.ndim - d - 1)) for d, n in enumerate(index.shape)
    ]
    grids[dim] = index
    return tuple(grids)


def _gather(np: Any, x: Any, index: Any, dim: int) -> Any:
    if not index.size:
        return np.empty(index.shape, x.dtype)
    if not x.ndim:
        _check(np, "gather", index, 1, 0)
        return np.broadcast_to(x, index.shape)
    _check(np, "gather", index, x.shape[dim], dim)
    return x[_at(np, index, dim)] if index.ndim else x[index]


gather = Primitive(
    "gather",
    "out[i][j] = x[i][index[i][j]] along dim; index may be smaller than x in the other dimensions.",
    kind=INDEXING,
    arity=2,
    fallible=True,
    moves=True,
    shape=lambda x, index, dim: index.shape,
    numpy=_gather,
    vjp=(
        lambda g, out, x, index, dim: constant(0, g.dtype).expand(x.shape).scatter(index, g, dim, "sum"),
        None,
    ),
    samples=(call((3, 4), _INDEX, params=(0,)), call((3, 4), _INDEX, params=(1,))),
)


def _scatter(np: Any, x: Any, index: Any, src: Any, dim: int, mode: str) -> Any:
    out = np.array(x)
    if not index.size:
        return out
    if not out.ndim:
        return _scatter(np, out.reshape(1), index.reshape(-1), src.reshape(-1), 0, mode).reshape(())
    _check(np, "scatter", index, x.shape[dim], dim)
    src = np.broadcast_to(src, src.shape)[tuple(slice(n) for n in index.shape)]
    at = _at(np, index, dim)
    if mode == "set":
        out[at] = src
    else:
        _UFUNCS[mode](np).at(out, at, src)
    return out


_UFUNCS = {
    "sum": lambda np: np.add,
    "prod": lambda np: np.multiply,
    "amax": lambda np: np.maximum,
    "amin": lambda np: np.minimum,
}


def _scatter_base(g: Node, out: Node, x: Node, index: Node, src: Node, dim: int, mode: str) -> Node:
    if mode == "sum":
        return g
    if mode == "prod":
        # The product of what was written there, without dividing by x.
        return g * constant(1, x.dtype).expand(x.shape).scatter(index, src, dim, "prod").conj()
    if mode == "set":
        return g.scatter(index, constant(0, g.dtype).expand(index.shape), dim, "set")
    return x.eq(out).where(_even_share(g, out, x, index, src, dim), 0)


def _scatter_source(g: Node, out: Node, x: Node, index: Node, src: Node, dim: int, mode: str) -> Node:
    used = src if src.shape == index.shape else src.slice(tuple([(0, n, 1) for n in index.shape]))
    if mode == "prod":
        part = _product_of_others(g, out, x, index, used, dim)
    elif mode in ("set", "sum"):
        part = g.gather(index, dim)
    else:
        hit = used.eq(out.gather(index, dim))
        part = hit.where(_even_share(g, out, x, index, src, dim).gather(index, dim), 0)
    return part if used is src else part.unslice(src.shape, tuple([(0, n, 1) for n in index.shape]))


def _even_share(g: Node, out: Node, x: Node, index: Node, src: Node, dim: int) -> Node:
    """g over the number of elements, the base's own among them, that are the extreme at each place."""
    used = src if src.shape == index.shape else src.slice(tuple([(0, n, 1) for n in index.shape]))
    hits = used.eq(out.gather(index, dim)).cast(g.dtype)
    return g / x.eq(out).cast(g.dtype).scatter(index, hits, dim, "sum")


def _product_of_others(g: Node, out: Node, x: Node, index: Node, src: Node, dim: int) -> Node:
    """g times the product of everything else that went to the same place; division only by what is not 0."""
    zero = src.eq(0)
    zeros = (
        constant(0, g.dtype).expand(x.shape).scatter(index, zero.cast(g.dtype), dim, "sum").gather(index, dim)
    )
    only = zero & zeros.eq(1)
    rest = x.scatter(index, only.where(1, src), dim, "prod").gather(index, dim)
    share = out.gather(index, dim) / zero.where(1, src)
    return g.gather(index, dim) * only.where(rest, share).conj()


scatter = Primitive(
    "scatter",
    "x with src written (set) or combined (sum, prod, amax, amin) at index along dim.",
    kind=INDEXING,
    arity=3,
    fallible=True,
    moves=False,
    shape=lambda x, index, src, dim, mode: x.shape,
    numpy=_scatter,
    vjp=(_scatter_base, None, _scatter_source),
    samples=(
        call((3, 4), _INDEX, (2, 2), params=(0, "sum")),
        call((3, 4), Array((1, 2), 0, 2, "int64", True), (2, 3), params=(0, "set")),
        call((3, 4), _INDEX, (2, 2), params=(0, "prod")),
        call(Array((3, 4), distinct=True), Array((1, 2), 0, 2, "int64", True), (2, 3), params=(0, "amax")),
    ),
)


def taken_shape(shape: tuple, dims: tuple, indices: tuple[tuple, ...]) -> tuple[tuple, int]:
    """(shape, place): the sizes that advanced indexing gives and where the broadcast index dimensions stand."""
    spread = broadcast_all(indices)
    adjacent = dims == tuple(range(dims[0], dims[0] + len(dims)))
    place = dims[0] if adjacent else 0
    rest = [n for d, n in enumerate(shape) if d not in dims]
    return (*rest[:place], *spread, *rest[place:]), place


def _full_index(np: Any, what: str, x: Any, indices: tuple, dims: tuple) -> tuple:
    at: list = [slice(None)] * (max(dims) + 1)
    for index, d in zip(indices, dims):
        at[d] = _wrapped(np, what, index, x.shape[d], d)
    return tuple(at)


def _take_shape(inputs: tuple, dims: tuple) -> tuple[int, ...]:
    return taken_shape(inputs[0].shape, dims, tuple(i.shape for i in inputs[1:]))[0]


def _take(np: Any, inputs: tuple, dims: tuple) -> Any:
    x, *indices = inputs
    if len(dims) == 1:
        dim = dims[0]
        return x.take(_wrapped(np, "index", indices[0], x.shape[dim], dim), axis=dim)
    return x[_full_index(np, "index", x, tuple(indices), dims)]


def _take_rule(g: Node, out: Node, inputs: tuple, i: int, dims: tuple) -> Node | None:
    if i:
        return None
    zeros = constant(0, g.dtype).expand(inputs[0].shape)
    return put((zeros, g, *inputs[1:]), dims, True)


take = Primitive(
    "take",
    "x at index tensors for the dimensions `dims`, whole along the others.",
    kind=INDEXING,
    arity=None,
    fallible=True,
    moves=True,
    shape=_take_shape,
    numpy=_take,
    vjp=_take_rule,
    samples=(
        call([Array((3, 4)), _INDEX], params=((0,),)),
        call([Array((3, 4)), _INDEX], params=((1,),)),
        call([Array((3, 4, 3)), Array((2,), 0, 2, "int64"), Array((3, 1), 0, 2, "int64")], params=((0, 2),)),
    ),
)


def _put(np: Any, inputs: tuple, dims: tuple, accumulate: bool) -> Any:
    x, value, *indices = inputs
    out = np.array(x)
    at = _full_index(np, "index_put", x, tuple(indices), dims)
    if not accumulate:
        out[at] = value
    elif len(dims) == 1 and dims[0] == 0 and out.ndim > 1:
        _add_rows(np, out, at[0], value)
    else:
        np.add.at(out, at, value)
    return out


def _add_rows(np: Any, out: Any, index: Any, value: Any) -> None:
    """out[index] += value, rows of equal index summed first: np.add.at is slow on rows."""
    flat = index.reshape(-1)
    if not flat.size or not out.size:
        return
    rows = np.broadcast_to(value, (*index.shape, *out.shape[1:])).reshape(flat.size, -1)
    order = np.argsort(flat, kind="stable")
    which, starts = np.unique(flat[order], return_index=True)
    totals = np.add.reduceat(rows[order], starts, axis=0)
    out[which] += totals.reshape(len(which), *out.shape[1:]).astype(out.dtype, copy=False)


def _put_rule(g: Node, out: Node, inputs: tuple, i: int, dims: tuple, accumulate: bool) -> Node | None:
    x, value, *indices = inputs
    if i == 0:
        if accumulate:
            return g
        return put((g, constant(0, g.dtype), *indices), dims, False)
    return take((g, *indices), dims) if i == 1 else None


put = Primitive(
    "put",
    "x with `value` written, or added, where `take` would read.",
    kind=INDEXING,
    arity=None,
    fallible=True,
    moves=False,
    shape=lambda inputs, dims, accumulate: inputs[0].shape,
    numpy=_put,
    vjp=_put_rule,
    samples=(
        call([Array((3, 4)), Array((2, 2, 4)), _INDEX], params=((0,), True)),
        call(
            [Array((3, 4)), Array((2,)), Array((2,), 0, 2, "int64"), Array((2,), 0, 3, "int64")],
            params=((0, 1), True),
        ),
    ),
)
