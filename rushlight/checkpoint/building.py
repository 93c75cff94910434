"""What the names in a checkpoint mean, and what is built from them: the rules of safe loading in one place.

A name is looked up in fixed tables (plain.py, numpy_values.py, tensor_values.py, torch_names.py), then among
what the user registered (safe_globals.py), then among the running program's own classes (program.py). What is
found nowhere is refused. A call in a file is answered by a maker of ours, or, for registered things only,
really made.
"""

from __future__ import annotations

import functools
import inspect
import types
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functions as fn
from ..nn import Module
from ..nn.parameter import Parameter
from ..tensor import Tensor
from . import hook_values, numpy_values, plain, tensor_values
from .errors import CorruptFileError, RefusedError, shown
from .program import find_class, is_named_tuple, new_module, new_named_tuple, refused, set_module_state
from .safe_globals import registered
from .torch_names import TorchName, dtype_called, function_called, return_type, storage_type_called

_NAMES = {**plain.NAMES, **numpy_values.NAMES, **tensor_values.NAMES, **hook_values.NAMES}
_MAKERS = {**plain.MAKERS, **numpy_values.MAKERS, **tensor_values.MAKERS}


class SafeBuilder:
    """Answers a Machine's questions about names (see unpickler.Builder).

    Args:
        persistent: gives the storage that a persistent id means.
        place: puts a tensor on the device of a location.
        structure_only: whether the file holds modules without values (see structure.py).
    Attributes:
        modules: every module built so far, in the file's order.
        blanks: tensors that were saved without values, by id.
    """

    def __init__(
        self,
        persistent: Callable[[Any], Any],
        place: Callable[[Tensor, str], Tensor],
        *,
        structure_only: bool = False,
    ) -> None:
        self.persistent = persistent
        self.place = place
        self.structure_only = structure_only
        self.modules: list[Module] = []
        self.blanks: dict[int, Tensor] = {}
        self._registered = registered()
        self._vouched = {id(entry) for entry in self._registered.values()}

    # Names --------------------------------------------------------------------------------------------------

    def find(self, module: str, name: str) -> Any:
        """What the file means by `module`.`name`."""
        module, name = _modern_name(module, name)
        found = _NAMES.get((module, name))
        if found is None:
            found = self._registered.get(f"{module}.{name}")
        if found is None:
            found = numpy_values.scalar_type_called(module, name)
        if found is None and module.partition(".")[0] == "torch":
            found = _torch_value(module, name)
        return find_class(module, name) if found is None else found

    def is_vouched(self, obj: Any) -> bool:
        """Whether the user registered this class or function."""
        return id(obj) in self._vouched

    def is_trusted(self, obj: Any) -> bool:
        """Whether the user registered the object's class."""
        return id(type(obj)) in self._vouched

    def check_key(self, key: Any) -> None:
        """Refuse a dict key or set element whose hashing would run unknown code."""
        if not plain.is_key(key) and not self.is_trusted(key):
            raise RefusedError(
                f"the file uses a {type(key).__qualname__} as a dict key or set element, which loading "
                "refuses"
            )

    # Building -----------------------------------------------------------------------------------------------

    def call(self, function: Any, args: tuple) -> Any:
        """What the file wants from function(*args)."""
        maker = _MAKERS.get(id(function))
        if maker is not None:
            return self._make(maker, function, args)
        if self.is_vouched(function):
            return function(*args)
        if isinstance(function, TorchName) and function.module == "torch.return_types":
            return tensor_values.named_result(function.name, args)
        raise _refused_call(function)

    def _make(self, maker: Callable, function: Any, args: tuple) -> Any:
        least, most = _arity(maker)
        if not least <= len(args) <= most:
            raise CorruptFileError(f"the file makes a {_name(function)} of {len(args)} arguments")
        return maker(self, *args)

    def new(self, cls: Any, args: tuple, kwargs: dict) -> Any:
        """A bare object of class `cls`."""
        if self.is_vouched(cls):
            return cls.__new__(cls, *args, **kwargs)
        if id(cls) in _MAKERS and not kwargs:
            return self.call(cls, args)
        if isinstance(cls, type) and issubclass(cls, Module):
            module = new_module(cls, args, kwargs)
            self.modules.append(module)
            return module
        if isinstance(cls, type) and cls in hook_values.CLASSES and not args and not kwargs:
            return object.__new__(cls)
        if isinstance(cls, type) and is_named_tuple(cls) and not kwargs:
            return new_named_tuple(cls, args)
        raise _refused_call(cls)

    def set_state(self, obj: Any, state: Any) -> None:
        """Give `obj` the attributes in `state`."""
        kind = type(obj)
        if self.is_trusted(obj):
            _set_trusted_state(obj, state)
        elif isinstance(obj, Module):
            set_module_state(obj, state)
        elif kind is OrderedDict or kind in plain.NAMESPACES:
            _set_plain_attributes(obj, state)
        elif kind in hook_values.CLASSES:
            hook_values.set_hook_state(obj, state)
        elif kind is np.ndarray:
            numpy_values.set_array_state(obj, state)
        elif isinstance(obj, np.dtype):
            numpy_values.set_dtype_state(obj, state)
        elif kind is functools.partial:
            self._set_partial_state(obj, state)
        elif kind is fn.Generator:
            tensor_values.set_generator_state(obj, state)
        elif kind is Tensor or kind is Parameter:
            raise RefusedError(
                "the file holds a tensor in a form older than PyTorch 0.4; save it again with a newer one"
            )
        else:
            raise RefusedError(f"the file sets the state of a {kind.__qualname__}, which loading refuses")

    def _set_partial_state(self, obj: Any, state: Any) -> None:
        if (
            type(state) is not tuple
            or len(state) != 4
            or type(state[1]) is not tuple
            or type(state[2]) is not dict
        ):
            raise CorruptFileError("the file holds a functools.partial of an impossible state")
        plain.check_partial_of(self, state[0])
        if state[3] is not None or any(type(name) is not str for name in state[2]):
            raise RefusedError(
                "the file holds a functools.partial with attributes of its own, which loading refuses"
            )
        obj.__setstate__((*state[:3], None))


