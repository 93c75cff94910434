"""`torch.mps`: Apple's GPUs are not used."""

from typing import Any


def is_available() -> bool:
    """Whether an Apple GPU can be used: False."""
    return False


def device_count() -> int:
    """How many Apple GPUs there are in use: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


def synchronize() -> None:
    """Nothing to wait for."""


def empty_cache() -> None:
    """Nothing to free."""


def current_allocated_memory() -> int:
    """Bytes in use: 0."""
    return 0


def driver_allocated_memory() -> int:
    """Bytes held by the driver: 0."""
    return 0


def get_rng_state() -> Any:
    """Raises: RuntimeError, for there is no such device."""
    raise RuntimeError("no Apple GPU is in use: torch.get_rng_state() is the CPU's")


def set_rng_state(new_state: Any) -> None:
    """Raises: RuntimeError, for there is no such device."""
    raise RuntimeError("no Apple GPU is in use: torch.set_rng_state() is the CPU's")
