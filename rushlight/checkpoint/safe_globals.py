"""The classes and functions that the user vouches for.

What stands here may be built and called by a file that names it, as in PyTorch: registering a class means
trusting its `__new__`, `__setstate__` and `__reduce__` with whatever the file says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from .torch_names import written_name

_registered: list[Any] = []


def add_safe_globals(safe_globals: Iterable[Callable | tuple[Callable, str]]) -> None:
    """Let files that are loaded from now on use these classes and functions.

    Args:
        safe_globals: classes or functions; or pairs of one and the full name that files know it by.
    Raises: ValueError for a tuple that is no pair; TypeError when its second part is no string.
    Source: torch.serialization.add_safe_globals.
    """
    for entry in safe_globals:
        _name_of(entry)
        if entry not in _registered:
            _registered.append(entry)


def get_safe_globals() -> list[Callable | tuple[Callable, str]]:
    """What was registered. Source: torch.serialization.get_safe_globals."""
    return list(_registered)


def clear_safe_globals() -> None:
    """Forget all that was registered. Source: torch.serialization.clear_safe_globals."""
    _registered.clear()


class safe_globals:
    """Register for the length of a with block only.

    Source: torch.serialization.safe_globals.
    """

    def __init__(self, safe_globals: Iterable[Callable | tuple[Callable, str]]) -> None:
        self.safe_globals = list(safe_globals)
        self._added: list[Any] = []

    def __enter__(self) -> None:
        self._added = [entry for entry in self.safe_globals if entry not in _registered]
        add_safe_globals(self._added)

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for entry in self._added:
            if entry in _registered:
                _registered.remove(entry)


def _name_of(entry: Any) -> str:
    if not isinstance(entry, tuple):
        return f"{entry.__module__}.{entry.__qualname__}"
    if len(entry) != 2:
        raise ValueError(f"expected a pair of a class or function and its full name, got {len(entry)} parts")
    if type(entry[1]) is not str:
        raise TypeError(f"expected the full name to be a string, got {type(entry[1]).__name__}")
    return entry[1]


def registered() -> dict[str, Any]:
    """What was registered, by the full names that files use."""
    names: dict[str, Any] = {}
    for entry in _registered:
        obj = entry[0] if isinstance(entry, tuple) else entry
        names[_name_of(entry)] = obj
        written = written_name(obj)
        if written is not None:  # rushlight's own stand in files under PyTorch's names
            names[".".join(written)] = obj
    return names


__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "registered", "safe_globals"]
