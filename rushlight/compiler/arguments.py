"""What a call is given and gives back: its arguments as a key and a flat list of tensors, its result as a recipe.

Calls with equal keys have the same nesting, the same Python values, and tensors of the same sizes, dtypes and places on
the tape. Values of other classes (modules, functions, a user's own) count by identity.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from .. import devices, dtypes
from ..autograd.entry import AccumulateGrad
from ..autograd.modes import state
from ..autograd.record import edge_of
from ..devices import CPU
from ..tensor import Tensor, layout_of
from .places import PLAIN

# Where a tensor stands on the tape.
NOWHERE, LEAF, INNER, HOOKED = range(4)


class Given:
    """The arguments of one call.

    `key`: what calls have to agree in. `tensors`: in order of appearance. `objects`: what counts by identity.
    `containers`: lists, tuples, dicts, in order.
    """

    __slots__ = ("key", "tensors", "objects", "containers")

    def __init__(self, args: tuple, kwargs: dict[str, Any]) -> None:
        self.tensors: list[Tensor] = []
        self.objects: list[Any] = []
        self.containers: list[Any] = []
        parts: list[Any] = [
            state.grad,
            state.inference,
            dtypes.get_default_dtype(),
            devices.default(),
            len(args),
        ]
        for value in args:
            self._add(value, parts)
        for name, value in kwargs.items():
            parts.append(name)
            self._add(value, parts)
        if len(self.tensors) > 1:
            storages = [id(t._storage) for t in self.tensors]
            if len(set(storages)) < len(storages):
                parts.append(tuple(map(storages.index, storages)))
        self.key = tuple(parts)

    def _add(self, value: Any, parts: list) -> None:
        kind = type(value)
        if kind is Tensor or isinstance(value, Tensor):
            self._add_tensor(value, parts)
        elif kind in PLAIN:
            parts.append(kind)
            # -0.0 is equal to 0.0, and NaN to nothing.
            parts.append(repr(value) if kind is float and (not value or value != value) else value)
        elif kind is list or kind is tuple or kind is dict or _is_record(value):
            self.containers.append(value)
            parts.append(kind)
            members = _members(value)
            parts.append(len(members))
            for name, member in members:
                if name is not None:
                    self._add(name, parts)
                self._add(member, parts)
        else:
            parts.append(id(value))
            self.objects.append(value)

    def _add_tensor(self, tensor: Tensor, parts: list) -> None:
        self.tensors.append(tensor)
        storage, view = tensor._storage, tensor._view
        node = storage.node
        if view is not None:
            parts.append(view.shape)
            parts.append(view.dtype)
            parts.append(layout_of(tensor)[0])
            edge = edge_of(tensor)
        else:
            if node is not None:
                parts.append(node.shape)
                parts.append(node.dtype)
            else:
                parts.append(storage.shape())
                parts.append(storage.kind())
                if storage.node is None and not storage.memory.flags.c_contiguous:
                    parts.append(layout_of(tensor))
            edge = tensor._edge
        if edge is None:
            parts.append(NOWHERE)
        elif edge.__class__ is AccumulateGrad:
            parts.append(LEAF if edge.hooks is None else HOOKED)
        else:
            parts.append(INNER)
        if storage.device is not CPU:
            parts.append(storage.device)
        if tensor.__class__ is not Tensor:
            parts.append(tensor.__class__)


def _is_record(value: Any) -> bool:
    """Whether a value is a container of fields that calls make anew: a dataclass or a named tuple."""
    kind = type(value)
    if issubclass(kind, tuple):
        return hasattr(kind, "_fields")
    return dataclasses.is_dataclass(kind) and hasattr(value, "__dict__")


def _members(value: Any) -> list[tuple[Any, Any]]:
    """(name or None, member) of a container."""
    if isinstance(value, (list, tuple)):
        return [(None, member) for member in value]
    return list((value if isinstance(value, dict) else vars(value)).items())


# ---------------------------------------------------------------- results


class Unsupported(Exception):
    """A result that cannot be made again; the message says what it is."""


Recipe = Callable[[list, list], Any]


class GivenBack:
    """What a call gave back: `tensors` in order of appearance, and how to build the same around others.

    `fixed(value)` says whether a value was there before the call, so that it is itself given back. `place_of(container)`
    gives the place of an argument among the containers of the arguments, or None.
    """

    def __init__(
        self, result: Any, fixed: Callable[[Any], bool], place_of: Callable[[Any], int | None]
    ) -> None:
        self.tensors: list[Tensor] = []
        self._places: dict[int, int] = {}
        self._fixed, self._place_of = fixed, place_of
        self.build: Recipe = self._recipe(result, 0)

    def _recipe(self, value: Any, depth: int) -> Recipe:
        """(tensors, containers of the arguments) -> the value."""
        kind = type(value)
        if isinstance(value, Tensor):
            i = self._places.setdefault(id(value), len(self.tensors))
            if i == len(self.tensors):
                self.tensors.append(value)
            return lambda tensors, containers: tensors[i]
        if kind in PLAIN:
            return lambda tensors, containers: value
        place = self._place_of(value)
        if place is not None:
            return lambda tensors, containers: containers[place]
        if self._fixed(value):
            return lambda tensors, containers: value
        if depth > 50:
            raise Unsupported("it gives back something nested in itself")
        if isinstance(value, (list, tuple)):
            return self._sequence(value, depth)
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if _is_record(value) or _is_simple(value):
            return self._instance(value, depth)
        raise Unsupported(f"it gives back a {kind.__name__}")

    def _sequence(self, value: Any, depth: int) -> Recipe:
        parts = [self._recipe(member, depth + 1) for member in value]
        kind = type(value)
        if kind is tuple:
            return lambda tensors, containers: tuple([part(tensors, containers) for part in parts])
        if kind is list:
            return lambda tensors, containers: [part(tensors, containers) for part in parts]
        if isinstance(value, tuple) and hasattr(kind, "_make"):
            return lambda tensors, containers: kind._make([part(tensors, containers) for part in parts])  # type: ignore[attr-defined]
        if isinstance(value, tuple) and not getattr(value, "__dict__", None):
            return lambda tensors, containers: tuple.__new__(
                kind, [part(tensors, containers) for part in parts]
            )
        raise Unsupported(f"it gives back a {kind.__name__}")

    def _mapping(self, value: dict, depth: int) -> Recipe:
        parts = [(key, self._recipe(member, depth + 1)) for key, member in value.items()]
        if any(isinstance(key, Tensor) for key in value):
            raise Unsupported("it gives back a dict whose keys are tensors")
        kind = type(value)
        if kind is dict:
            return lambda tensors, containers: {key: part(tensors, containers) for key, part in parts}
        more = [
            (name, self._recipe(member, depth + 1)) for name, member in getattr(value, "__dict__", {}).items()
        ]

        put: Any = OrderedDict.__setitem__ if isinstance(value, OrderedDict) else dict.__setitem__
        if hasattr(value, "default_factory"):
            raise Unsupported(f"it gives back a {kind.__name__}")

        def build(tensors: list, containers: list) -> Any:
            made = kind.__new__(kind)
            for key, part in parts:
                put(made, key, part(tensors, containers))
            for name, part in more:
                made.__dict__[name] = part(tensors, containers)
            return made

        return build

    def _instance(self, value: Any, depth: int) -> Recipe:
        kind = type(value)
        parts = [(name, self._recipe(member, depth + 1)) for name, member in vars(value).items()]

        def build(tensors: list, containers: list) -> Any:
            made = object.__new__(kind)
            made.__dict__.update({name: part(tensors, containers) for name, part in parts})
            return made

        return build


def _is_simple(value: Any) -> bool:
    """Whether an instance is its attributes and nothing else."""
    kind = type(value)
    return (
        hasattr(value, "__dict__")
        and kind.__flags__ & (1 << 9) != 0
        and kind.__basicsize__ <= _PlainInstance.__basicsize__
        and not callable(value)
        and not isinstance(value, (type, BaseException, Iterator))
    )


class _PlainInstance:
    pass
