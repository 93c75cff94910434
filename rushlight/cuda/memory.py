"""`torch.cuda`'s memory questions without a GPU: amounts are 0, housekeeping does nothing."""

from __future__ import annotations

from typing import Any


def _amount(name: str) -> Any:
    def none(device: Any = None) -> int:
        return 0

    none.__name__ = none.__qualname__ = name
    none.__doc__ = f"Bytes of GPU memory: 0 without a GPU. Source: torch.cuda.{name}."
    return none


def _chore(name: str) -> Any:
    def nothing(*args: Any, **kwargs: Any) -> None:
        return None

    nothing.__name__ = nothing.__qualname__ = name
    nothing.__doc__ = f"Does nothing without a GPU. Source: torch.cuda.{name}."
    return nothing


memory_allocated = _amount("memory_allocated")
max_memory_allocated = _amount("max_memory_allocated")
memory_reserved = _amount("memory_reserved")
max_memory_reserved = _amount("max_memory_reserved")
memory_cached = _amount("memory_cached")
max_memory_cached = _amount("max_memory_cached")
empty_cache = _chore("empty_cache")
ipc_collect = _chore("ipc_collect")
reset_peak_memory_stats = _chore("reset_peak_memory_stats")
reset_max_memory_allocated = _chore("reset_max_memory_allocated")
reset_max_memory_cached = _chore("reset_max_memory_cached")
set_per_process_memory_fraction = _chore("set_per_process_memory_fraction")
_record_memory_history = _chore("_record_memory_history")
_dump_snapshot = _chore("_dump_snapshot")


def memory_stats(device: Any = None) -> dict[str, int]:
    """Figures of the GPU's allocator: none. Source: torch.cuda.memory_stats."""
    return {}


def memory_snapshot(*args: Any, **kwargs: Any) -> list:
    """What the GPU's allocator holds: nothing. Source: torch.cuda.memory_snapshot."""
    return []


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """A table of the GPU's memory: empty. Source: torch.cuda.memory_summary."""
    return "no GPU: no GPU memory is used"


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU. Raises: AssertionError without one."""
    raise AssertionError("Torch not compiled with CUDA enabled: there is no GPU memory to ask about")


def caching_allocator_alloc(size: int, device: Any = None, stream: Any = None) -> int:
    """Raises: AssertionError without a GPU."""
    raise AssertionError("Torch not compiled with CUDA enabled")
