"""Joining the samples of a batch into tensors, and turning single samples into tensors.

`collate` walks the samples' common structure (mappings, named tuples, sequences) and hands the leaves to the
function registered for their type. A single sample, in a loader without batches, goes through
`default_convert`, which only replaces arrays by tensors. Sizes that differ are an error here, naming the
entries of the batch; which indices of the dataset these are is added by fetch.py.
"""

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

from .. import functions as fn
from ..dtypes import float64
from ..tensor import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

# NumPy dtypes (their `.str`) that no tensor can hold: bytes, text, objects.
np_str_obj_array_pattern = re.compile(r"[SaUO]")

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_convert(data):
    """`data` with every NumPy array and NumPy number in it replaced by a tensor.

    Mappings and sequences are walked and keep their type, plain tuples become lists; everything else, arrays
    of text or objects included, comes back as it is. Tensors share the arrays' memory.

    Source: torch.utils.data.default_convert.
    Example:
        >>> default_convert({"x": np.array([0, 1]), "name": "a"})
        {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic) and not isinstance(data, np.str_ | np.bytes_):
        return data if _holds_no_numbers(data) else fn.as_tensor(data)
    if isinstance(data, Mapping):
        return like_mapping(data, {key: default_convert(data[key]) for key in data})
    if is_namedtuple(data):
        return type(data)(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return like_sequence(data, [default_convert(item) for item in data])
    return data


def collate(batch, *, collate_fn_map: dict[type | tuple[type, ...], Callable] | None = None):
    """Join samples of one structure, leaf by leaf.

    Args:
        batch: a non-empty sequence of samples. The first decides: a mapping (its keys), a named tuple,
            another tuple (the result is a list), another sequence (of equal lengths), or a leaf.
        collate_fn_map: type, or tuple of types, -> function(list of leaves, *, collate_fn_map). The exact
            type is looked up first, then `isinstance` in the map's order.
    Raises:
        TypeError: a leaf for whose type there is no function.
        RuntimeError: sequences or tensors whose sizes differ.
    Source: torch.utils.data._utils.collate.collate.
    Example:
        >>> collate([(1, "a"), (2, "b")], collate_fn_map={int: lambda leaves, **_: sum(leaves),
        ...                                               str: lambda leaves, **_: "".join(leaves)})
        [3, 'ab']
    """
    first = batch[0]
    join = _function_for(first, collate_fn_map)
    if join is not None:
        return join(batch, collate_fn_map=collate_fn_map)

    def joined(leaves):
        return collate(leaves, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return like_mapping(first, {key: joined([sample[key] for sample in batch]) for key in first})
    if is_namedtuple(first):
        return type(first)(*(joined(column) for column in zip(*batch)))
    if isinstance(first, Sequence):
        _check_lengths(batch)
        columns = [joined(column) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else like_sequence(first, columns)
    raise TypeError(default_collate_err_msg_format.format(type(first)))


def _function_for(leaf, collate_fn_map) -> Callable | None:
    if collate_fn_map is None:
        return None
    exact = collate_fn_map.get(type(leaf))
    if exact is not None:
        return exact
    for kind, function in collate_fn_map.items():
        if isinstance(leaf, kind):
            return function
    return None


def _check_lengths(batch) -> None:
    length = len(batch[0])
    for entry, sample in enumerate(batch):
        if len(sample) != length:
            raise RuntimeError(
                "each element in list of batch should be of equal size, "
                f"but got {length} at entry 0 and {len(sample)} at entry {entry}"
            )


def like_mapping(model: Mapping, values: dict):
    """`values` in a copy of `model` (with what else it carries), or in its type; a dict if neither works."""
    try:
        if isinstance(model, MutableMapping):
            clone = copy.copy(model)
            clone.update(values)
            return clone
        return _constructor(model)(values)
    except TypeError:
        return values


def like_sequence(model: Sequence, values: list):
    """`values` in a sequence of `model`'s type; a list if that type cannot be made so (a range, say)."""
    try:
        if isinstance(model, MutableSequence):
            clone = copy.copy(model)
            for position, value in enumerate(values):
                clone[position] = value
            return clone
        return _constructor(model)(values)
    except TypeError:
        return values


def _constructor(model) -> Callable:
    return type(model)


def is_namedtuple(value) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _holds_no_numbers(array) -> bool:
    return np_str_obj_array_pattern.search(array.dtype.str) is not None


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Stack tensors of one shape along a new first dim."""
    for entry, tensor in enumerate(batch):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"expected Tensor as element {entry} in argument 0, but got {type(tensor).__name__}"
            )
    _check_shapes(batch)
    return fn.stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """Stack arrays of one shape; one copy of the data when all have one dtype."""
    first = batch[0]
    if _holds_no_numbers(first):
        raise TypeError(default_collate_err_msg_format.format(first.dtype))
    stacked_plainly = collate_fn_map is not None and collate_fn_map.get(Tensor) is collate_tensor_fn
    if stacked_plainly and _share_dtype(batch):
        _check_shapes(batch)
        return fn.from_numpy(np.asarray(np.stack(batch)))
    return collate([fn.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _share_dtype(batch) -> bool:
    dtype = batch[0].dtype
    plain = (np.ndarray, np.memmap)
    return dtype.isnative and all(type(array) in plain and array.dtype == dtype for array in batch)


def _check_shapes(batch) -> None:
    shape = batch[0].shape
    for entry, array in enumerate(batch):
        if array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 "
                f"and {list(array.shape)} at entry {entry}"
            )


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """NumPy numbers to a 1-d tensor of their dtype, promoted by the tensors' rules where dtypes differ."""
    if len({type(number) for number in batch}) == 1:
        return fn.from_numpy(np.array(batch))
    return fn.as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None):
    """Python floats to a 1-d float64 tensor."""
    return fn.tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """Python ints to a 1-d int64 tensor, bools to a bool tensor."""
    return fn.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Text and bytes stay as they are: the list (or tuple) of them."""
    return batch


default_collate_fn_map: dict[type | tuple[type, ...], Callable] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch):
    """Join samples into a batch by `default_collate_fn_map`: what loaders do when no `collate_fn` is given.

    Tensors and arrays are stacked, ints become int64, floats float64, bools bool tensors; text stays text;
    mappings, named tuples and sequences are joined member by member.

    Source: torch.utils.data.default_collate.
    Example:
        >>> default_collate([{"x": 1.5, "name": "a"}, {"x": 2.0, "name": "b"}])
        {'x': tensor([1.5000, 2.0000], dtype=torch.float64), 'name': ['a', 'b']}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
