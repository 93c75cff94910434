"""`torch.utils.data.datapipes.iter`: the iterable pipes of rushlight.data.pipes under their short names."""

from .....data.pipes.files import FileListerIterDataPipe as FileLister
from .....data.pipes.files import FileOpenerIterDataPipe as FileOpener
from .....data.pipes.files import StreamReaderIterDataPipe as StreamReader
from .....data.pipes.iterating import BatcherIterDataPipe as Batcher
from .....data.pipes.iterating import CollatorIterDataPipe as Collator
from .....data.pipes.iterating import ConcaterIterDataPipe as Concater
from .....data.pipes.iterating import FilterIterDataPipe as Filter
from .....data.pipes.iterating import IterableWrapperIterDataPipe as IterableWrapper
from .....data.pipes.iterating import MapperIterDataPipe as Mapper
from .....data.pipes.iterating import MultiplexerIterDataPipe as Multiplexer
from .....data.pipes.iterating import SamplerIterDataPipe as Sampler
from .....data.pipes.iterating import ShardingFilterIterDataPipe as ShardingFilter
from .....data.pipes.iterating import ShufflerIterDataPipe as Shuffler
from .....data.pipes.iterating import UnBatcherIterDataPipe as UnBatcher
from .....data.pipes.iterating import ZipperIterDataPipe as Zipper
from . import combinatorics

__all__ = [
    "Batcher",
    "Collator",
    "Concater",
    "FileLister",
    "FileOpener",
    "Filter",
    "IterableWrapper",
    "Mapper",
    "Multiplexer",
    "Sampler",
    "ShardingFilter",
    "Shuffler",
    "StreamReader",
    "UnBatcher",
    "Zipper",
]
