"""`torch.utils.data.datapipes.iter.combinatorics`: names of rushlight.data.pipes.iterating."""

from .....data.pipes.iterating import SamplerIterDataPipe, ShufflerIterDataPipe

__all__ = ["SamplerIterDataPipe", "ShufflerIterDataPipe"]
