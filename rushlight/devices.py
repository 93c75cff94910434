"""Devices: `torch.device`, one object a device.

Only names live here. Whether a device is there, and what runs on it, is the executors' business.
"""

from __future__ import annotations

from typing import Any

from .errors import DeviceError

TYPES = ("cpu", "cuda", "mps", "xpu", "xla", "meta", "tpu", "mtia", "hpu", "privateuseone", "ipu", "vulkan")


class Device:
    """Where a tensor's numbers are; `torch.device`. Interned, so devices compare by identity.

    Source: torch.device.
    Example:
        >>> import rushlight as torch
        >>> torch.device("cuda", 1)
        device(type='cuda', index=1)
    """

    __slots__ = ("type", "index", "_entered", "__weakref__")

    type: str
    index: int | None
    _entered: list

    def __new__(cls, device: Any = None, index: int | None = None, *, type: str | None = None) -> Device:
        if type is not None:
            device = type
        if isinstance(device, Device):
            return device
        if isinstance(device, int) and not isinstance(device, bool):
            device, index = "cuda", device
        if not isinstance(device, str):
            raise TypeError(f"device(): a string such as 'cpu' or 'cuda:0' was expected, got {device!r}")
        if ":" in device:
            device, _, number = device.partition(":")
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed: {device}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{device}:{number}'")
            index = int(number)
        if device not in TYPES:
            expected = ", ".join(TYPES)
            raise RuntimeError(f"Expected one of {expected} device type at start of device string: {device}")
        if index is not None and index < 0:
            raise RuntimeError(f"Device index must not be negative, got {index}")
        return _interned(device, index)

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return Device, (self.type, self.index)

    def __enter__(self) -> Device:
        self._entered.append(default())
        set_default(self)
        return self

    def __exit__(self, *exc: object) -> None:
        set_default(self._entered.pop())


_DEVICES: dict[tuple[str, int | None], Device] = {}


def _interned(type: str, index: int | None) -> Device:
    found = _DEVICES.get((type, index))
    if found is None:
        found = object.__new__(Device)
        found.type, found.index, found._entered = type, index, []
        _DEVICES[type, index] = found
    return found


CPU = Device("cpu")
META = Device("meta")
_default = CPU


def default() -> Device:
    """The device of new tensors when none is named."""
    return _default


def set_default(device: Any) -> None:
    """Make `device` the one that new tensors are made on; None means the CPU.

    Source: torch.set_default_device.
    """
    global _default
    _default = CPU if device is None else resolve(device)


def resolve(device: Any) -> Device:
    """The device that a `device=` argument means; DeviceError when nothing here can run on it."""
    if device is None:
        return _default
    if device is CPU or device is META:
        return device
    found = Device(device)
    if found.type == "cpu":
        return CPU
    if found.type == "meta":
        return META
    raise DeviceError(
        f"device '{found}' is not available: this rushlight runs on 'cpu' (and 'meta'). "
        "Use torch.device('cuda' if torch.cuda.is_available() else 'cpu') to fall back to the CPU."
    )
