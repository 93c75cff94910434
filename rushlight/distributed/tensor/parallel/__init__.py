"""torch.distributed.tensor.parallel: names only."""

from ...unsupported import TENSOR, refusing_class, refusing_function

ColwiseParallel = refusing_class("tensor.parallel.ColwiseParallel", TENSOR)
RowwiseParallel = refusing_class("tensor.parallel.RowwiseParallel", TENSOR)
SequenceParallel = refusing_class("tensor.parallel.SequenceParallel", TENSOR)
PrepareModuleInput = refusing_class("tensor.parallel.PrepareModuleInput", TENSOR)
PrepareModuleOutput = refusing_class("tensor.parallel.PrepareModuleOutput", TENSOR)
ParallelStyle = refusing_class("tensor.parallel.ParallelStyle", TENSOR)
parallelize_module = refusing_function("tensor.parallel.parallelize_module", TENSOR)
loss_parallel = refusing_function("tensor.parallel.loss_parallel", TENSOR)

__all__ = [
    "ColwiseParallel",
    "ParallelStyle",
    "PrepareModuleInput",
    "PrepareModuleOutput",
    "RowwiseParallel",
    "SequenceParallel",
    "loss_parallel",
    "parallelize_module",
]
