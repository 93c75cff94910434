"""Order: sorting positions, and searching in what is sorted. NaN counts as larger than every number."""

from __future__ import annotations

from typing import Any

from ..dtypes import int32, int64
from ..graph.node import Node
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


def _searchsorted(np: Any, sequence: Any, values: Any, right: bool, narrow: bool) -> Any:
    side = "right" if right else "left"
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side)
    rows = sequence.reshape(-1, sequence.shape[-1])
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
    samples=(call(Array((4,)), Array((2, 3)), params=(False, False)),),
)




__all__ = ["argsort", "searchsorted"]
