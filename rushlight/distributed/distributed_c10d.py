"""torch.distributed.distributed_c10d: the module in which PyTorch keeps what torch.distributed hands on."""

from __future__ import annotations

from typing import Any

from . import *
from . import _rank_not_in_group, _reduce_scatter_base, all_gather_single, reduce_scatter_single
from .constants import default_pg_nccl_timeout, default_pg_timeout
from .group import _world, default_group
from .objects import _pickled, _unpickled
from .store import PrefixStore, Store
from .unsupported import refusing_function

_get_default_group = default_group
_all_gather_base = all_gather_single


def __getattr__(name: str) -> Any:
    if name == "_pg_map":
        return {group: (group.backend, group.store) for group in _world.groups.values()}
    if name == "_pg_names":
        return {group: group.group_name for group in _world.groups.values()}
    raise AttributeError(f"module 'torch.distributed.distributed_c10d' has no attribute {name!r}")


def _get_default_store() -> Store:
    """The default group's store."""
    return default_group().store


def _get_process_group_name(pg: Any) -> str:
    """A group's name among this process's groups."""
    return pg.group_name


def _get_group_size(group: Any) -> int:
    """How many ranks a group has."""
    return default_group().size() if group is None else group.size()
