"""`torch._utils`: lists of tensors as one flat tensor, and back."""

from typing import Any

from . import functions as fn


def _flatten_dense_tensors(tensors: Any) -> Any:
    """All elements in one row."""
    return fn.cat([t.contiguous().reshape(-1) for t in tensors]) if len(tensors) else fn.zeros(0)


def _unflatten_dense_tensors(flat: Any, tensors: Any) -> tuple:
    """The row cut into tensors of these shapes."""
    found, start = [], 0
    for t in tensors:
        found.append(flat.narrow(0, start, t.numel()).reshape(t.shape))
        start += t.numel()
    return tuple(found)


def _take_tensors(tensors: Any, size_limit: int) -> Any:
    """Groups of tensors of one dtype, of at most size_limit bytes (a larger tensor is alone)."""
    groups: dict = {}
    for t in tensors:
        held, size = groups.get(t.dtype, ([], 0))
        nbytes = t.numel() * t.element_size()
        if held and size + nbytes > size_limit:
            yield held
            held, size = [], 0
        groups[t.dtype] = ([*held, t], size + nbytes)
    for held, _ in groups.values():
        if held:
            yield held
