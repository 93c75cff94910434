"""Copies by PyTorch's names: each view function's `*_copy`, the unsafe splits, and filling and summing to sizes.

A `*_copy` gives what the view would, in memory of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import check_writable, operation
from ..dtypes import INTEGRAL, int64
from ..graph.gradient import unbroadcast
from ..graph.node import Node
from ..layouts import preserve_format
from ..shapes import broadcast, sizes_from
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, tensor_of, to_dtype
from .register import FUNCTIONS, function
from .shaping import clone


def _copied(found: Any) -> Any:
    return tuple(clone(x) for x in found) if isinstance(found, tuple) else clone(found)


def _copy_of(name: str, view: Callable) -> None:
    def compute(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return _copied(view(input, *args, **kwargs))

    compute.__name__ = f"{name}_copy"
    compute.__doc__ = f"As {name}, in memory of its own. Source: torch.{name}_copy."
    function(f"{name}_copy", method=False)(compute)


_FUNCTIONS = (
    "as_strided", "diagonal", "permute", "select", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind",
    "unsqueeze", "view_as_complex", "view_as_real",
)  # fmt: skip
for _name in _FUNCTIONS:
    _copy_of(_name, FUNCTIONS[_name])
for _name in ("expand", "unfold", "view", "detach"):
    _copy_of(_name, lambda input, *args, _method=_name, **kwargs: getattr(input, _method)(*args, **kwargs))
_copy_of("alias", lambda input: input)


def _slice(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    return input[(*(slice(None),) * (dim % (input.dim() or 1)), slice(start, end, step))]


_copy_of("slice", _slice)


def _unsafe(name: str) -> None:
    safe = FUNCTIONS[name]

    def compute(input: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        return safe(input, *args, **kwargs)

    compute.__name__ = f"unsafe_{name}"
    compute.__doc__ = f"As {name}: views are never unsafe here. Source: torch.unsafe_{name}."
    function(f"unsafe_{name}", out=False)(compute)


for _name in ("chunk", "split", "split_with_sizes"):
    _unsafe(_name)


_FILL = Op("FillBackward0", lambda x, value: value.expand(x.shape))


@function(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of input's sizes and dtype with one number, or 0-d tensor, everywhere. Source: torch.fill."""
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            f"fill only supports 0-dimension value tensor but got tensor with {value.dim()} dimensions."
        )
    return operation(_FILL, (need_tensor("fill", input), tensor_of(value, dtype_of(input), input.device)))


def _summed_to(x: Node, shape: tuple[int, ...]) -> Node:
    return x if x.shape == shape else unbroadcast(x, shape)


_SUM_TO_SIZE = Op("SumToSizeBackward0", _summed_to)


@function("sum_to_size", top=False, out=False)
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """input summed over what broadcasting from `size` would have repeated. Source: torch.Tensor.sum_to_size."""
    shape = sizes_from(size)
    have = shape_of(input)
    fits = len(shape) <= len(have) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(have)))
    if not fits or broadcast(shape, have) != have:
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(have)}}}.")
    if shape == have and shape:
        return input
    if dtype_of(input).category <= INTEGRAL:
        input = to_dtype(input, int64)
    return operation(_SUM_TO_SIZE, (input,), (shape,))


@function("resize_as_", method=True, out=False)
def resize_as(input: Tensor, the_template: Tensor, *, memory_format: Any = preserve_format) -> Tensor:
    """Give input the template's sizes; gives input. Source: torch.resize_as_."""
    check_writable(input, "resize_as_")
    return input.resize_(shape_of(the_template))
