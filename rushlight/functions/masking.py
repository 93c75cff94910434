"""Writing where a mask holds: masked_fill and masked_scatter. Both are the same as a choice between two tensors, so
nothing has to be read to know their shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import COMPLEX, INTEGRAL, int64
from ..dtypes import bool as bool_dtype
from ..graph.node import Node
from ..ops import indexing as ops
from ..shapes import broadcast
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, plain, to_dtype
from .register import function
from .shaping import expand


def _filled(x: Node, mask: Node, value: Node | None, number: Any) -> Node:
    return mask.where(number if value is None else value, x)


def _filled_rule(g: Node, out: Node, ins: tuple, needs: tuple, number: Any) -> tuple:
    _, mask, _ = ins
    return mask.where(0, g) if needs[0] else None, None, mask.where(g, 0) if needs[2] else None


_MASKED_FILL = Op("MaskedFillBackward0", _filled, _filled_rule)


@function(inplace=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """input with a number (or 0-d tensor) where the mask holds; both broadcast. Source: torch.masked_fill.

    >>> import rushlight as torch
    >>> torch.ones(3).masked_fill(torch.tensor([True, False, True]), 0)
    tensor([0., 1., 0.])
    """
    need_tensor("masked_fill", input)
    if dtype_of(need_tensor("masked_fill", mask, 2, "mask")) is not bool_dtype:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {_c_name(dtype_of(mask))}"
        )
    if isinstance(value, Tensor):
        if value.dim():
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.dim()} dimension(s)."
            )
        if dtype_of(value).category == COMPLEX > dtype_of(input).category:
            raise RuntimeError(
                f"value cannot be converted to type {_c_name(dtype_of(input))} without overflow"
            )
        return operation(_MASKED_FILL, (input, mask, to_dtype(value, dtype_of(input))), (None,))
    if isinstance(value, complex) and dtype_of(input).category != COMPLEX:
        raise RuntimeError(f"value cannot be converted to type {_c_name(dtype_of(input))} without overflow")
    return operation(_MASKED_FILL, (input, mask, None), (_representable(plain(value), dtype_of(input)),))


def _representable(value: Any, dtype: Any) -> Any:
    """The number, which an integer dtype has to have room for."""
    if dtype.category == INTEGRAL and not isinstance(value, complex):
        limits = np.iinfo(dtype.numpy)
        if not limits.min <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {_c_name(dtype)} without overflow")
    return value


def _c_name(dtype: Any) -> str:
    return {
        "uint8": "unsigned char",
        "float32": "float",
        "float64": "double",
        "int64": "int64_t",
        "int32": "int",
    }.get(dtype.name, dtype.name)


def _masked_scatter(x: Node, mask: Node, src: Node) -> Node:
    # The number of trues before each one says which element of the source it gets.
    shape = broadcast(x.shape, mask.shape)
    mask = mask.expand(shape) if mask.shape != shape else mask
    count = math.prod(shape)
    place = (mask.reshape((count,)).cast(int64).cumsum(0) - 1).maximum(0)
    return mask.where(ops.take((src.reshape((src.numel,)), place), (0,)).reshape(shape), x)


_MASKED_SCATTER = Op("MaskedScatterBackward0", _masked_scatter)


@function(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input with source's elements, in order, where the mask holds. Source: torch.masked_scatter.

    A source with fewer elements than the mask has trues is refused when the work runs.
    """
    if dtype_of(need_tensor("masked_scatter", mask, 2, "mask")) is not bool_dtype:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {title(dtype_of(mask))}"
        )
    if dtype_of(need_tensor("masked_scatter", source, 3, "source")) is not dtype_of(
        need_tensor("masked_scatter", input)
    ):
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {title(dtype_of(input))} and "
            f"{title(dtype_of(source))}"
        )
    if not source.numel():
        if bool(mask.any()):
            raise RuntimeError("Number of elements of source < number of ones in mask")
        return expand(input, broadcast(shape_of(input), shape_of(mask))).clone()
    return operation(_MASKED_SCATTER, (input, mask, source))
