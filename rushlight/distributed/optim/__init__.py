"""torch.distributed.optim: an optimizer whose state is spread over the ranks."""

from ..unsupported import RPC, refusing_class
from .zero_redundancy import ZeroRedundancyOptimizer

DistributedOptimizer = refusing_class("optim.DistributedOptimizer", RPC)
PostLocalSGDOptimizer = refusing_class(
    "optim.PostLocalSGDOptimizer",
    "averaging models now and then is not supported. Use DistributedDataParallel with no_sync()",
)

__all__ = ["DistributedOptimizer", "PostLocalSGDOptimizer", "ZeroRedundancyOptimizer"]
