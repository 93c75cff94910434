"""Spreading a module over devices of one process (torch.nn.parallel).

On one device DataParallel passes its input through. Across processes there is DistributedDataParallel, in
distributed/.
"""

from .data_parallel import DataParallel, data_parallel
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter

__all__ = ["replicate", "scatter", "parallel_apply", "gather", "data_parallel", "DataParallel"]
