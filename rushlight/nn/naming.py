"""`typename`: how messages and listings name the kind of a value (torch.typename)."""

from __future__ import annotations

from ..tensor import Tensor

__all__ = ["typename"]


def typename(obj):
    """The kind of a value in words: a tensor's legacy type, else the class with its module.

    Source: torch.typename.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.nn.naming import typename
        >>> typename(torch.tensor([1.0])), typename(5), typename(torch.nn.ReLU())
        ('torch.FloatTensor', 'int', 'rushlight.nn.modules.activation.ReLU')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    if module in (None, "builtins"):
        return named.__qualname__
    return f"{module}.{named.__qualname__}"
