"""Ops that compute half-width floats in float32 and round their results once, as PyTorch's kernels do.

`widened` makes an Op of a forward and a vjp that are written for full-width numbers. Also here: the check that every
such function begins with, that its input is floating.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import title
from ..dtypes import FLOATING, NARROW, float32
from ..graph.node import Node
from ..tensor import Tensor, dtype_of
from .arguments import need_tensor


def wide(x: Any) -> Any:
    """A node of a half-width type in float32; everything else as it is."""
    return x.cast(float32) if type(x) is Node and x.dtype in NARROW else x


def widened(name: str, forward: Callable, vjp: Callable | None = None, visible: int | None = None) -> Op:
    """An Op whose rules see half-width inputs in float32; its visible results have the first input's dtype."""

    def wide_forward(*args: Any) -> Any:
        dtype = args[0].dtype
        if dtype not in NARROW:
            return forward(*args)
        found = forward(*[wide(a) for a in args])
        if not isinstance(found, tuple):
            return found.cast(dtype)
        shown = len(found) if visible is None else visible
        return (*[x.cast(dtype) for x in found[:shown]], *found[shown:])

    def wide_vjp(g: Any, out: Any, ins: tuple, needs: tuple, *params: Any) -> Any:
        if ins[0].dtype not in NARROW:
            return vjp(g, out, ins, needs, *params)  # type: ignore[misc]
        out = tuple([wide(x) for x in out]) if isinstance(out, tuple) else wide(out)
        g = tuple([wide(x) for x in g]) if isinstance(g, tuple) else wide(g)
        return vjp(g, out, tuple([wide(x) for x in ins]), needs, *params)  # type: ignore[misc]

    return Op(name, wide_forward, None if vjp is None else wide_vjp, visible)


def need_floating(name: str, input: Any, kernel: str, complex_too: bool = False) -> Tensor:
    """`input`, which has to be a floating tensor; the error begins as PyTorch's, which names its kernel."""
    dtype = dtype_of(need_tensor(name, input))
    if dtype.category != FLOATING and not (complex_too and dtype.is_complex):
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{title(dtype)}': {name} needs a floating tensor, got {dtype}"
        )
    return input
