"""Several processes at once: torch.distributed.

Processes join in groups (group.py, rendezvous.py, mpi.py) and make collective calls on tensors (collective.py), on
objects (objects.py), or send messages (messages.py). DistributedDataParallel is in data_parallel.py. Nothing here loads
MPI before a group of several processes begins; a group of one never does. This package must not import data/ or nn/,
which use it.
"""

from __future__ import annotations

import importlib
from typing import Any

from .backend import (
    Backend,
    get_default_backend_for_device,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
)
from .collective import (
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
)
from .errors import DistBackendError, DistError, DistNetworkError, DistStoreError, QueueEmptyError
from .group import (
    GroupMember,
    ProcessGroup,
    default_pg_timeout,
    destroy_process_group,
    get_backend,
    get_backend_config,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_pg_count,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    is_initialized,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
    split_group,
)
from .group import member as _member
from .messages import P2POp, batch_isend_irecv, irecv, isend, monitored_barrier, recv, send
from .objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from .progress import Work
from .reduce_op import ReduceOp, reduce_op, supports_complex
from .rendezvous import register_rendezvous_handler, rendezvous
from .store import FileStore, HashStore, PrefixStore, Store
from .tcp_store import TCPStore

# PyTorch's other names of the same things.
all_gather_single = _all_gather_base = all_gather_into_tensor
reduce_scatter_single = _reduce_scatter_base = reduce_scatter_tensor
_Work = Work

# Loaded when first named.
_LATER = frozenset(
    (
        "algorithms", "autograd", "checkpoint", "constants", "device_mesh", "distributed_c10d", "elastic", "fsdp",
        "launcher", "nn", "optim", "pipelining", "rpc", "run", "tensor", "utils", "_composable", "_functional_collectives",
        "_tensor",
    )
)  # fmt: skip
_FROM_LATER = {
    "DeviceMesh": "device_mesh", "init_device_mesh": "device_mesh", "GradBucket": "gradient_bucket",
    "Reducer": "reducer",
}  # fmt: skip


def _rank_not_in_group(pg: Any) -> bool:
    """Whether this process is outside a group."""
    return pg is not None and _member(pg) is None


def get_debug_level() -> str:
    """'OFF': what TORCH_DISTRIBUTED_DEBUG switches on, comparing the ranks' calls, is always on here."""
    return "OFF"


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FROM_LATER:
        return getattr(importlib.import_module(f"{__name__}.{_FROM_LATER[name]}"), name)
    raise AttributeError(f"module 'torch.distributed' has no attribute {name!r}")
