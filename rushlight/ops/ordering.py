"""Order: sorting positions, and searching in what is sorted. NaN counts as larger than every number."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import int32, int64
from ..graph.registry import SCAN, Primitive
from .samples import Array, call


def _argsort(np: Any, x: Any, dim: int, descending: bool) -> Any:
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    # Stable from the largest: sort what is turned round, and turn the positions back.
    turned = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
    return np.flip(x.shape[dim] - 1 - turned, dim)


argsort = Primitive(
    "argsort",
    "The positions that sort x along dim; equal elements keep their order.",
    kind=SCAN,
    shape=lambda x, dim, descending: x.shape,
    dtype=lambda x, dim, descending: int64,
    numpy=_argsort,
    samples=(call((2, 5), params=(1, False)), call((4, 2), params=(0, True)), call((), params=(0, False))),
)


def _argtop(np: Any, x: Any, k: int, dim: int, largest: bool) -> Any:
    last = np.moveaxis(x, dim, -1)
    n = last.shape[-1]
    if k == 0 or not last.size:
        return np.zeros((*x.shape[:dim], k, *x.shape[dim + 1 :]), np.int64)
    if 4 * k > n or (x.dtype.kind not in "biu" and np.isnan(x).any()):
        order = _argsort(np, last, last.ndim - 1, largest)[..., :k]
        return np.moveaxis(order, -1, dim)
    rows = np.ascontiguousarray(last).reshape(-1, n)
    chosen = _first_top(np, rows, k, largest)
    order = _argsort(np, np.take_along_axis(rows, chosen, 1), 1, largest)
    found = np.take_along_axis(chosen, order, 1).reshape(*last.shape[:-1], k)
    return np.moveaxis(found, -1, dim)


def _first_top(np: Any, rows: Any, k: int, largest: bool) -> Any:
    """Positions of the k extreme elements of every row, ascending; among equals at the border the first ones."""
    place = rows.shape[1] - k if largest else k - 1
    border = np.partition(rows, place, axis=1)[:, place : place + 1]
    beyond = rows > border if largest else rows < border
    equal = rows == border
    still = k - beyond.sum(1, keepdims=True)
    return np.nonzero(beyond | (equal & (equal.cumsum(1) <= still)))[1].reshape(-1, k)


argtop = Primitive(
    "argtop",
    "The positions of the k largest (or smallest) elements along dim, in order; equal elements keep theirs.",
    kind=SCAN,
    shape=lambda x, k, dim, largest: (*x.shape[:dim], k, *x.shape[dim + 1 :]),
    dtype=lambda x, k, dim, largest: int64,
    numpy=_argtop,
    samples=(
        call((2, 9), params=(2, 1, True)),
        call((9, 2), params=(2, 0, False)),
        call((4,), params=(3, 0, True)),
        call((0, 3), params=(1, 1, True)),
    ),
)


def _searchsorted(np: Any, sequence: Any, values: Any, right: bool, narrow: bool) -> Any:
    side = "right" if right else "left"
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side)
    if not values.size:
        return np.zeros(values.shape, np.int64)
    rows = sequence.reshape(math.prod(sequence.shape[:-1]), sequence.shape[-1])
    wanted = values.reshape(len(rows), -1)
    found = [np.searchsorted(row, want, side) for row, want in zip(rows, wanted)]
    return np.array(found, dtype=np.int64).reshape(values.shape)


searchsorted = Primitive(
    "searchsorted",
    "Where each value would be inserted into the last dimension of a sorted sequence.",
    kind=SCAN,
    arity=2,
    shape=lambda sequence, values, right, narrow: values.shape,
    dtype=lambda sequence, values, right, narrow: int32 if narrow else int64,
    numpy=_searchsorted,
    samples=(call(Array((4,), 1, 1), Array((2, 3)), params=(False, False)),),
)


__all__ = ["argsort", "argtop", "searchsorted"]
