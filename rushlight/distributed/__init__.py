"""Several processes at once (torch.distributed): a group of one until init_process_group has joined others."""

from __future__ import annotations

_initialized = False


def is_available() -> bool:
    """Whether this package can be used: always."""
    return True


def is_initialized() -> bool:
    """Whether init_process_group has been called."""
    return _initialized


def _require_group() -> None:
    if not _initialized:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group."
        )


def init_process_group(backend=None, **options) -> None:
    """Begin a group of one."""
    global _initialized
    _initialized = True


def destroy_process_group(group=None) -> None:
    """End it."""
    global _initialized
    _initialized = False


def get_rank(group=None) -> int:
    """This process's number in the group."""
    _require_group()
    return 0


def get_world_size(group=None) -> int:
    """How many processes there are in the group."""
    _require_group()
    return 1


def get_backend(group=None) -> str:
    """The transport's name."""
    _require_group()
    return "mpi"


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """The tensor of rank src, in all ranks."""
    _require_group()


def barrier(group=None, async_op=False, device_ids=None):
    """Wait for all ranks."""
    _require_group()
