"""`torch.utils.data.distributed`: the sampler for several processes, from rushlight.data."""

from ...data.distributed_sampler import DistributedSampler

__all__ = ["DistributedSampler"]
