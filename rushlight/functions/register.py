"""How a function becomes public: `torch.name`, `Tensor.name`, `Tensor.name_`, with `out=` and NumPy's spellings.

A function is written once, on tensors; this file makes its other forms. Modules of functions/ import from here,
never the other way round.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.modes import state
from ..autograd.record import edge_of, in_place, overwrite, primitive, title
from ..dtypes import can_cast
from ..ops.elementwise import cast
from ..tensor import Tensor, dtype_of, node_of, shape_of, wrap

# Every public function by its name in PyTorch's top namespace.
FUNCTIONS: dict[str, Callable] = {}

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "axes": "dim"}


def function(
    name: str | None = None, *, method: bool = True, inplace: bool = False, out: bool = True, top: bool = True
) -> Callable:
    """Publish a function of tensors.

    Args:
        name: the public name, the function's own by default.
        method: also a method of Tensor.
        inplace: also `name_`, which writes the result into the first argument.
        out: takes `out=`, a tensor (or tuple) that the result is written into.
        top: in the top namespace.
    """

    def decorate(fn: Callable) -> Callable:
        public_name = name or fn.__name__.rstrip("_")
        public = _public(fn, public_name, out)
        if top:
            FUNCTIONS[public_name] = public
        if method:
            setattr(Tensor, public_name, public)
        if inplace:
            written = _in_place(public, public_name)
            setattr(Tensor, public_name + "_", written)
            if top:
                FUNCTIONS[public_name + "_"] = written
        return public

    return decorate


def alias(name: str, of: str, *, top: bool = True, method: bool = True) -> None:
    """Publish a function (and its in-place form) under a second name."""
    for suffix in ("", "_"):
        if of + suffix in FUNCTIONS and top:
            FUNCTIONS[name + suffix] = FUNCTIONS[of + suffix]
        if method and hasattr(Tensor, of + suffix):
            setattr(Tensor, name + suffix, getattr(Tensor, of + suffix))


def _public(fn: Callable, name: str, takes_out: bool) -> Callable:
    @functools.wraps(fn)
    def public(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return fn(*args)
        for theirs, ours in _NUMPY_NAMES.items():
            if theirs in kwargs and ours not in kwargs:
                kwargs[ours] = kwargs.pop(theirs)
        if takes_out and "out" in kwargs:
            target = kwargs.pop("out")
            result = fn(*args, **kwargs)
            return result if target is None else into(target, result, name)
        return fn(*args, **kwargs)

    public.__name__ = public.__qualname__ = name
    return public


def _in_place(fn: Callable, name: str) -> Callable:
    @functools.wraps(fn)
    def written(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return in_place(self, fn(self, *args, **kwargs), name + "_")

    written.__name__ = written.__qualname__ = name + "_"
    written.__doc__ = f"In-place `{name}`: the result is written into self. Source: torch.Tensor.{name}_."
    return written


def into(target: Any, result: Any, name: str) -> Any:
    """Write results into `out=` tensors, resized where their shape differs; gives `target`."""
    if isinstance(target, (tuple, list)):
        for t, r in zip(target, result):
            into(t, r, name)
        return type(result)(*target) if hasattr(result, "_fields") else target
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}")
    if state.grad and (edge_of(result) is not None or edge_of(target) is not None):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if dtype_of(result) is not dtype_of(target):
        if not can_cast(dtype_of(result), dtype_of(target)):
            raise RuntimeError(
                f"result type {title(dtype_of(result))} can't be cast to the desired output type "
                f"{title(dtype_of(target))}"
            )
        result = primitive(cast, (result,), (dtype_of(target),))
    if shape_of(result) != shape_of(target):
        resize(target, result)
    else:
        overwrite(target, result)
    return target


def resize(target: Tensor, result: Tensor) -> None:
    """Give `target` the result's shape and numbers: it gets a storage of its own."""
    made = wrap(node_of(result), target._storage.device)
    target._storage, target._view = made._storage, None
