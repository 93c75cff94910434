"""`torch.cuda.nccl` without a GPU."""

from typing import Any


def version() -> tuple[int, ...]:
    """NCCL's version. Raises: RuntimeError without it."""
    raise RuntimeError("NCCL is not available: there is no GPU. Between processes use the MPI backend.")


def is_available(tensors: Any = None) -> bool:
    """Whether NCCL can be used: False."""
    return False
