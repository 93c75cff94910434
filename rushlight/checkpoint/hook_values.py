"""Hooks of rushlight's own that whole modules carry: weight norm, spectral norm, pruning, lazy modules.

Each is a small object with plain attributes, rebuilt as modules are: without its `__init__`. Hooks that a program
defines itself are functions, and need add_safe_globals like every function.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from typing import Any

from ..autograd.hooks import RemovableHandle
from ..nn import Module
from ..nn.hooks import WrappedHook
from ..nn.utils import prune
from ..nn.utils.spectral_norm import SpectralNorm, SpectralNormLoadStateDictPreHook, SpectralNormStateDictHook
from ..nn.utils.weight_norm import WeightNorm
from .errors import CorruptFileError, shown
from .torch_names import is_own, written_name

_PLAIN = (
    WeightNorm, SpectralNorm, SpectralNormLoadStateDictPreHook, SpectralNormStateDictHook, prune.PruningContainer,
    prune.Identity, prune.RandomUnstructured, prune.L1Unstructured, prune.RandomStructured, prune.LnStructured,
    prune.CustomFromMask,
)  # fmt: skip

CLASSES = frozenset((*_PLAIN, WrappedHook, RemovableHandle))

NAMES: dict[tuple[str, str], Any] = {
    written: cls for cls in CLASSES for written in [written_name(cls)] if written is not None
}

# The methods that lazy modules register as hooks of themselves.
_BOUND = ("_infer_parameters", "_lazy_load_hook")


def set_hook_state(hook: Any, state: Any) -> None:
    """Give an object of one of CLASSES its attributes."""
    if isinstance(hook, RemovableHandle):
        _set_handle_state(hook, state)
    elif type(state) is not dict or any(type(name) is not str for name in state):
        raise CorruptFileError(
            f"the file holds a {type(hook).__name__} whose attributes are no dict of names"
        )
    elif isinstance(hook, WrappedHook):
        _set_wrapped_state(hook, state)
    else:
        hook.__dict__.update(state)


def _set_handle_state(handle: RemovableHandle, state: Any) -> None:
    hooks, number, extra = (*state, ()) if type(state) is tuple and len(state) == 2 else _three(state)
    dicts = [] if hooks is None else [hooks]
    if (
        type(extra) is not tuple
        or any(type(d) is not OrderedDict for d in (*dicts, *extra))
        or type(number) is not int
    ):
        raise CorruptFileError(f"the file holds a RemovableHandle in an impossible state: {shown(state)}")
    handle.__setstate__((hooks, number, extra))


def _three(state: Any) -> tuple:
    if type(state) is not tuple or len(state) != 3:
        raise CorruptFileError(f"the file holds a RemovableHandle in an impossible state: {shown(state)}")
    return state


def _set_wrapped_state(hook: WrappedHook, state: dict) -> None:
    with_module = state.get("with_module")
    if type(with_module) is not bool or "hook" not in state or set(state) - {"hook", "with_module", "module"}:
        raise CorruptFileError("the file holds a wrapped hook in an impossible state")
    if with_module and not isinstance(state.get("module"), Module):
        raise CorruptFileError("the file holds a wrapped hook of no module")
    hook.__setstate__(state)


def own_hook_method(module: Module, name: str) -> Any:
    """A lazy module's own method as a hook; None when it is not one of those."""
    if name not in _BOUND:
        return None
    for owner in type(module).__mro__:
        if name in vars(owner):
            function = vars(owner)[name]
            return types.MethodType(function, module) if is_own(owner.__module__) else None
    return None


__all__ = ["CLASSES", "NAMES", "own_hook_method", "set_hook_state"]
