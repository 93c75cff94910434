"""max_unpool of one to three dimensions: maxima put back where max_pool's indices say, zeros elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import int64
from ..errors import ShapeError
from ..graph.node import Node, constant
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .spatial import spread


def _put_back(x: Node, indices: Node, size: tuple[int, ...]) -> Node:
    lead = x.shape[: len(x.shape) - len(size)]
    flat = math.prod(x.shape[len(lead) :])
    zeros = constant(0, x.dtype).expand((*lead, math.prod(size)))
    found = zeros.scatter(indices.reshape((*lead, flat)), x.reshape((*lead, flat)), len(lead), "set")
    return found.reshape((*lead, *size))


_ops = {
    1: Op("MaxUnpool2DBackward0", _put_back),
    2: Op("MaxUnpool2DBackward0", _put_back),
    3: Op("MaxUnpool3DBackward0", _put_back),
}


def _output_size(shape: tuple, kernel: tuple, stride: tuple, padding: tuple, wanted: Any) -> tuple[int, ...]:
    """The size before pooling: the default one, or `wanted` when it pools to the same."""
    rank = len(kernel)
    default = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(shape[-rank:], kernel, stride, padding)]
    if wanted is None:
        found = tuple(default)
    else:
        found = tuple(wanted[2:] if len(wanted) == rank + 2 else wanted)
        if len(found) != rank:
            raise ValueError(
                f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of "
                f"'{len(found)}'"
            )
        for d, (n, m, s) in enumerate(zip(found, default, stride)):
            if not m - s < n < m + s:
                raise ValueError(
                    f'invalid output_size "{wanted}" (dim {d} must be between {m - s} and {m + s})'
                )
    for d, n in enumerate(found):
        if n < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={n}"
            )
    return found


def _check(rank: int, input: Tensor, indices: Tensor) -> None:
    shape = shape_of(input)
    shown = max(rank, 2)
    if dtype_of(indices) is not int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {title(dtype_of(indices))}")
    if len(shape) not in (rank + 1, rank + 2):
        raise ShapeError(
            f"Input to max_unpooling{shown}d should be a {shown + 1}d or {shown + 2}d Tensor, but got a tensor with "
            f"{len(shape)} dimensions."
        )
    if shape_of(indices) != shape:
        raise ShapeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(shape)}) but got indices tensor "
            f"with shape: {list(shape_of(indices))}"
        )
    for d, n in enumerate(shape[1:], 1):
        if n == 0:
            raise ShapeError(
                f"max_unpooling{shown}d(): Expected input to have non-zero size for non-batch dimensions, but got "
                f"{list(shape)} with dimension {d} being empty."
            )


def _unpool(
    rank: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    name = f"max_unpool{rank}d"
    need_tensor(name, input)
    need_tensor(name, indices, 2, "indices")
    says = f"{name}: kernel_size, stride and padding are one int or {rank} of them"
    kernel = spread(name, "kernel_size", kernel_size, rank, 3, says)
    steps = kernel if stride is None else spread(name, "stride", stride, rank, 4, says)
    around = spread(name, "padding", padding, rank, 5, says)
    size = _output_size(shape_of(input), kernel, steps, around, output_size)
    _check(rank, input, indices)
    return operation(_ops[rank], (input, indices), (size,))


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """What max_pool1d took apart: `input` at `indices`, zeros elsewhere.

    Args:
        input: (N, C, L) or (C, L), as max_pool1d gave it.
        indices: int64 of the same shape, as max_pool1d gave it; one outside is an IndexError when it is computed.
        kernel_size, stride, padding: max_pool1d's, from which the size follows.
        output_size: the size, where several pool to the input's.
    Raises: ValueError for an output_size that cannot be; RuntimeError for shapes and dtypes that do not fit.
    Source: torch.nn.functional.max_unpool1d.
    Example:
        >>> import rushlight as torch
        >>> F = torch.nn.functional
        >>> out, indices = F.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
        >>> F.max_unpool1d(out, indices, 2)
        tensor([[0., 3., 2., 0.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """As max_unpool1d over the last two dimensions. Source: torch.nn.functional.max_unpool2d."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """As max_unpool1d over the last three dimensions. Source: torch.nn.functional.max_unpool3d."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
