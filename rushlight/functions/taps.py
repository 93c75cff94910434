"""Linear maps along one dimension, given as taps: out[i] = sum over j of weight[i, j] * x[places[i, j]].

Resizing, padding by reflection and averages over regions of any size are such maps, one for each dimension. The
transpose of taps is taps again, so a gradient reads as the forward pass does. Tables are worked out from sizes alone,
once each. A tap of weight 0 that only fills up a row takes no part: 0 * inf would be NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..autograd.entry import Op
from ..dtypes import DType, from_numpy
from ..graph.node import Node, constant, of_fixed
from ..ops.indexing import put, take
from .opmath import widened


class Taps(NamedTuple):
    """`places` and `weight` are (n_out, K); `used` marks the taps that count, None where all do; `size` is n_in."""

    places: np.ndarray
    weight: np.ndarray
    used: np.ndarray | None
    size: int


def gathered(index: np.ndarray, size: int) -> Taps:
    """Taps that copy x[index]."""
    column = np.asarray(index, np.int64).reshape(-1, 1)
    return Taps(column, np.ones(column.shape), None, size)


def transposed(taps: Taps) -> Taps | None:
    """The taps of the transposed map; None where filling its rows up would take far more than the map has."""
    n, k = taps.places.shape
    flat = taps.places.reshape(-1)
    used = np.ones(n * k, bool) if taps.used is None else taps.used.reshape(-1)
    rows = np.repeat(np.arange(n), k)[used]
    flat, weight = flat[used], taps.weight.reshape(-1)[used]
    counts = np.bincount(flat, minlength=taps.size)
    longest = int(counts.max()) if len(flat) else 0
    if longest * taps.size > 4 * len(flat) + 64:
        return None
    order = np.argsort(flat, kind="stable")
    starts = np.cumsum(counts) - counts
    place = np.arange(len(flat)) - starts[flat[order]]
    index = np.zeros((taps.size, longest), np.int64)
    back = np.zeros((taps.size, longest))
    taken = np.zeros((taps.size, longest), bool)
    index[flat[order], place] = rows[order]
    back[flat[order], place] = weight[order]
    taken[flat[order], place] = True
    return Taps(index, back, None if taken.all() else taken, n)


UNCHANGED = ("unchanged",)


class _Nodes(NamedTuple):
    places: Node
    weight: Node | None
    used: Node | None


def _nodes(taps: Taps, dtype: DType) -> _Nodes:
    kind = np.float64 if dtype.name in ("float64", "complex128") else np.float32
    plain = bool((taps.weight[taps.used] == 1).all() if taps.used is not None else (taps.weight == 1).all())
    weight = None if plain else _frozen(taps.weight.astype(kind))
    used = None if taps.used is None else _frozen(taps.used)
    return _Nodes(_frozen(taps.places), weight, used)


def _frozen(array: np.ndarray) -> Node:
    array.flags.writeable = False
    return of_fixed(array, from_numpy(array.dtype))


def _applied(x: Node, dim: int, taps: _Nodes) -> Node:
    """The map along `dim`."""
    n, k = taps.places.shape
    rest = (1,) * (len(x.shape) - dim - 1)
    if not k:
        return constant(0, x.dtype).expand((*x.shape[:dim], n, *x.shape[dim + 1 :]))
    single = k == 1
    shape = (n, *rest) if single else (n, k, *rest)
    out = take((x, taps.places.reshape((n,)) if single else taps.places), (dim,))
    if taps.weight is not None:
        weight = taps.weight if taps.weight.dtype is x.dtype else taps.weight.cast(x.dtype)
        out = out * weight.reshape(shape)
    if taps.used is not None:
        out = taps.used.reshape(shape).where(out, 0)
    return out if single else out.sum((dim + 1,), False)


def _put_back(g: Node, dim: int, taps: _Nodes, size: int) -> Node:
    """The transposed map, by adding at positions: where few elements take very many taps."""
    n, k = taps.places.shape
    rest = (1,) * (len(g.shape) - dim - 1)
    parts = g.reshape((*g.shape[:dim], n, 1, *g.shape[dim + 1 :]))
    if taps.weight is not None:
        weight = taps.weight if taps.weight.dtype is g.dtype else taps.weight.cast(g.dtype)
        parts = parts * weight.reshape((n, k, *rest))
    if taps.used is not None:
        parts = taps.used.reshape((n, k, *rest)).where(parts, 0)
    parts = parts.expand((*g.shape[:dim], n, k, *g.shape[dim + 1 :]))
    zeros = constant(0, g.dtype).expand((*g.shape[:dim], size, *g.shape[dim + 1 :]))
    return put((zeros, parts, taps.places), (dim,), True)


class _Map(NamedTuple):
    """One dimension's map, with what its transpose needs."""

    forward: _Nodes
    backward: _Nodes | None
    size: int


def linear_map(name: str, make: Callable[..., Taps | None]) -> Op:
    """An Op that applies taps along the last dimensions of its input.

    Args:
        name: the tape entry's.
        make: (n_in, *params) -> the taps of one dimension, or None where it is left alone. The Op's own parameter is
            a tuple with one tuple of such params, or UNCHANGED, for each of the last dimensions.
    """

    @lru_cache(maxsize=512)
    def map_of(n: int, dtype: DType, params: tuple) -> _Map | None:
        taps = None if params == UNCHANGED else make(n, *params)
        if taps is None:
            return None
        back = transposed(taps)
        return _Map(_nodes(taps, dtype), None if back is None else _nodes(back, dtype), n)

    def forward(x: Node, each: tuple) -> Node:
        first = len(x.shape) - len(each)
        # The last dimension first: what is computed from it is read in runs by the others.
        for i in range(len(each) - 1, -1, -1):
            found = map_of(x.shape[first + i], x.dtype, each[i])
            if found is not None:
                x = _applied(x, first + i, found.forward)
        return x

    def rule(g: Node, out: Node, ins: tuple, needs: tuple, each: tuple) -> tuple:
        shape = ins[0].shape
        first = len(shape) - len(each)
        for i in range(len(each)):
            found = map_of(shape[first + i], g.dtype, each[i])
            if found is None:
                continue
            if found.backward is not None:
                g = _applied(g, first + i, found.backward)
            else:
                g = _put_back(g, first + i, found.forward, found.size)
        return (g,)

    return widened(name, forward, rule)


def dimensions(*each: Any) -> tuple:
    """The parameter of a linear_map's Op."""
    return (tuple(each),)
