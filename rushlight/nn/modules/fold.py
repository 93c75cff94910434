"""Sliding blocks out of and back into images (torch.nn.modules.fold)."""

from __future__ import annotations

from .. import functional as F
from .module import Module

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Sums blocks, the columns that Unfold gives, into an image.

    Shape: (N, C k_h k_w, L) or (C k_h k_w, L) -> (N, C, *output_size) or (C, *output_size), L the number of
        blocks.
    Source: torch.nn.Fold.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Fold((4, 5), (2, 2))(torch.ones(1, 12, 12)).shape
        torch.Size([1, 3, 4, 5])
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Every block that a sliding window covers, as columns (im2col).

    Shape: (N, C, H, W) or (C, H, W) -> (N, C k_h k_w, L) or (C k_h k_w, L), L the number of blocks.
    Source: torch.nn.Unfold.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Unfold((2, 3))(torch.ones(2, 5, 3, 4)).shape
        torch.Size([2, 30, 4])
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
