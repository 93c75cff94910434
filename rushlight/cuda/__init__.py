"""`torch.cuda` on a machine without a GPU: questions are answered, housekeeping does nothing, use is an error.

`is_available()` is False at once. What would need a GPU raises the error PyTorch's CPU build raises.
"""

from __future__ import annotations

from typing import Any

from ..errors import OutOfMemoryError
from ..functions.legacy import CUDA_TYPES
from . import amp, nccl, nvtx
from .memory import (
    caching_allocator_alloc,
    empty_cache,
    ipc_collect,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_summary,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)

MISSING = "Torch not compiled with CUDA enabled: rushlight runs on the CPU here (torch.cuda.is_available() is False)"
default_generators: tuple = ()
has_half = False
globals().update(CUDA_TYPES)  # torch.cuda.FloatTensor and its kin


def is_available() -> bool:
    """Whether a GPU can be used: False. Source: torch.cuda.is_available."""
    return False


def is_initialized() -> bool:
    """Whether a GPU is in use: False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16: False."""
    return False


def device_count() -> int:
    """How many GPUs there are: 0. Source: torch.cuda.device_count."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the GPU's stream: nothing to do without one. Source: torch.cuda.manual_seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed every GPU's stream: nothing to do without one. Source: torch.cuda.manual_seed_all."""
    int(seed)


def seed() -> None:
    """Seed the GPU's stream anew: nothing to do without one."""


def seed_all() -> None:
    """Seed every GPU's stream anew: nothing to do without one."""


def get_rng_state_all() -> list:
    """The states of all GPUs' streams: none."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of all GPUs' streams: there are none to set."""
    if list(new_states):
        raise AssertionError(MISSING)


def is_current_stream_capturing() -> bool:
    """Whether a graph is being captured: False."""
    return False


def _is_in_bad_fork() -> bool:
    return False


def _needs_gpu(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(MISSING)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises: AssertionError without a GPU. Source: torch.cuda.{name}."
    return refuse


for _name in (
    "init", "current_device", "set_device", "get_device_name", "get_device_capability", "get_device_properties",
    "synchronize", "current_stream", "default_stream", "set_stream", "get_rng_state", "set_rng_state", "initial_seed",
    "cudart", "can_device_access_peer", "current_blas_handle", "get_arch_list", "utilization", "temperature",
    "power_draw", "clock_rate", "list_gpu_processes", "graph_pool_handle", "make_graphed_callables",
):  # fmt: skip
    globals()[_name] = _needs_gpu(_name)


class device:
    """Choose the GPU inside a `with`: without one, None and -1 do nothing and others are an error."""

    def __init__(self, device: Any) -> None:
        self.index = device

    def __enter__(self) -> None:
        if self.index not in (None, -1) and str(self.index) != "cpu":
            raise AssertionError(MISSING)

    def __exit__(self, *exc: object) -> None:
        pass


class device_of(device):
    """Choose the GPU that a tensor is on: tensors here are on none."""

    def __init__(self, obj: Any) -> None:
        super().__init__(None)


class stream(device):
    """Choose a stream inside a `with`: without a GPU, None does nothing."""


StreamContext = stream


class Stream:
    """A queue of GPU work. Raises: AssertionError without a GPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError(MISSING)


class Event:
    """A point in a stream. Raises: AssertionError without a GPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError(MISSING)

    def record(self, stream: Any = None) -> None:
        """Mark this point."""

    def wait(self, stream: Any = None) -> None:
        """Wait for it on a stream."""

    def synchronize(self) -> None:
        """Wait for it."""

    def elapsed_time(self, end_event: Any) -> float:
        """Milliseconds between two points."""
        raise AssertionError(MISSING)


class CUDAGraph:
    """A captured piece of GPU work. Raises: AssertionError without a GPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError(MISSING)


class graph:
    """Capture GPU work. Raises: AssertionError without a GPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError(MISSING)
