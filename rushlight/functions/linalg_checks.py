"""What functions of linear algebra ask of their arguments, and how they fail: shapes, dtypes, LAPACK's `info`.

`published` is the decorator of functions that PyTorch has under torch.linalg alone. A decomposition that can fail has
been computed when its call returns, since only its `info` tells whether the call has to raise.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation_and_hidden, title
from ..devices import META
from ..dtypes import FLOATING, NARROW
from ..errors import LinAlgError
from ..graph.node import STAND_IN, Node
from ..tensor import Tensor, array_of, dtype_of, shape_of, wrap
from .arguments import lacking, need_tensor
from .register import function


def published(name: str) -> Callable:
    """Publish a function of torch.linalg: `out=`, but neither a method nor in the top namespace."""
    return function(name, method=False, top=False)


def need_matrix(name: str, x: Any, argument: str = "A") -> Tensor:
    """`x`, which has to have two dimensions or more."""
    if need_tensor(name, x, 1, argument).dim() < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")
    return x


def need_square(name: str, x: Any, argument: str = "A") -> Tensor:
    """`x`, which has to be square in its last two dimensions."""
    m, n = shape_of(need_matrix(name, x, argument))[-2:]
    if m != n:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {m} by {n} matrices"
        )
    return x


def need_numbers(name: str, x: Tensor, kernel: str | None = None) -> Tensor:
    """`x`, which has to be float32, float64 or complex; half-width types are refused in the name of `kernel`."""
    if dtype_of(x).category < FLOATING:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {title(dtype_of(x))}"
        )
    if dtype_of(x) in NARROW:
        if kernel is not None:
            raise lacking(kernel, x)
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {title(dtype_of(x))}")
    return x


def need_kernel(x: Tensor, kernel: str) -> Tensor:
    """`x`, which has to be float32, float64 or complex; other types are refused in the name of `kernel`."""
    if dtype_of(x).category < FLOATING or dtype_of(x) in NARROW:
        raise lacking(kernel, x)
    return x


def need_same_dtype(name: str, a: Tensor, b: Tensor, first: str = "A", second: str = "B") -> None:
    """Both tensors have to have one dtype."""
    if dtype_of(a) is not dtype_of(b):
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of type "
            f"{title(dtype_of(a))} and {second} of type {title(dtype_of(b))} instead"
        )


def with_info(op: Op, tensors: tuple, params: tuple = ()) -> tuple[Any, Tensor]:
    """(results, info) of an Op whose last, hidden result is LAPACK's info."""
    found, hidden = operation_and_hidden(op, tensors, params)
    return found, wrap(hidden[-1], tensors[0]._storage.device)


def raise_for(
    info: Tensor, name: str, text: Callable[[int], str], error: type[Exception] = LinAlgError
) -> None:
    """Raise for the first matrix of the batch whose info is not 0; on the meta device there is nothing to read."""
    if info._storage.device is META:
        return
    codes = array_of(info).reshape(-1)
    if not codes.any():
        return
    first = int((codes != 0).argmax())
    place = f"(Batch element {first}): " if info.dim() else ""
    raise error(f"{name}: {place}{text(int(codes[first]))}")


def finite(x: Tensor) -> bool:
    """Whether there is neither an infinity nor a NaN; True on the meta device."""
    import numpy as np

    return x._storage.device is META or bool(np.isfinite(array_of(x)).all())


def no_derivative(name: str) -> Callable:
    """The vjp of an Op that PyTorch has no derivative for: fails when a gradient arrives."""

    def rule(g: Any, outs: Any, ins: tuple, needs: tuple, *params: Any) -> tuple:
        refuse_gradient(g, f"the derivative for '{name}' is not implemented")
        return tuple([x if need else None for x, need in zip(ins, needs)])

    return rule


def refuse_gradient(g: Any, message: str, error: type[Exception] = NotImplementedError) -> None:
    """Raise in a backward pass; a rule is also run on stand-ins, when its call is recorded, and that passes."""
    parts = [x for x in (g if isinstance(g, tuple) else (g,)) if x is not None]
    if any(type(x) is Node and x.prim is not STAND_IN for x in parts):
        raise error(message)


_warned: set[str] = set()


def warn_deprecated(name: str, instead: str) -> None:
    """PyTorch's warning, once a program, that a function of the top namespace has gone to torch.linalg."""
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"torch.{name} is deprecated in favor of {instead} and will be removed in a future PyTorch release.",
            UserWarning,
            stacklevel=4,
        )
