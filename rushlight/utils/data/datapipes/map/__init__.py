"""`torch.utils.data.datapipes.map`: the map-style pipes of rushlight.data.pipes under their short names."""

from .....data.pipes.mapping import BatcherMapDataPipe as Batcher
from .....data.pipes.mapping import ConcaterMapDataPipe as Concater
from .....data.pipes.mapping import MapperMapDataPipe as Mapper
from .....data.pipes.mapping import SequenceWrapperMapDataPipe as SequenceWrapper
from .....data.pipes.mapping import ShufflerIterDataPipe as Shuffler
from .....data.pipes.mapping import ZipperMapDataPipe as Zipper

__all__ = ["Batcher", "Concater", "Mapper", "SequenceWrapper", "Shuffler", "Zipper"]
