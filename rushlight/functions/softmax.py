"""softmax, log_softmax and what is made of them. Each is one tape entry whose rule reads the result alone.

The maximum is taken off first, so that no exponential overflows; a row that is all -inf gives NaN, as in PyTorch.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..autograd.record import operation
from ..dtypes import DType
from ..graph.node import Node
from ..random.drawing import drawn
from ..shapes import wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, to_dtype
from .creation import arange
from .opmath import need_floating, widened
from .register import function


def _softmax_forward(x: Node, dims: tuple) -> Node:
    if not x.numel:
        return x.copy()
    e = (x - x.amax(dims, True)).exp()
    return e / e.sum(dims, True)


def _softmax_rule(g: Node, out: Node, ins: tuple, needs: tuple, dims: tuple) -> tuple:
    weighted = g * out
    return (weighted - out * weighted.sum(dims, True),)


def _log_softmax_forward(x: Node, dims: tuple) -> Node:
    if not x.numel:
        return x.copy()
    shifted = x - x.amax(dims, True)
    return shifted - shifted.exp().sum(dims, True).log()


def _log_softmax_rule(g: Node, out: Node, ins: tuple, needs: tuple, dims: tuple) -> tuple:
    return (g - out.exp() * g.sum(dims, True),)


_softmax = widened("SoftmaxBackward0", _softmax_forward, _softmax_rule)
_log_softmax = widened("LogSoftmaxBackward0", _log_softmax_forward, _log_softmax_rule)


def _along(name: str, op: Any, input: Tensor, dim: int, dtype: DType | None) -> Tensor:
    need_tensor(name, input)
    if dtype is not None:
        input = to_dtype(input, dtype)
    dim = wrap_dim(dim, input.dim())
    last = "_lastdim" if dim == input.dim() - 1 else ""
    need_floating(name, input, f"{name}{last}_kernel_impl")
    return operation(op, (input,), ((dim,) if input.dim() else (),))


@function("softmax")
def top_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """exp(input) over its sum along dim; with dtype, computed in it.

    Source: torch.softmax.
    Example:
        >>> import rushlight as torch
        >>> torch.softmax(torch.tensor([0.0, 0.0]), 0)
        tensor([0.5000, 0.5000])
    """
    return _along("softmax", _softmax, input, dim, dtype)


@function("log_softmax")
def top_log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """The logarithm of softmax, computed without forming it. Source: torch.log_softmax."""
    return _along("log_softmax", _log_softmax, input, dim, dtype)


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """exp(input) over its sum along dim; without dim, along 0 or 1 and with a warning.

    Args:
        dtype: input is converted to it first.
    Source: torch.nn.functional.softmax.
    """
    if dim is None:
        dim = _implicit_dim("softmax", need_tensor("softmax", input).dim(), _stacklevel)
    return _along("softmax", _softmax, input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """The logarithm of softmax, computed without forming it. Source: torch.nn.functional.log_softmax."""
    if dim is None:
        dim = _implicit_dim("log_softmax", need_tensor("log_softmax", input).dim(), _stacklevel)
    return _along("log_softmax", _log_softmax, input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """softmax(-input). Source: torch.nn.functional.softmin."""
    if dim is None:
        dim = _implicit_dim("softmin", need_tensor("softmin", input).dim(), _stacklevel)
    return _along("softmax", _softmax, -input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A random point near a corner of the simplex: softmax((logits + Gumbel noise) / tau).

    Args:
        hard: give the corner itself (one-hot), with the gradient of the soft point.
        eps: has no effect.
    Source: torch.nn.functional.gumbel_softmax; Jang et al. 2017.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    dtype = dtype_of(need_floating("gumbel_softmax", logits, "exponential_cpu"))
    shape = shape_of(logits)
    waits = drawn(None, lambda stream: stream.exponential(shape, dtype, 1.0), dtype)
    soft = top_softmax((logits - waits.log()) / tau, dim)
    if not hard:
        return soft
    dim = wrap_dim(dim, soft.dim())
    n = shape_of(soft)[dim]
    classes = arange(n).reshape((n,) + (1,) * (soft.dim() - dim - 1))
    corner = to_dtype(soft.detach().argmax(dim, keepdim=True) == classes, dtype)
    return corner - soft.detach() + soft
