"""Choosing how attention is computed (torch.nn.attention); flexible attention is in flex_attention.py.

PyTorch has several kernels for scaled_dot_product_attention and lets programs choose. Here there is one,
which never holds the score matrix; the choice is checked and remembered, and changes no result.
"""

from __future__ import annotations

import contextlib
import threading
from enum import Enum

from . import bias, flex_attention

__all__ = ["SDPBackend", "sdpa_kernel", "WARN_FOR_UNFUSED_KERNELS", "bias", "flex_attention"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(Enum):
    """PyTorch's kernels for scaled_dot_product_attention. Source: torch.nn.attention.SDPBackend."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
_chosen = threading.local()


def _cur_sdpa_kernel_backends(with_priority=False):
    """The kernels allowed now."""
    return list(getattr(_chosen, "backends", _KERNELS))


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Within the block allow only the given kernels for scaled_dot_product_attention.

    Args:
        backends: an SDPBackend or a list of them.
        set_priority: the list is in order of preference.
    Raises:
        AssertionError: something else.
    Source: torch.nn.attention.sdpa_kernel.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.nn.attention import SDPBackend, sdpa_kernel
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     pass
    """
    listed = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(listed, list) or not all(isinstance(backend, SDPBackend) for backend in listed):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, "
            f"got {type(backends).__name__}"
        )
    before = _cur_sdpa_kernel_backends()
    _chosen.backends = list(dict.fromkeys(listed))
    try:
        yield {}
    finally:
        _chosen.backends = before
