"""torch.distributed.tensor.experimental: names only."""

from ...unsupported import TENSOR, refusing_function

context_parallel = refusing_function("tensor.experimental.context_parallel", TENSOR)
implicit_replication = refusing_function("tensor.experimental.implicit_replication", TENSOR)

__all__ = ["context_parallel", "implicit_replication"]
