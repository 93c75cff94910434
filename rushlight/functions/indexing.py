"""Indexing: `x[...]` and `x[...] = value` in full, and the functions that read and write at index tensors.

An index is read in one pass: ints, slices, None and Ellipsis make a view; what is left of tensors, arrays and lists
is advanced indexing on that view. Boolean masks become positions, which is the one place where data decides a shape.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..autograd.record import check_writable, in_place, overwrite, primitive, view
from ..devices import META
from ..dtypes import INTEGRAL, from_numpy, int32, int64, uint8
from ..dtypes import bool as bool_dtype
from ..executors.observing import unchanging
from ..graph.node import of_array
from ..ops import indexing as ops
from ..ops import movement
from ..ops.indexing import taken_shape
from ..shapes import broadcast, broadcast_all, wrap_dim
from ..tensor import Tensor, array_of, dtype_of, from_array, shape_of, wrap
from .arguments import given_node, is_number, tensor_of, to_dtype
from .register import function
from .shaping import expand, permuted, sliced


def _span(index: slice, n: int, dim: int) -> tuple[int, int, int]:
    """A slice as (start, stop, step) inside n positions."""
    step = 1 if index.step is None else _position(index.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start = None if index.start is None else _position(index.start)
    stop = None if index.stop is None else _position(index.stop)
    start, stop, step = slice(start, stop, step).indices(n)
    return start, max(start, stop), step


def _position(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"slice indices must be integers or None, got {type(value).__name__}") from None


class Reading:
    """An index taken apart: the basic part as a view's steps, and tensors for the dimensions that are left."""

    __slots__ = ("basic", "shape", "tensors")

    def __init__(self, source: Tensor, index: Any) -> None:
        items = _as_items(index)
        rank = len(shape_of(source))
        used = sum(_consumes(i) for i in items)
        if used > rank:
            raise IndexError(f"too many indices for tensor of dimension {rank}")
        self.basic: list[Any] = []  # for each dimension of the source: an int or a span
        self.shape: list[int] = []  # of the view, with Nones put in
        self.tensors: list[tuple[int, Tensor]] = []  # (dimension of the view, index)
        self._read(items, shape_of(source), rank - used, source)

    def _read(self, items: list, shape: tuple, rest: int, source: Tensor) -> None:
        seen_ellipsis = False
        for item in items:
            dim = len(self.basic)
            if item is Ellipsis:
                if not seen_ellipsis:
                    for _ in range(rest):
                        self._keep(shape[len(self.basic)])
                seen_ellipsis = True
            elif item is None:
                self.shape.append(1)
            elif type(item) is slice:
                span = _span(item, shape[dim], dim)
                self.basic.append(span)
                self.shape.append(max(0, -(-(span[1] - span[0]) // span[2])))
            elif type(item) is int:
                n = shape[dim]
                if not -n <= item < n:
                    raise IndexError(f"index {item} is out of bounds for dimension {dim} with size {n}")
                self.basic.append(item % n)
            else:
                self._advanced(item, shape, dim, source)
        for n in shape[len(self.basic) :]:
            self._keep(n)

    def _keep(self, n: int) -> None:
        self.basic.append((0, n, 1))
        self.shape.append(n)

    def _advanced(self, item: Any, shape: tuple, dim: int, source: Tensor) -> None:
        if isinstance(item, bool):
            # A new dimension of size 1 that is taken (True) or not (False).
            self.tensors.append((len(self.shape), _tensor(np.zeros(1 if item else 0, np.int64))))
            self.shape.append(1)
            return
        dtype = dtype_of(item)
        if dtype is bool_dtype or dtype is uint8:
            self._mask(item, shape, dim)
            return
        if dtype.category != INTEGRAL:
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {dtype}")
        self.tensors.append((len(self.shape), item))
        self._keep(shape[dim])

    def _mask(self, mask: Tensor, shape: tuple, dim: int) -> None:
        sizes = shape_of(mask)
        if not sizes:
            self._advanced(bool(array_of(mask)), shape, dim, mask)
            return
        for k, n in enumerate(sizes):
            if shape[dim + k] != n:
                raise IndexError(
                    f"The shape of the mask {list(sizes)} at index {k} does not match the shape of the indexed tensor "
                    f"{list(shape)} at index {dim + k}"
                )
        for positions in np.nonzero(array_of(mask)):
            self.tensors.append((len(self.shape), _tensor(positions)))
            self._keep(shape[len(self.basic)])


def _tensor(array: np.ndarray) -> Tensor:
    return wrap(unchanging(of_array(np.ascontiguousarray(array, dtype=np.int64), int64)))


def _consumes(item: Any) -> int:
    """How many dimensions of the source an item takes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, Tensor) and dtype_of(item) in (bool_dtype, uint8):
        return len(shape_of(item))
    return 1


def _as_items(index: Any) -> list:
    if type(index) is not tuple:
        index = tuple(index) if _sequence_of_items(index) else (index,)
    return [_item(i) for i in index]


def _sequence_of_items(index: Any) -> bool:
    """PyTorch reads a short list that holds slices, None or tensors as a tuple."""
    return isinstance(index, list) and any(i is None or i is Ellipsis or isinstance(i, slice) for i in index)


def _item(item: Any) -> Any:
    """One index as None, Ellipsis, slice, int, bool or Tensor."""
    if item is None or item is Ellipsis or type(item) in (slice, int, bool):
        return item
    if isinstance(item, Tensor):
        if not shape_of(item) and INTEGRAL == dtype_of(item).category and dtype_of(item) is not uint8:
            return int(array_of(item))
        return item
    if isinstance(item, (list, tuple, range)):
        array = np.array([int(array_of(i)) if isinstance(i, Tensor) and not shape_of(i) else i for i in item])
        if not array.size:
            array = array.astype(np.int64)
        return wrap(given_node(array, from_numpy(array.dtype), item))
    if isinstance(item, np.ndarray):
        return from_array(np.array(item))
    if isinstance(item, np.bool_):
        return bool(item)
    try:
        return operator.index(item)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(item).__name__})"
        ) from None


def _basic_view(source: Tensor, reading: Reading) -> Tensor:
    index = tuple(reading.basic)
    shape = shape_of(source)
    made = source
    if any(type(i) is int or i != (0, n, 1) for i, n in zip(index, shape)):
        made = sliced(source, index)
    if shape_of(made) != tuple(reading.shape):
        made = view(movement.reshape, made, (tuple(reading.shape),), tuple(reading.shape))
    return view(movement.reshape, source, (shape,), shape) if made is source else made


def _plan(reading: Reading) -> tuple[tuple[int, ...], list[Tensor]]:
    dims = tuple(d for d, _ in reading.tensors)
    try:
        broadcast_all([shape_of(x) for _, x in reading.tensors])
    except RuntimeError:
        shapes = ", ".join(str(list(shape_of(x))) for _, x in reading.tensors)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    return dims, [to_dtype(x, int64) for _, x in reading.tensors]


def getitem(self: Tensor, index: Any) -> Tensor:
    """self[index]: a view for basic indices, a copy for index tensors, masks and lists."""
    if type(index) is int:  # the common case, without taking the index apart
        shape = shape_of(self)
        if not shape:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                "convert a 0-dim tensor to a number"
            )
        n = shape[0]
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {n}")
        return sliced(self, (index % n,))
    reading = Reading(self, index)
    made = _basic_view(self, reading)
    if not reading.tensors:
        return made
    dims, indices = _plan(reading)
    return primitive(ops.take, (made, *indices), (dims,))


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """self[index] = value, broadcast and cast to self's dtype."""
    reading = Reading(self, index)
    value = _value(self, value)
    if not reading.tensors:
        target = _basic_view(self, reading)
        _write(target, value)
        return
    dims, indices = _plan(reading)
    target = _basic_view(self, reading)
    check_writable(target, "__setitem__")
    shape, _ = taken_shape(shape_of(target), dims, tuple(shape_of(i) for i in indices))
    value = _fitted(value, shape, "shape mismatch: value tensor")
    overwrite(target, primitive(ops.put, (target, value, *indices), (dims, False)))


def _value(target: Tensor, value: Any) -> Tensor:
    dtype = dtype_of(target)
    if isinstance(value, Tensor):
        return to_dtype(value, dtype)
    if is_number(value):
        return tensor_of(value, dtype, target._storage.device)
    if isinstance(value, (np.ndarray, list, tuple)):
        array = np.array(value)
        return to_dtype(wrap(given_node(array, from_numpy(array.dtype), value)), dtype)
    raise TypeError(f"can't assign a {type(value).__name__} to a torch.{dtype.name} tensor")


def _write(target: Tensor, value: Tensor) -> None:
    value = _fitted(value, shape_of(target), "The expanded size of the tensor")
    in_place(target, value, "__setitem__")


def _fitted(value: Tensor, shape: tuple[int, ...], what: str) -> Tensor:
    """The value expanded to the shape; leading dimensions of size 1 that are too many are dropped."""
    have = shape_of(value)
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    if have != shape_of(value):
        value = view(movement.reshape, value, (have,), have)
    if have == shape:
        return value
    try:
        fits = broadcast(have, shape) == shape
    except RuntimeError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"{what} of shape {list(have)} cannot be broadcast to indexing result of shape {list(shape)}"
        )
    return expand(value, shape)


setattr(Tensor, "__getitem__", getitem)  # noqa: B010
setattr(Tensor, "__setitem__", setitem)  # noqa: B010


def positions(tensor: Tensor) -> list[np.ndarray]:
    """The positions of what is not zero: data decides the shape, so the value is computed now."""
    if tensor._storage.device is META:
        raise NotImplementedError(
            "nonzero: the shape of the result depends on data, which a meta tensor does not have"
        )
    return list(np.nonzero(np.atleast_1d(array_of(tensor))))


@function()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Positions of what is not zero: a row each, or a tuple of one index tensor a dimension.

    Source: torch.nonzero.
    Example:
        >>> import rushlight as torch
        >>> torch.nonzero(torch.tensor([0, 3, 0, 4]))
        tensor([[1],
                [3]])
    """
    found = positions(input)
    if as_tuple:
        return tuple(_tensor(p) for p in found)
    if not input.dim():
        return _tensor(np.zeros((len(found[0]), 0)))
    return _tensor(np.stack(found, 1))


@function()
def argwhere(input: Tensor) -> Tensor:
    """As nonzero. Source: torch.argwhere."""
    return nonzero(input)


@function()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in one dimension. Source: torch.masked_select."""
    if dtype_of(mask) is not bool_dtype:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    shape = broadcast(shape_of(input), shape_of(mask))
    return (
        getitem(expand(input, shape), expand(mask, shape))
        if shape
        else getitem(input.reshape(1), mask.reshape(1))
    )


def index_tensor(name: str, index: Any) -> Tensor:
    """An index as int64; IndexError for other dtypes."""
    if not isinstance(index, Tensor):
        raise TypeError(f"{name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if dtype_of(index) is int64:
        return index
    if dtype_of(index) is not int32 and index.numel():
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index, got {dtype_of(index)}. Call .long() if it holds whole numbers."
        )
    return to_dtype(index, int64)


@function()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i][j] = input[i][index[i][j]] for dim 1, and so on. Source: torch.gather."""
    dim = wrap_dim(dim, input.dim())
    index = index_tensor("gather", index)
    check_index_shape("gather", input, index, dim)
    return primitive(ops.gather, (input, index), (dim,))


def check_index_shape(name: str, input: Tensor, index: Tensor, dim: int) -> None:
    """An index has the rank of the input and is no larger in the other dimensions."""
    have, want = shape_of(index), shape_of(input)
    if not index.numel():
        return
    if max(len(have), 1) != max(len(want), 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor ({name}: {list(have)}, {list(want)})"
        )
    for d, (a, b) in enumerate(zip(have, want)):
        if d != dim and a > b:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(have)} to be no larger than self "
                f"{list(want)} apart from dimension {dim}"
            )


@function()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """input at the positions `index` of `dim`. Source: torch.index_select."""
    dim = wrap_dim(dim, input.dim())
    index = index_tensor("index_select", index)
    if index.dim() > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got {index.dim()} dimensions")
    if not input.dim():
        return primitive(ops.take, (input.reshape(1), index.reshape(-1)[:1]), ((0,),)).reshape(())
    return primitive(ops.take, (input, index.reshape(-1)), ((dim,),))


@function()
def take(input: Tensor, index: Tensor) -> Tensor:
    """input's elements at positions of its row-major order. Source: torch.take."""
    return primitive(ops.take, (input.reshape(-1), index_tensor("take", index)), ((0,),))


def _put_at(input: Tensor, indices: Any, values: Tensor, accumulate: bool) -> Tensor:
    full = tuple(slice(None) if i is None else i for i in indices)
    reading = Reading(input, full)
    target = _basic_view(input, reading)
    dims, found = _plan(reading)
    shape, _ = taken_shape(shape_of(target), dims, tuple(shape_of(i) for i in found))
    return primitive(
        ops.put, (target, _fitted(values, shape, "shape mismatch: value tensor"), *found), (dims, accumulate)
    )


@function(inplace=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """input with `values` written, or added, at index tensors. Source: torch.index_put."""
    if dtype_of(values) is not dtype_of(input):
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype} for the destination and "
            f"{values.dtype} for the source."
        )
    return _put_at(input, indices, values, accumulate)


def put_dim(input: Tensor, dim: int, index: Tensor, source: Tensor, accumulate: bool) -> Tensor:
    """input with source written, or added, at positions `index` of one dimension."""
    rank = input.dim()
    if dim == 0:
        return primitive(ops.put, (input, source, index), ((0,), accumulate))
    order = (dim, *(d for d in range(rank) if d != dim))
    back = [0] * rank
    for i, d in enumerate(order):
        back[d] = i
    out = primitive(ops.put, (permuted(input, order), permuted(source, order), index), ((0,), accumulate))
    return permuted(out, tuple(back))
