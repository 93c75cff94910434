"""`torch.storage`: storages as users see them. What a tensor's memory is stands in memory.py."""

from .functions.storages import UntypedStorage
from .functions.typed_storages import TypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
