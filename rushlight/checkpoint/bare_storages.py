"""Storages that a file holds outside any tensor, as torch.save(tensor.untyped_storage()) writes them.

While a file is read, a storage is a LoadedStorage, which tensors are made of. Hardly any file holds one by
itself; for those that do, the finished object is walked once and the storages in it are put in their place.
"""

from __future__ import annotations

from typing import Any

from ..nn import Module
from .tensors import LoadedStorage


def with_bare_storages(obj: Any, storages: list[LoadedStorage]) -> Any:
    """`obj` with every LoadedStorage in it turned into what users know."""
    if all(storage.named == storage.used for storage in storages):
        return obj
    return _replaced(obj, {}, [])


def _replaced(root: Any, done: dict[int, Any], alive: list[Any]) -> Any:
    if isinstance(root, LoadedStorage):
        if id(root) not in done:
            done[id(root)] = root.face()
        return done[id(root)]
    if type(root) is tuple:
        return tuple(_replaced(part, done, alive) for part in root)
    if id(root) in done or not isinstance(root, (list, dict, Module)):
        return root
    done[id(root)] = root
    alive.append(root)
    members: Any = vars(root) if isinstance(root, Module) else root
    places = range(len(members)) if isinstance(members, list) else list(members)
    for place in places:
        members[place] = _replaced(members[place], done, alive)
    return root


__all__ = ["with_bare_storages"]
