"""Places that Python code reads and that may hold something else at the next call: names, cells, containers.

A place remembers what stood in it; `holds` says whether it still does. What is plain (a number, a string, a tuple of
them) is compared by value, everything else by identity. The content of arrays and containers that can change is compared as well.
"""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import CellType
from typing import Any

import numpy as np

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()

PLAIN = frozenset((int, float, bool, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented)))


def same(a: Any, b: Any) -> bool:
    """Whether code that reads b instead of a does the same."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is float:
        return a == b and (a != 0 or math.copysign(1, a) == math.copysign(1, b)) or a != a and b != b
    if kind in PLAIN:
        return a == b
    if kind is tuple:
        return len(a) == len(b) and all(map(same, a, b))
    if kind is slice or kind is range or kind is frozenset:
        return repr(a) == repr(b) if kind is slice else a == b
    return False


class Place:
    """Something that code reads; `what` names it in messages."""

    what = "something"

    def holds(self) -> bool:
        """Whether it is as it was."""
        raise NotImplementedError


class Names(Place):
    """Names in a mapping: a module's globals, an instance's attributes, a class's own."""

    def __init__(self, what: str, mapping: Mapping, names: Iterable[str]) -> None:
        self.owner, self.mapping = what, mapping
        self.pairs = [(name, mapping.get(name, MISSING)) for name in names]

    def holds(self) -> bool:
        mapping = self.mapping
        for name, value in self.pairs:
            now = mapping.get(name, MISSING)
            if now is not value and not same(now, value):
                self.what = f"{self.owner}{name}"
                return False
        return True


class Slots(Place):
    """Attributes of an object that has no dictionary."""

    def __init__(self, owner: Any, names: Iterable[str]) -> None:
        self.owner = owner
        self.pairs = [(name, getattr(owner, name, MISSING)) for name in names]

    def holds(self) -> bool:
        for name, value in self.pairs:
            if not same(getattr(self.owner, name, MISSING), value):
                self.what = f"{type(self.owner).__name__}.{name}"
                return False
        return True


class Cell(Place):
    """A variable of an enclosing function."""

    def __init__(self, name: str, cell: CellType) -> None:
        self.what, self.cell = name, cell
        self.value = content_of(cell)

    def holds(self) -> bool:
        now = content_of(self.cell)
        return now is self.value or same(now, self.value)


def content_of(cell: CellType) -> Any:
    """What a cell holds; MISSING for an empty one."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


class Contents(Place):
    """What a list, deque, set or dict contains, in order."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.what = f"a {type(container).__name__} that it did not make"
        self.items = _items(container)

    def holds(self) -> bool:
        now = _items(self.container)
        items = self.items
        if len(now) != len(items):
            return False
        return all(map(operator.is_, now, items)) or all(map(same, now, items))


def _items(container: Any) -> Sequence[Any]:
    if isinstance(container, Mapping):
        return [*container.keys(), *container.values()]
    if isinstance(container, (list, deque, tuple)):
        return tuple(container)
    return sorted(container, key=repr)


class Numbers(Place):
    """The elements of a NumPy array."""

    what = "a NumPy array that it did not make"

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.bytes = array, array.tobytes()

    def holds(self) -> bool:
        return self.array.tobytes() == self.bytes
