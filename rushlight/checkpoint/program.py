"""Classes that the running program already has, and rebuilding its modules.

A file names a class; it is found among what is imported (`__main__` included) or not at all: nothing is
imported. Usable without being registered are nn.Module subclasses and named tuples. A
module is rebuilt without its `__init__`, `__new__` or `__reduce__`; of `__setstate__`, only rushlight's own
is ever called.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

from ..nn import Module
from ..tensor import Tensor
from .errors import ClassNotFoundError, CorruptFileError, RefusedError, shown
from .torch_names import PACKAGE, is_own, layer_class, own_module


def find_class(module: str, name: str) -> type:
    """The program's class of that name.

    Raises:
        ClassNotFoundError: there is none.
        RefusedError: it is not one that a file may use.
    """
    found = _find(module, name)
    if isinstance(found, type) and (issubclass(found, Module) or is_named_tuple(found)):
        return found
    raise refused(module, name, found)


def _find(module: str, name: str) -> Any:
    root = module.partition(".")[0]
    if root in ("torch", "torchvision"):
        layer = layer_class(module, name) if module.startswith("torch.nn.") else None
        if layer is not None:
            return layer
        home = own_module(module)
        if home is None or name.partition(".")[0] not in vars(home):
            raise ClassNotFoundError(f"the file holds a {module}.{name}, which {PACKAGE} does not have")
    else:
        home = sys.modules.get(module)
    if home is None:
        if root in sys.stdlib_module_names:
            raise refused(module, name, None)
        raise ClassNotFoundError(
            f"the file holds an object of class '{name}' from module '{module}', which is not imported. Run "
            f"`import {module}` before load(): loading imports nothing by itself."
        )
    return _walk(home, module, name)


def _walk(home: Any, module: str, name: str) -> Any:
    """Follow a dotted name through plain dictionaries: no `__getattr__` or property runs."""
    found = home
    for part in name.split("."):
        members = object.__getattribute__(found, "__dict__") if not isinstance(found, type) else vars(found)
        if part not in members:
            raise ClassNotFoundError(
                f"Can't get attribute '{name}' on {home!r}: the file holds an object of class '{name}' from "
                f"module '{module}'. Define or import that class under this name before load()."
            )
        found = members[part]
        if part != name.rpartition(".")[2] and not isinstance(found, type):
            raise refused(module, name, found)
    return found


def nested_class(parent: type, name: str) -> type:
    """A class defined inside one of the program's modules."""
    return find_class(parent.__module__, f"{parent.__qualname__}.{name}")


def refused(module: str, name: str, found: Any) -> RefusedError:
    """The refusal of a name, with what can be done."""
    full = f"{module}.{name}"
    message = (
        f"refused to load '{full}': loading builds tensors, plain values and nn.Modules, and runs no code. "
    )
    if module.partition(".")[0] in sys.stdlib_module_names and module != "__main__":
        message += "A checkpoint has no need of it: do not trust this file."
    else:
        kind = "class" if isinstance(found, type) or found is None else "function"
        message += (
            f"If you trust the file and this {kind}, allow it first: "
            f"torch.serialization.add_safe_globals([{name}])."
        )
    return RefusedError(message)


def is_named_tuple(cls: type) -> bool:
    """Whether it was made by namedtuple, or derives from such a class."""
    fields = getattr(cls, "_fields", None) if issubclass(cls, tuple) else None
    return isinstance(fields, tuple) and all(type(field) is str for field in fields)


def new_named_tuple(cls: Any, args: tuple) -> tuple:
    """One with these fields, made without its class's `__new__`."""
    if len(args) != len(cls._fields):
        raise CorruptFileError(
            f"the file holds a {cls.__name__} of {len(args)} fields; it has {len(cls._fields)}"
        )
    return tuple.__new__(cls, args)


def new_module(cls: type, args: tuple, kwargs: dict) -> Module:
    """A bare module, which set_module_state fills."""
    if args or kwargs:
        raise RefusedError(
            f"the file makes a {cls.__name__} with arguments of its own __new__, which loading refuses"
        )
    module: Module = object.__new__(cls)
    # The file's state may lack what this Module has: it may be older, or PyTorch's.
    module.__dict__.update({name: copy.copy(value) for name, value in vars(Module()).items()})
    return module


def without_slots(state: Any) -> Any:
    """The attributes in the state of an object whose class has no slots: pickle may write a pair."""
    if (
        type(state) is tuple
        and len(state) == 2
        and (state[1] is None or (type(state[1]) is dict and not state[1]))
    ):
        return state[0]
    return state


def set_module_state(module: Module, state: Any) -> None:
    """Fill a bare module with its attributes."""
    state = without_slots(state)
    if type(state) is not dict or any(type(key) is not str for key in state):
        raise CorruptFileError(
            f"the file holds a {type(module).__name__} whose attributes are no dict of names"
        )
    for registry, kinds in (("_parameters", Tensor), ("_buffers", Tensor), ("_modules", Module)):
        _check_registry(module, registry, state.get(registry, {}), kinds)
    owner, setter = _setter_of(type(module))
    if setter is not None and not is_own(owner.__module__):
        raise RefusedError(
            f"the file holds a {type(module).__qualname__}, whose class {owner.__qualname__} defines "
            "__setstate__. Loading calls no code of yours unless you allow it: "
            f"torch.serialization.add_safe_globals([{type(module).__qualname__}])."
        )
    if setter is None:
        module.__dict__.update(state)
    else:
        setter(module, state)


def _check_registry(module: Module, registry: str, members: Any, kinds: type) -> None:
    if not isinstance(members, dict):
        raise CorruptFileError(f"the file holds a {type(module).__name__} whose {registry} is no dict")
    for name, member in members.items():
        if type(name) is not str or not (member is None or isinstance(member, kinds)):
            raise CorruptFileError(
                f"the file holds a {type(module).__name__} with a {type(member).__name__} under {shown(name)} in "
                f"{registry}"
            )


def _setter_of(cls: type) -> tuple[type, Any]:
    for owner in cls.__mro__:
        if "__setstate__" in vars(owner):
            return owner, vars(owner)["__setstate__"]
    return object, None


__all__ = [
    "find_class", "is_named_tuple", "nested_class", "new_module", "new_named_tuple", "refused",
    "set_module_state", "without_slots",
]  # fmt: skip
