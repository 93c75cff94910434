"""`torch.cpu`: the CPU as a device like others."""

from typing import Any

from . import amp


def is_available() -> bool:
    """Whether the CPU can be used: True."""
    return True


def device_count() -> int:
    """How many CPUs there are as devices: 1."""
    return 1


def current_device() -> str:
    """The current CPU device."""
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Nothing to wait for."""
