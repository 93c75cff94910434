"""`torch.accelerator`: questions about the GPU in use, which is none."""

from typing import Any


def is_available() -> bool:
    """Whether an accelerator can be used: False."""
    return False


def device_count() -> int:
    """How many accelerators there are: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> Any:
    """The accelerator's device: None."""
    return None


def _refuse(*args: Any, **kwargs: Any) -> Any:
    """Raises: RuntimeError without an accelerator."""
    raise RuntimeError("no accelerator is available: torch.accelerator.is_available() is False")


current_device_index = current_device_idx = set_device_index = set_device_idx = _refuse
current_stream = set_stream = synchronize = _refuse


class device_index:
    """Choose an accelerator inside a `with`: None does nothing."""

    def __init__(self, device: int | None) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            _refuse()

    def __exit__(self, *exc: object) -> None:
        pass
