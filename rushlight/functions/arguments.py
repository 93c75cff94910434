"""Reading arguments: numbers and tensors that meet, the dtype they meet in, dimensions.

`operands` is PyTorch's type promotion as every arithmetic function uses it. What cannot be read is a TypeError that
names the function, the argument's position and what it was.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.record import primitive, title
from ..devices import CPU
from ..dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL, DType, of_scalar, promote, result_type_of
from ..executors.observing import unchanging, watched
from ..graph.node import Node, constant, of_array
from ..ops.elementwise import cast
from ..tensor import Tensor, dtype_of, shape_of, wrap


def is_number(value: Any) -> bool:
    """Whether value is a Python or NumPy number (or boolean), not a tensor."""
    return isinstance(value, (int, float, complex, bool, np.generic)) or isinstance(value, numbers.Number)


def plain(value: Any) -> Any:
    """A NumPy or other number as a Python one."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bool, int, float, complex)):
        return value
    return float(value)


def result_dtype(*values: Any) -> DType:
    """The dtype that an operation on tensors and numbers computes in. Source: torch.result_type."""
    kinds = []
    for value in values:
        if isinstance(value, Tensor):
            kinds.append((dtype_of(value), 2 if shape_of(value) else 1))
        else:
            kinds.append((of_scalar(plain(value)), 0))
    return result_type_of(kinds)


def to_dtype(tensor: Tensor, dtype: DType) -> Tensor:
    """The tensor itself when it has this dtype, else the same numbers in it; recorded."""
    if dtype_of(tensor) is dtype:
        return tensor
    return primitive(cast, (tensor,), (dtype,))


def tensor_of(value: Any, dtype: DType, device: Any = CPU) -> Tensor:
    """A number or tensor as a tensor of `dtype`."""
    if isinstance(value, Tensor):
        return to_dtype(value, dtype)
    return wrap(constant(plain(value), dtype), device)


def operands(name: str, *values: Any, floating: bool = False, least: DType | None = None) -> list[Tensor]:
    """The values as tensors of the dtype that they promote to.

    Args:
        floating: integers and booleans become the default floating dtype.
        least: a dtype that takes part in the promotion.
    """
    if least is None:
        alike = _alike(values)
        if alike is not None and (alike.category >= FLOATING or not floating):
            return _as_tensors(values, alike)
    for i, value in enumerate(values):
        if not isinstance(value, Tensor) and not is_number(value):
            raise TypeError(
                f"{name}(): argument at position {i + 1} must be Tensor or a number, not {type(value).__name__}"
            )
    dtype = result_dtype(*values)
    if least is not None:
        dtype = promote(dtype, least)
    if floating and dtype.category < FLOATING:
        dtype = dtypes.get_default_dtype()
    return _as_tensors(values, dtype)


_CATEGORY = {bool: BOOL, int: INTEGRAL, float: FLOATING}


def _alike(values: tuple) -> DType | None:
    """The dtype of all tensors among the values, if they have one and numbers do not change it."""
    dtype = None
    highest = BOOL
    for value in values:
        if isinstance(value, Tensor):
            found = dtype_of(value)
            if dtype is not None and found is not dtype:
                return None
            dtype = found
        else:
            highest = max(highest, _CATEGORY.get(type(value), COMPLEX))
    return dtype if dtype is not None and highest <= dtype.category < COMPLEX else None


def _as_tensors(values: tuple, dtype: DType) -> list[Tensor]:
    device = next((v._storage.device for v in values if isinstance(v, Tensor)), CPU)
    return [tensor_of(v, dtype, device) for v in values]


def as_floating(tensor: Tensor) -> Tensor:
    """Integers and booleans in the default floating dtype; others as they are."""
    return tensor if dtype_of(tensor).category >= FLOATING else to_dtype(tensor, dtypes.get_default_dtype())


def need_tensor(name: str, value: Any, position: int = 1, argument: str = "input") -> Tensor:
    """`value`, which has to be a tensor: TypeError otherwise."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )
    return value


def refuse_bool(name: str, tensor: Tensor, instead: str) -> None:
    """RuntimeError for a boolean tensor, naming what to use instead."""
    if dtype_of(tensor).category == BOOL:
        raise RuntimeError(f"{name} is not supported for bool tensors: use {instead} instead.")


def lacking(kernel: str, tensor: Tensor) -> NotImplementedError:
    """The error for a dtype that an operation does not take, as PyTorch words it."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{title(dtype_of(tensor))}'")


def number_tensor(value: Any) -> Tensor:
    """A 0-d tensor of a Python number, of its own dtype."""
    return wrap(unchanging(of_array(np.array(value), of_scalar(value))))


def given_node(array: np.ndarray, dtype: DType, data: Any) -> Node:
    """The node of an array that was made from `data`; to a capture, Python's own numbers never change."""
    node = of_array(array, dtype)
    return unchanging(node) if watched.capture is not None and _python_alone(data) else node


def _python_alone(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return all(map(_python_alone, data))
    return type(data) in (int, float, bool, complex, range)
