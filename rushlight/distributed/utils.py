"""torch.distributed.utils: making modules the same on all ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .collective import broadcast_coalesced
from .group import ProcessGroup


def _sync_module_states(
    module: Any,
    process_group: ProcessGroup,
    broadcast_bucket_size: int,
    src: int,
    params_and_buffers_to_ignore: Iterable[str],
    broadcast_buffers: bool = True,
) -> None:
    """Make a module's parameters and buffers on every rank those of rank `src`."""
    ignored = set(params_and_buffers_to_ignore)
    tensors = [p.detach() for name, p in module.named_parameters() if name not in ignored]
    if broadcast_buffers:
        tensors += [b.detach() for name, b in module.named_buffers() if name not in ignored]
    broadcast_coalesced(process_group, tensors, process_group.place_of(src))
