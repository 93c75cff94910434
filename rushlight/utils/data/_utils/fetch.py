"""`torch.utils.data._utils.fetch`: names of rushlight.data.fetch."""

from ....data.fetch import IterableFetcher as _IterableDatasetFetcher
from ....data.fetch import MapFetcher as _MapDatasetFetcher

__all__ = ["_IterableDatasetFetcher", "_MapDatasetFetcher"]
