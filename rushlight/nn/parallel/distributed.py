"""torch.nn.parallel.distributed: DistributedDataParallel, which lives in rushlight.distributed."""

from ...distributed.data_parallel import DistributedDataParallel

__all__ = ["DistributedDataParallel"]
