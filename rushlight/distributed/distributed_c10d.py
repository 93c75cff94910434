"""torch.distributed.distributed_c10d: the module in which PyTorch keeps what torch.distributed hands on."""

from __future__ import annotations

import importlib
from typing import Any

from .constants import default_pg_timeout
from .group import ProcessGroup, _world, default_group
from .store import PrefixStore, Store

__all__ = ["PrefixStore", "default_pg_timeout"]

_get_default_group = default_group


def _get_default_store() -> Store:
    """The default group's store."""
    return default_group().store


def _get_process_group_name(pg: ProcessGroup) -> str:
    """A group's name among this process's groups."""
    return pg.group_name


def _get_group_size(group: ProcessGroup | None) -> int:
    """How many ranks a group has."""
    return default_group().size() if group is None else group.size()


def __getattr__(name: str) -> Any:
    if name == "_pg_map":
        return {group: (group.backend, group.store) for group in _world.groups.values()}
    if name == "_pg_names":
        return {group: group.group_name for group in _world.groups.values()}
    return getattr(importlib.import_module(__package__), name)
