"""`torch.cuda.nvtx`: marks for NVIDIA's profiler, which do nothing without a GPU."""


def range_push(msg: str) -> int:
    """Open a range: does nothing."""
    return 0


def range_pop() -> int:
    """Close a range: does nothing."""
    return 0


def mark(msg: str) -> None:
    """Set a mark: does nothing."""
