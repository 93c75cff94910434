"""What the code of a call can see: found by walking from the function, its arguments and the globals its code names.

In: which code runs (running.py). Out: the places whose change would change what the code does (places.py), and the
tensors that live longer than the call: parameters, buffers, optimizer state, tensors in variables. Only attributes that
the code names are followed. What this package's own classes need is told by `kinds`: nn/ and optim/ add theirs.
"""

from __future__ import annotations

import builtins
import functools
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from ..devices import Device
from ..dtypes import DType
from ..random.generator import Generator
from ..tensor import Tensor
from .places import PLAIN, Cell, Contents, Names, Numbers, Place, Slots, content_of
from .running import LIBRARY, TRUSTED, USER, kind_of, kind_of_file, named_by

# How to walk instances of a class and its subclasses: (reach, instance) -> None.
kinds: dict[type, Callable[[Reach, Any], None]] = {}

# More than this is no longer the state of a function, and comparing it would cost more than running the function.
_MOST_OBJECTS = 50_000
_MOST_ITEMS = 4096

_ATOMS = (
    Device,
    DType,
    Generator,
    Enum,
    np.generic,
    np.dtype,
    type(str.join),
    type(int.__add__),
    slice,
    range,
)


class Reach:
    """What can be seen by code objects `codes` (by identity: code and globals) when a function is called.

    `places`: what is to be compared before a replay, and after the call. `tensors`: by identity. `refused`: why calls
    cannot be captured at all, or None. `modules`: filled by nn.
    """

    def __init__(self, codes: Mapping[int, tuple[CodeType, dict[str, Any]]]) -> None:
        self.places: list[Place] = []
        self.tensors: dict[int, Tensor] = {}
        self.states: set[int] = set()  # tensors of an optimizer's state, which code does not look at
        self.modules: list[Any] = []
        self.refused: str | None = None
        self.expected: dict[int, tuple[CodeType, dict[str, Any]]] = {}  # code that is named and may run
        self.functions: set[int] = set()  # codes whose functions were met: their cells and defaults are known
        self.names: set[str] = set()
        self.tested: set[str] = set()  # names that the code holds as text, and may ask for
        self.dynamic = False
        self._codes = codes
        self._seen: dict[int, Any] = {}
        self._waiting: list[Any] = []
        for code, _ in codes.values():
            if kind_of(code) is USER:
                named = named_by(code)
                self.names |= named.attributes
                self.tested |= named.tested
                self.dynamic = self.dynamic or named.dynamic

    def walk(self, function: Any, arguments: Iterable[Any]) -> None:
        """Find everything, starting from what is called and what it is called with."""
        self.visit(function)
        called: Any = function.__func__ if isinstance(function, MethodType) else function
        if isinstance(called, FunctionType):
            self._variables_of(called)
        for argument in arguments:
            self.visit(argument)
        for code, namespace in list(self._codes.values()):
            if kind_of(code) is USER:
                self._globals_of(code, namespace)
        self.finish()

    def visit(self, value: Any) -> None:
        """Note a value to be looked at; each is looked at once."""
        if type(value) in PLAIN or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        self._waiting.append(value)

    def finish(self) -> None:
        """Look at everything that waits."""
        while self._waiting and self.refused is None:
            if len(self._seen) > _MOST_OBJECTS:
                self.refuse("its code can reach too many Python objects")
            self._look(self._waiting.pop())

    def saw(self, value: Any) -> bool:
        """Whether the value was met: it was there before the call."""
        return id(value) in self._seen

    def refuse(self, reason: str) -> None:
        """No call can be captured."""
        self.refused = self.refused or reason

    def named(self, what: str, mapping: Mapping, names: Iterable[str]) -> None:
        """Names in a mapping are read, and what stands there is seen."""
        place = Names(what, mapping, names)
        if place.pairs:
            self.places.append(place)
            for _, value in place.pairs:
                self.visit(value)

    # ------------------------------------------------------------ by kind of value

    def _look(self, value: Any) -> None:
        kind = type(value)
        if kind is FunctionType:
            self._function(value)
        elif isinstance(value, Tensor):
            self.tensor(value)
        elif kind is MethodType:
            self.visit(value.__self__)
            self.visit(value.__func__)
        elif isinstance(value, ModuleType):
            self._python_module(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, BuiltinFunctionType):
            self.visit(value.__self__)  # the list of a `list.append` kept in a variable
        elif isinstance(value, _ATOMS):
            return
        elif isinstance(value, (functools.partial, functools.partialmethod)):
            for part in (value.func, value.args, value.keywords):
                self.visit(part)
        elif isinstance(value, functools.cached_property):
            self.visit(value.func)
        elif isinstance(value, (tuple, list, set, frozenset, deque, dict, MappingProxyType)):
            self._container(value)
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, (staticmethod, classmethod)):
            self.visit(value.__func__)
        elif isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                self.visit(part)
        elif isinstance(value, CellType):
            self.visit(content_of(value))
        elif isinstance(value, weakref.ref):
            self.visit(value())
        else:
            self._instance(value)

    def tensor(self, tensor: Tensor) -> None:
        """A tensor that is there before the call."""
        self.tensors[id(tensor)] = tensor
        if tensor.__dict__:
            self.named("an attribute of a tensor: ", tensor.__dict__, self._followed(tensor.__dict__))

    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        kind = kind_of(code)
        if kind is USER and id(code) not in self._codes:
            self.expected[id(code)] = (code, function.__globals__)
            return  # it does not run, as far as is known
        if kind is LIBRARY or kind is TRUSTED:
            # A wrapper: what it wraps is in its closure, which it does not change.
            for cell in function.__closure__ or ():
                self.visit(content_of(cell))
            self.functions.add(id(code))
            self.visit(getattr(function, "__wrapped__", None))
            return
        self._variables_of(function)

    def _variables_of(self, function: FunctionType) -> None:
        code = function.__code__
        self.functions.add(id(code))
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            self.places.append(Cell(name, cell))
            self.visit(content_of(cell))
        if function.__defaults__:
            self.visit(function.__defaults__)
        if function.__kwdefaults__:
            self.visit(function.__kwdefaults__)
        if function.__dict__:
            self.named(f"{function.__name__}.", function.__dict__, self._followed(function.__dict__))

    def _globals_of(self, code: CodeType, namespace: dict[str, Any]) -> None:
        named = named_by(code)
        builtin = builtins.__dict__
        found = [name for name in sorted(named.globals) if name in namespace or name not in builtin]
        self.named("global ", namespace, found)
        for name in named.imports:
            package = namespace.get("__package__") or ""
            self.visit(sys.modules.get(name) or sys.modules.get(f"{package}.{name}"))

    def _python_module(self, module: ModuleType) -> None:
        name = module.__name__.partition(".")[0]
        if name == "numpy" and ("random" in self.names or module.__name__.startswith("numpy.random")):
            self.refuse("it uses numpy.random, whose state a replay does not advance")
        if name == "numpy" or name in sys.stdlib_module_names:
            return
        if kind_of_file(getattr(module, "__file__", None) or "<frozen>") is USER:
            names = [n for n in sorted(self.names) if n in module.__dict__]
            self.named(f"{module.__name__}.", module.__dict__, names)

    def _class(self, cls: type) -> None:
        for base in cls.__mro__:
            if _of_user(base):
                self.named(
                    f"{cls.__name__}.",
                    base.__dict__,
                    [n for n, v in base.__dict__.items() if self._uses(n, v)],
                )

    def _uses(self, name: str, value: Any) -> bool:
        """Whether the code reads this attribute of a class, or is it."""
        function = _function_in(value)
        if function is None or kind_of(function.__code__) is not USER:
            return name in self.names
        if name in self.names or name in ("forward", "backward", "__call__"):
            self.visit(function)  # it may be called
        return id(function.__code__) in self._codes

    def _container(self, value: Any) -> None:
        items = [*value.keys(), *value.values()] if isinstance(value, Mapping) else list(value)
        if not isinstance(value, (tuple, frozenset)):
            if len(items) > _MOST_ITEMS:
                self.refuse(f"its code can reach a {type(value).__name__} of {len(items)} items")
                return
            self.places.append(Contents(value))
        for item in items:
            self.visit(item)
        if getattr(value, "__dict__", None):
            self._attributes(value)

    def _array(self, value: np.ndarray) -> None:
        if value.dtype == object or value.nbytes > 8 * _MOST_ITEMS:
            self.refuse("its code can reach a large NumPy array, which a replay would not look at")
            return
        self.places.append(Numbers(value))

    def _instance(self, value: Any) -> None:
        for base in type(value).__mro__:
            if base in kinds:
                kinds[base](self, value)
                return
        if hasattr(type(value), "__next__") and not hasattr(value, "__dict__"):
            self.refuse(f"its code can reach a {type(value).__name__}, which gives something else each time")
            return
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:
            self.visit(wrapped)
        self._attributes(value)
        self.visit(type(value))

    def _attributes(self, value: Any) -> None:
        """Attributes of an instance: those that the code names, or all when the class is this package's own."""
        members = getattr(value, "__dict__", None)
        if isinstance(members, dict):
            own = kind_of_class(type(value)) is TRUSTED
            followed = list(members) if own else [*self._followed(members), *self._absent(value, members)]
            self.named(f"{type(value).__name__}.", members, followed)
        slots = [s for base in type(value).__mro__ if _of_user(base) for s in _slots_of(base)]
        if slots:
            place = Slots(value, [s for s in slots if self.dynamic or s in self.names])
            self.places.append(place)
            for _, member in place.pairs:
                self.visit(member)

    def _absent(self, value: Any, members: Mapping[str, Any]) -> list[str]:
        """Attributes that the code finds in the class, until the instance gets its own."""
        found = [
            name
            for base in type(value).__mro__
            if _of_user(base)
            for name, default in base.__dict__.items()
            if name in self.names and name not in members and not hasattr(type(default), "__get__")
        ]
        # hasattr(x, "name")
        return found + [n for n in sorted(self.tested) if n not in members and not hasattr(type(value), n)]

    def _followed(self, members: Mapping[str, Any]) -> list[str]:
        return list(members) if self.dynamic else [name for name in members if name in self.names]


def kind_of_class(cls: type) -> str:
    """Whose class this is: TRUSTED, LIBRARY or USER."""
    home = cls.__module__
    if home != "__main__" and home.partition(".")[0] in sys.stdlib_module_names:
        return LIBRARY
    file = getattr(sys.modules.get(home), "__file__", None)
    return USER if file is None else kind_of_file(file)


def _of_user(cls: type) -> bool:
    return kind_of_class(cls) is USER


def _function_in(value: Any) -> FunctionType | None:
    """The Python function that an attribute of a class holds, if any."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        value = value.fget
    return value if isinstance(value, FunctionType) else None


def _slots_of(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


__all__ = ["Reach", "kind_of_class", "kinds"]
