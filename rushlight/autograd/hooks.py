"""Hooks on tensors and tape entries: kept in order, removed by their handle."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import ref

_numbers = itertools.count()


class RemovableHandle:
    """Removes the hook it was given for: `remove()`, or at the end of a `with`.

    Source: torch.utils.hooks.RemovableHandle.
    """

    next_id = 0

    def __init__(self, hooks: dict, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = ref(hooks) if isinstance(hooks, OrderedDict) else lambda: hooks
        self.id = next(_numbers)
        extra = extra_dict if isinstance(extra_dict, list) else [extra_dict] if extra_dict is not None else []
        self.extra_dict_ref = tuple(ref(d) for d in extra)

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        hooks = self.hooks_dict_ref()
        if hooks is not None:
            hooks.pop(self.id, None)
        for extra in self.extra_dict_ref:
            found = extra()
            if found is not None:
                found.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.hooks_dict_ref(), self.id, tuple(extra() for extra in self.extra_dict_ref)

    def __setstate__(self, state: tuple) -> None:
        global _numbers
        hooks, self.id, extra = state
        self.hooks_dict_ref = ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(ref(d) for d in extra if d is not None)
        _numbers = itertools.count(max(next(_numbers), self.id + 1))  # ids stay unique after unpickling

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add(owner: dict, kind: Any, hook: Callable) -> RemovableHandle:
    """Add `hook` to the ordered hooks of one kind; returns its handle."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
    hooks = owner.setdefault(kind, OrderedDict())
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
