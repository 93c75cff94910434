"""A tensor with one view of it replaced: select_scatter, slice_scatter, diagonal_scatter, as_strided_scatter, and
fill_diagonal_. The input is left as it is, except by the last.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import check_writable, operation, overwrite
from ..dtypes import bool as bool_dtype
from ..executors.observing import unchanging
from ..graph.node import of_array
from ..shapes import wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from ..tensor import wrap as tensor_of_node
from .arguments import to_dtype
from .masking import masked_fill
from .register import function
from .shaping import as_strided, diagonal, whole


def _fits(src: Tensor, shape: tuple[int, ...], input: Tensor) -> Tensor:
    """The source in the input's dtype; it has to have the sizes of the view it replaces."""
    if shape_of(src) != shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = "
            f"{list(shape)}"
        )
    return to_dtype(src, dtype_of(input))


_SELECT_SCATTER = Op("SelectScatterBackward0", lambda x, src, index: x.slice_scatter(src, index))
_SLICE_SCATTER = Op("SliceScatterBackward0", lambda x, src, index: x.slice_scatter(src, index))
_DIAGONAL_SCATTER = Op("DiagonalScatterBackward0", lambda x, src, *at: x.diagonal_scatter(src, *at))
_AS_STRIDED_SCATTER = Op("AsStridedScatterBackward0", lambda x, src, *at: x.as_strided_scatter(src, *at))


@function()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """input with src at one position of dim. Source: torch.select_scatter."""
    dim = wrap_dim(dim, input.dim())
    part = input.detach().select(dim, index)
    src = _fits(src, shape_of(part), input)
    at = (*whole(shape_of(input)[:dim]), int(index) % input.size(dim))
    return operation(_SELECT_SCATTER, (input, src), (at,))


@function()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """input with src in a slice of dim. Source: torch.slice_scatter."""
    dim = wrap_dim(dim, input.dim())
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    start, stop, step = slice(start, end, step).indices(input.size(dim))
    span = (start, max(start, stop), step)
    shape = list(shape_of(input))
    shape[dim] = max(0, -(-(span[1] - span[0]) // step))
    src = _fits(src, tuple(shape), input)
    return operation(_SLICE_SCATTER, (input, src), ((*whole(shape_of(input)[:dim]), span),))


@function()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """input with src on a diagonal. Source: torch.diagonal_scatter."""
    part = diagonal(input.detach(), offset, dim1, dim2)
    at = (int(offset), wrap_dim(dim1, input.dim()), wrap_dim(dim2, input.dim()))
    return operation(_DIAGONAL_SCATTER, (input, _fits(src, shape_of(part), input)), at)


@function()
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """input with src where as_strided would read; positions must not repeat. Source: torch.as_strided_scatter."""
    fixed = input.detach().contiguous()
    part = as_strided(fixed, size, stride, storage_offset)
    at = (tuple(size), tuple(stride), storage_offset or 0)
    return operation(_AS_STRIDED_SCATTER, (input, _fits(src, shape_of(part), input)), at)


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number on the main diagonal; `wrap` starts again below a tall matrix. Source: torch.Tensor.fill_diagonal_.

    Raises: RuntimeError for less than two dimensions, or more than two of different sizes.
    """
    check_writable(self, "fill_diagonal_")
    shape = shape_of(self)
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    mask = np.zeros(shape, bool)
    step = sum(math.prod(shape[d + 1 :]) for d in range(len(shape)))
    mask.reshape(-1)[: None if wrap else min(shape) * step : step] = True
    overwrite(self, masked_fill(self, tensor_of_node(unchanging(of_array(mask, bool_dtype))), fill_value))
    return self


Tensor.fill_diagonal_ = fill_diagonal_  # type: ignore[attr-defined]
