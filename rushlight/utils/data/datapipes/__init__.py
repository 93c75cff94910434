"""`torch.utils.data.datapipes`: names of rushlight.data.pipes."""

from . import datapipe, iter, map

__all__ = ["datapipe", "iter", "map"]