def _modern_name(module: str, name: str) -> tuple[str, str]:
    """Python 2's names, which protocol 2 still writes, in today's form."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _torch_value(module: str, name: str) -> Any:
    """What torch.x names in a file that is neither in the tables nor a class; None when it may be a class."""
    if name in tensor_values.UNSUPPORTED:
        raise RefusedError(f"the file holds {tensor_values.UNSUPPORTED[name]}")
    if module == "torch":
        found = dtype_called(name)
        if found is None:
            found = tensor_values.constant_called(name)
        if found is not None:
            return found
    if module == "torch.return_types" and name.isidentifier():
        return return_type(name)
    storage = storage_type_called(module, name)
    return function_called(module, name) if storage is None else storage


@functools.cache
def _arity(maker: Callable) -> tuple[int, float]:
    """The fewest and the most arguments that a maker takes besides the builder."""
    parameters = list(inspect.signature(maker).parameters.values())[1:]
    least = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    most = float("inf") if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)
    return least, most


def _set_plain_attributes(obj: Any, state: Any) -> None:
    if type(state) is not dict or any(type(name) is not str for name in state):
        raise CorruptFileError(f"the file gives a {type(obj).__name__} attributes that are no dict of names")
    obj.__dict__.update(state)


def _set_trusted_state(obj: Any, state: Any) -> None:
    """What pickle does, for an object whose class the user registered."""
    if hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
        return
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state:
        obj.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


def _refused_call(function: Any) -> Exception:
    if isinstance(function, type):
        return refused(function.__module__, function.__qualname__, function)
    if isinstance(function, (types.FunctionType, types.BuiltinFunctionType)):
        return refused(function.__module__, function.__qualname__, function)
    return RefusedError(f"the file calls {_name(function)}, which loading refuses")


def _name(function: Any) -> str:
    if isinstance(function, type):
        return f"{function.__module__}.{function.__qualname__}"
    return repr(function) if isinstance(function, TorchName) else shown(function)


__all__ = ["SafeBuilder"]
