"""`torch.utils._device`: the default device as a context."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..devices import Device


class DeviceContext:
    """Within the block, tensors are made on this device."""

    def __init__(self, device: Any) -> None:
        self.device = Device(device)

    def __enter__(self) -> DeviceContext:
        self._before = fn.get_default_device()
        fn.set_default_device(self.device)
        return self

    def __exit__(self, *exc: object) -> None:
        fn.set_default_device(self._before)
