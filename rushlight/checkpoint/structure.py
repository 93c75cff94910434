"""Modules without their values: what `save(..., save_model_obj=False)` leaves out and load() makes anew.

Such a file holds each module's class, attributes, and the sizes and types of its parameters, in the form
PyTorch gives tensors of the device "meta"; a record `structure_only` says so. Buffers keep their values,
since nothing else could make a table of positions or a mask again, unless the layer itself renews them
(running statistics). On loading, layers of rushlight draw their parameters as when they are made; parameters
of other modules, whose code is not run, are drawn from U(-b, b) with b = 1 / sqrt(inputs per output), as
PyTorch's linear layers are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..autograd.modes import no_grad
from ..nn import Module
from ..tensor import Tensor
from .torch_names import is_own

RECORD = "structure_only"

_RENEWING = ("reset_parameters", "_reset_parameters")


def left_out(module: Module) -> list[Tensor]:
    """The module's own tensors whose values are not saved."""
    tensors: list[Tensor] = [parameter for parameter in module._parameters.values() if parameter is not None]
    if _renewer_of(type(module)) is not None:
        names = module._buffers.keys() - module._non_persistent_buffers_set
        tensors += [module._buffers[name] for name in names if module._buffers[name] is not None]
    return tensors


def _renewer_of(cls: type) -> Callable[[Module], None] | None:
    """rushlight's own method that gives a layer new values; None where a program's class has its own or
    none."""
    for name in _RENEWING:
        for owner in cls.__mro__:
            if name in vars(owner):
                return vars(owner)[name] if is_own(owner.__module__) else None
    return None


def renew(modules: Iterable[Module], blanks: dict[int, Tensor]) -> None:
    """Give the blank tensors of loaded modules new values, children before the modules that hold them."""
    seen: set[int] = set()
    with no_grad():
        for module in modules:
            _renew_tree(module, blanks, seen)


def _renew_tree(module: Module, blanks: dict[int, Tensor], seen: set[int]) -> None:
    if id(module) in seen:
        return
    seen.add(id(module))
    for child in module._modules.values():
        if child is not None:
            _renew_tree(child, blanks, seen)
    own = [*module._parameters.values(), *module._buffers.values()]
    fresh = [tensor for tensor in own if id(tensor) in blanks]
    renewer = _renewer_of(type(module))
    if renewer is not None and (fresh or not own):
        renewer(module)
    else:
        for tensor in fresh:
            _draw(tensor)
    for tensor in fresh:
        blanks.pop(id(tensor), None)


def _draw(tensor: Tensor) -> None:
    if not tensor.is_floating_point() and not tensor.is_complex():
        return
    size = tuple(tensor.size())
    inputs = math.prod(size[1:]) if len(size) > 1 else math.prod(size)
    bound = 1.0 / math.sqrt(max(inputs, 1))
    tensor.uniform_(-bound, bound)


__all__ = ["RECORD", "left_out", "renew"]
