"""Which device a storage comes from and goes to: location tags and map_location.

A file says of each storage where it was ("cpu", "cuda:0"). `placement` answers where it goes on loading.
Users can add devices of their own with `register_package`, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..devices import CPU, META, Device, resolve
from ..errors import DeviceError
from ..tensor import Tensor
from .errors import CorruptFileError

_packages: list[tuple[int, Callable, Callable]] = []


def register_package(priority: int, tagger: Callable, deserializer: Callable) -> None:
    """Teach saving and loading another kind of device.

    Args:
        priority: lower ones are asked first; the CPU's is 10.
        tagger: tagger(storage) gives the location to write, or None when the storage is not its own.
        deserializer: deserializer(storage, location) gives the storage on that device, or None.
    Source: torch.serialization.register_package.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: Any) -> str:
    """What a file says of where `storage` (or a tensor) is: "cpu", "cuda:0".

    Raises: RuntimeError when no registered package knows.
    Source: torch.serialization.location_tag.
    """
    for _, tagger, _ in _packages:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__name__}")


def default_restore_location(storage: Any, location: str) -> Any:
    """`storage` on the device called `location`.

    Raises: RuntimeError when that device is not there, or no registered package knows it.
    Source: torch.serialization.default_restore_location.
    """
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of {type(storage).__name__} (tagged with {location})"
    )


def _tag_device(obj: Any) -> str | None:
    return str(obj.device)


def _restore_cpu(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _restore_device(storage: Any, location: str) -> Any:
    device = available(location)
    return None if device is None else storage.to(device=device)


register_package(10, lambda obj: "cpu" if obj.device.type == "cpu" else None, _restore_cpu)
register_package(20, _tag_device, _restore_device)
_BUILT_IN = 2


def available(location: str) -> Device | None:
    """The device called `location`; None when it is no device's name.

    Raises: DeviceError when it is one, but is not there.
    """
    try:
        device = Device(location)
    except RuntimeError:
        return None
    try:
        return resolve(device)
    except DeviceError:
        kind = device.type
        raise DeviceError(
            f"Attempting to deserialize object on a {kind.upper()} device but torch.{kind}.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        ) from None


def placement(map_location: Any) -> Callable[[Tensor, str], Tensor]:
    """How loaded numbers reach their device: a function of a CPU tensor and its location in the file.

    Args:
        map_location: None (where it was), a device or its name, a dict from locations to locations, or a
            function of a storage and a location that gives a storage, or None for where it was.
    """
    if map_location is None:
        return _to_location
    if isinstance(map_location, dict):
        return lambda tensor, location: _to_location(tensor, map_location.get(location, location))
    if isinstance(map_location, bytes):
        map_location = map_location.decode()
    if isinstance(map_location, str) or isinstance(map_location, Device):
        return lambda tensor, location: _to_location(tensor, map_location)
    if not callable(map_location):
        raise TypeError(
            "load(): map_location must be None, a string, a torch.device, a dict or a function, got "
            f"{type(map_location).__name__}"
        )
    return lambda tensor, location: _by_function(map_location, tensor, location)


def _to_location(tensor: Tensor, location: Any) -> Tensor:
    """`tensor` on the device called `location`."""
    location = str(location)
    if len(_packages) > _BUILT_IN:
        return _follow(tensor, default_restore_location(tensor.untyped_storage(), location))
    if location == "cpu":
        return tensor
    device = available(location)
    if device is None:
        raise CorruptFileError(
            f"don't know how to restore data location of a storage tagged with {location!r}"
        )
    return tensor.to(device)


def _by_function(function: Callable, tensor: Tensor, location: str) -> Tensor:
    result = function(tensor.untyped_storage(), location)
    if result is None:
        return _to_location(tensor, location)
    return _follow(tensor, result)


def _follow(tensor: Tensor, storage: Any) -> Tensor:
    """`tensor` on the device that `storage`, made from its storage, is on."""
    device = Device(str(storage.device))
    return tensor if device is CPU else tensor.to(device)


def is_meta(map_location: Any) -> bool:
    """Whether everything goes to the device "meta", so that no numbers need to be read."""
    return map_location is META or map_location == "meta"


__all__ = [
    "available",
    "default_restore_location",
    "is_meta",
    "location_tag",
    "placement",
    "register_package",
]
