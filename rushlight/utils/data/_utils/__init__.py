"""`torch.utils.data._utils`: private in PyTorch, used by programs all the same."""

from . import collate, fetch, pin_memory, worker

__all__ = ["collate", "fetch", "pin_memory", "worker"]
