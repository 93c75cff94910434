"""Page-locked memory for batches on their way to an accelerator: `pin_memory=True`.

On a machine without one, which includes every CPU-only install, loaders only warn and batches stay as they
are.
"""

from collections.abc import Mapping, Sequence

from .. import devices
from ..errors import DeviceError
from ..tensor import Tensor
from .collate import is_namedtuple, like_mapping, like_sequence


def accelerator_available() -> bool:
    """Whether tensors can be put on a device other than the CPU here."""
    try:
        devices.resolve("cuda")
    except DeviceError:
        return False
    return True


def pin_memory(data, device=None):
    """`data` with every tensor, and every object that has a `pin_memory` method, replaced by its pinned copy.

    Mappings and sequences are walked and keep their type.

    Source: torch.utils.data._utils.pin_memory.pin_memory.
    """
    if isinstance(data, Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, Mapping):
        return like_mapping(data, {key: pin_memory(value, device) for key, value in data.items()})
    if is_namedtuple(data):
        return type(data)(*(pin_memory(item, device) for item in data))
    if isinstance(data, tuple):
        return type(data)(pin_memory(item, device) for item in data)
    if isinstance(data, Sequence):
        return like_sequence(data, [pin_memory(item, device) for item in data])
    return data
