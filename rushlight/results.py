"""Results with named fields: `x.max(1).values`, printed as PyTorch prints `torch.return_types.max`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

_CLASSES: dict[str, Any] = {}


def named(name: str, *fields: str) -> Any:
    """The result class of a function: a tuple with these fields."""
    found = _CLASSES.get(name)
    if found is None:
        base = namedtuple(name, fields)  # type: ignore[misc]
        found = type(name, (base,), {"__slots__": (), "__repr__": _text, "__reduce__": _reduce})
        found.__module__ = "torch.return_types"
        _CLASSES[name] = found
    return found


def _text(self: Any) -> str:
    parts = [f"\n{field}={value!r}" for field, value in zip(self._fields, self)]
    return f"torch.return_types.{type(self).__name__}({','.join(parts)})"


def _reduce(self: Any) -> tuple:
    return _make, (type(self).__name__, self._fields, tuple(self))


def _make(name: str, fields: tuple[str, ...], values: tuple) -> Any:
    return named(name, *fields)(*values)
