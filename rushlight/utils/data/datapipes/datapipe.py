"""`torch.utils.data.datapipes.datapipe`: the base classes of rushlight.data.pipes."""

from ....data.pipes.base import DataChunk, DFIterDataPipe, IterDataPipe, MapDataPipe

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe"]
