"""`torch.xpu`: Intel's GPUs are not used."""

from typing import Any


def is_available() -> bool:
    """Whether an Intel GPU can be used: False."""
    return False


def device_count() -> int:
    """How many Intel GPUs there are: 0."""
    return 0


def is_bf16_supported() -> bool:
    """Whether the GPU computes in bfloat16: False."""
    return False


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing to seed."""


def empty_cache() -> None:
    """Nothing to free."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing to reset."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def _refuse(*args: Any, **kwargs: Any) -> Any:
    """Raises: AssertionError without an Intel GPU."""
    raise AssertionError("Torch not compiled with XPU enabled: rushlight runs on the CPU here")


current_device = current_stream = set_device = synchronize = get_device_name = get_device_properties = _refuse
get_device_capability = get_rng_state = set_rng_state = get_rng_state_all = set_rng_state_all = (
    mem_get_info
) = init = stream = _refuse


class Stream:
    """Raises: AssertionError without an Intel GPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse()
