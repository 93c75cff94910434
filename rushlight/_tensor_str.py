"""`torch._tensor_str`: how tensors are printed, handed on from printing.py."""

from typing import Any

from .printing import PrintOptions, get_printoptions, printoptions, set_printoptions


def _str(self: Any, *, tensor_contents: Any = None) -> str:
    """The tensor as text."""
    return repr(self)
