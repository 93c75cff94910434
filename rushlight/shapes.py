"""Sizes: `torch.Size`, broadcasting, and the reading of dimension arguments.

Everything here is arithmetic on tuples of ints. Errors are PyTorch's, with the sizes in them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from .errors import ShapeError


class Size(tuple):
    """The sizes of a tensor: a tuple of ints that prints as PyTorch's `torch.Size`."""

    __slots__ = ()

    def numel(self) -> int:
        """How many elements a tensor of these sizes has."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if type(index) is slice else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self) -> tuple:
        return Size, (tuple(self),)


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes that both broadcast to; ShapeError names both and the dimension."""
    if a == b:
        return a
    found = _broadcast.get((a, b))
    if found is None:
        if len(_broadcast) >= _KEPT:
            _broadcast.clear()
        found = _broadcast[a, b] = _broadcast_sizes(a, b)
    return found


_broadcast: dict[tuple, tuple[int, ...]] = {}
_KEPT = 1 << 12


def _broadcast_sizes(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if len(a) < len(b):
        short, long = a, b
    else:
        short, long = b, a
    out = list(long)
    offset = len(long) - len(short)
    for i, n in enumerate(short):
        m = long[offset + i]
        if n != m:
            if m == 1:
                out[offset + i] = n
            elif n != 1:
                dim = offset + i
                na = a[dim - len(out) + len(a)]
                nb = b[dim - len(out) + len(b)]
                raise ShapeError(
                    f"The size of tensor a ({na}) must match the size of tensor b ({nb}) "
                    f"at non-singleton dimension {dim} (shapes {list(a)} and {list(b)})"
                )
    return tuple(out)


def broadcast_all(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The sizes that all of `shapes` broadcast to."""
    out: tuple[int, ...] = ()
    for shape in shapes:
        out = broadcast(out, shape)
    return out


def wrap_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; IndexError gives the allowed range. A 0-d tensor takes 0 and -1."""
    dim = operator.index(dim)
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim + n if dim < 0 else dim


def wrap_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions as sorted positions from the front; None and () mean all of them; repeated ones are refused."""
    if dims is None:
        return tuple(range(ndim))
    if not isinstance(dims, (tuple, list)):
        dims = (dims,)
    if len(dims) == 0:
        return tuple(range(ndim))
    out = [wrap_dim(d, ndim) for d in dims]
    if len(set(out)) != len(out):
        twice = next(d for d in out if out.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return tuple(sorted(out)) if ndim else ()


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides, in elements; a dimension of size 0 counts as 1, as in PyTorch."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * max(shape[i + 1], 1)
    return tuple(strides)


def is_contiguous(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether elements follow one another in row-major order; dimensions of size 1 do not count."""
    expected = 1
    if 0 in shape:
        return True
    for n, s in zip(reversed(shape), reversed(strides)):
        if n != 1:
            if s != expected:
                return False
            expected *= n
    return True


def sizes_from(args: tuple) -> tuple[int, ...]:
    """The sizes in `zeros(2, 3)`, `zeros((2, 3))` and `zeros(torch.Size([2, 3]))`."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    out = []
    for n in args:
        try:
            out.append(n if type(n) is int else operator.index(n))
        except TypeError:
            raise TypeError(
                f"sizes must be ints, got {type(n).__name__} ({n!r}) at position {len(out)}"
            ) from None
    return tuple(out)


def check_sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` itself; RuntimeError when a size is negative."""
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def infer_size(shape: Sequence[int], numel: int) -> tuple[int, ...]:
    """`shape` with its one -1 worked out from the number of elements; RuntimeError when it cannot be."""
    shape = tuple(shape)
    if -1 not in shape:
        for n in shape:
            if n < 0:
                raise RuntimeError(
                    f"invalid shape dimension {n} at index {shape.index(n)} of shape {list(shape)}"
                )
        if math.prod(shape) != numel:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        return shape
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    at = shape.index(-1)
    rest = math.prod(n for n in shape if n != -1)
    if any(n < -1 for n in shape):
        raise RuntimeError(f"invalid shape dimension {min(shape)} in {list(shape)}")
    if rest == 0:
        if numel == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    if numel % rest:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return (*shape[:at], numel // rest, *shape[at + 1 :])
