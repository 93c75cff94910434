"""`torch.utils.hooks`: handles of hooks."""

from ..autograd.hooks import RemovableHandle
from ..nn.hooks import BackwardHook

__all__ = ["BackwardHook", "RemovableHandle"]
