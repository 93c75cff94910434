"""Padding layers (torch.nn.modules.padding).

padding is one number for all sides, or (before, after) for each dimension, last dimension first: (left,
right, top, bottom, front, back). Negative numbers crop. Inputs are (N, C, *spatial) or (C, *spatial).
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_sextuple = _ntuple(6, "_sextuple")


class _PadNd(Module):
    """A layer that pads; repr shows the padding alone."""

    __constants__ = ["padding"]
    _tuple: Any

    def __init__(self, padding):
        super().__init__()
        self.padding = type(self)._tuple(padding)

    def extra_repr(self):
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    """Pads with the values of the other end.

    Raises:
        ValueError: the input has another number of dimensions.
    """

    _dims: tuple[int, int]

    def _check_input_dim(self, input):
        low, high = self._dims
        if input.dim() not in (low, high):
            raise ValueError(f"expected {low}D or {high}D input (got {input.dim()}D input)")

    def forward(self, input):
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """Continues a signal with its other end. Source: torch.nn.CircularPad1d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.CircularPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[3., 1., 2., 3., 1.]])
    """

    _tuple = staticmethod(_pair)
    _dims = (2, 3)


class CircularPad2d(_CircularPadNd):
    """Continues an image with its other side. Source: torch.nn.CircularPad2d."""

    _tuple = staticmethod(_quadruple)
    _dims = (3, 4)


class CircularPad3d(_CircularPadNd):
    """Continues a volume with its other side. Source: torch.nn.CircularPad3d."""

    _tuple = staticmethod(_sextuple)
    _dims = (4, 5)


class _ConstantPadNd(Module):
    """Pads with one value."""

    __constants__ = ["padding", "value"]
    _tuple: Any

    def __init__(self, padding, value):
        super().__init__()
        self.padding = type(self)._tuple(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads a signal with value. Source: torch.nn.ConstantPad1d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.ConstantPad1d((1, 0), 9.0)(torch.tensor([[1.0, 2.0]]))
        tensor([[9., 1., 2.]])
    """

    _tuple = staticmethod(_pair)


class ConstantPad2d(_ConstantPadNd):
    """Pads an image with value. Source: torch.nn.ConstantPad2d."""

    _tuple = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPadNd):
    """Pads a volume with value. Source: torch.nn.ConstantPad3d."""

    _tuple = staticmethod(_sextuple)


class _ReflectionPadNd(_PadNd):
    """Pads with the mirror image, the border not repeated."""

    def forward(self, input):
        return F.pad(input, self.padding, "reflect")


class ReflectionPad1d(_ReflectionPadNd):
    """Mirrors a signal at its ends. Source: torch.nn.ReflectionPad1d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.ReflectionPad1d(2)(torch.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 1., 0., 1., 2., 1., 0.]])
    """

    _tuple = staticmethod(_pair)


class ReflectionPad2d(_ReflectionPadNd):
    """Mirrors an image at its sides. Source: torch.nn.ReflectionPad2d."""

    _tuple = staticmethod(_quadruple)


class ReflectionPad3d(_ReflectionPadNd):
    """Mirrors a volume at its sides. Source: torch.nn.ReflectionPad3d."""

    _tuple = staticmethod(_sextuple)


class _ReplicationPadNd(_PadNd):
    """Pads with the value at the border."""

    def forward(self, input):
        return F.pad(input, self.padding, "replicate")


class ReplicationPad1d(_ReplicationPadNd):
    """Repeats the ends of a signal. Source: torch.nn.ReplicationPad1d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.ReplicationPad1d(1)(torch.tensor([[0.0, 1.0]]))
        tensor([[0., 0., 1., 1.]])
    """

    _tuple = staticmethod(_pair)


class ReplicationPad2d(_ReplicationPadNd):
    """Repeats the sides of an image. Source: torch.nn.ReplicationPad2d."""

    _tuple = staticmethod(_quadruple)


class ReplicationPad3d(_ReplicationPadNd):
    """Repeats the sides of a volume. Source: torch.nn.ReplicationPad3d."""

    _tuple = staticmethod(_sextuple)


class ZeroPad1d(ConstantPad1d):
    """Pads a signal with zeros. Source: torch.nn.ZeroPad1d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.ZeroPad1d(1)(torch.tensor([[1.0]]))
        tensor([[0., 1., 0.]])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads an image with zeros. Source: torch.nn.ZeroPad2d."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads a volume with zeros. Source: torch.nn.ZeroPad3d."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"
