"""Spreading a module over devices of one process (torch.nn.parallel).

On one device DataParallel passes its input through. Across processes there is DistributedDataParallel, which lives in
rushlight.distributed and is loaded when first named.
"""

from __future__ import annotations

import importlib
from typing import Any

from .data_parallel import DataParallel, data_parallel
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter

__all__ = [
    "replicate",
    "scatter",
    "parallel_apply",
    "gather",
    "data_parallel",
    "DataParallel",
    "DistributedDataParallel",
]


def __getattr__(name: str) -> Any:
    if name == "DistributedDataParallel":
        return importlib.import_module(f"{__name__}.distributed").DistributedDataParallel
    if name == "distributed":
        return importlib.import_module(f"{__name__}.distributed")
    raise AttributeError(f"module 'torch.nn.parallel' has no attribute {name!r}")
