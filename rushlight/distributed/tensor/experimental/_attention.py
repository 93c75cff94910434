"""torch.distributed.tensor.experimental._attention: names only."""

from ...unsupported import TENSOR, refusing_function

context_parallel = refusing_function("tensor.experimental._attention.context_parallel", TENSOR)
set_rotate_method = refusing_function("tensor.experimental._attention.set_rotate_method", TENSOR)
