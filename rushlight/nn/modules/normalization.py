"""Normalizations that do not depend on the batch (torch.nn.modules.normalization)."""

from __future__ import annotations

import numbers

from ... import functions as fn
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["LocalResponseNorm", "CrossMapLRN2d", "LayerNorm", "GroupNorm", "RMSNorm"]


class _ResponseNorm(Module):
    """The numbers of a local response normalization."""

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LocalResponseNorm(_ResponseNorm):
    """x / (k + alpha mean(x^2))^beta, the mean over `size` neighbouring channels (Krizhevsky et al. 2012).

    Shape: (N, C, *).
    Source: torch.nn.LocalResponseNorm.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.LocalResponseNorm(2)(torch.ones(1, 4, 3)).shape
        torch.Size([1, 4, 3])
    """

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class CrossMapLRN2d(_ResponseNorm):
    """LocalResponseNorm of images whose window reaches r = floor((size - 1) / 2) channels back and as far on.

    The sum over the window is always divided by size, also at the edges. As in PyTorch, whose running sum
    never drops it, channel 0 stays in the windows of all channels after r.

    Shape: (N, C, H, W).
    Raises:
        ValueError: the input is not 4-dimensional.
    Source: torch.nn.CrossMapLRN2d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.CrossMapLRN2d(3)(torch.zeros(1, 2, 1, 1)).sum()
        tensor(0.)
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__(size, alpha, beta, k)

    def forward(self, input):
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        reach = int((self.size - 1) / 2)
        squares = F.pad(input * input, (0, 0, 0, 0, reach, reach))
        channels = input.size(1)
        window = sum(squares[:, i : i + channels] for i in range(2 * reach + 1))
        if channels > reach + 1:
            lingering = squares[:, reach : reach + 1].expand(-1, channels - reach - 1, -1, -1)
            window = window + F.pad(lingering, (0, 0, 0, 0, reach + 1, 0))
        return input * (window * (self.alpha / self.size) + self.k) ** -self.beta


def _normalized_shape(shape):
    return (shape,) if isinstance(shape, numbers.Integral) else tuple(shape)


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, which are normalized_shape (Ba
    2016).

    Shape: (*, *normalized_shape); weight and bias (*normalized_shape), absent without elementwise_affine.
    Source: torch.nn.LayerNorm.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.LayerNorm(2, bias=False)(torch.tensor([-2.0, 2.0])).tolist() != [0.0, 0.0]
        True
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None
    ):
        super().__init__()
        self.normalized_shape = _normalized_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, present in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            if present:
                setattr(self, name, Parameter(fn.empty(self.normalized_shape, device=device, dtype=dtype)))
            else:
                self.register_parameter(name, None)
        self.reset_parameters()

    def reset_parameters(self):
        """Set weight to 1 and bias to 0."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input):
        own = self._parameters  # see Linear
        try:
            weight, bias = own["weight"], own["bias"]
        except KeyError:  # parametrized, or replaced by a plain tensor
            weight, bias = self.weight, self.bias
        return F.layer_norm(input, self.normalized_shape, weight, bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias within each of num_groups groups of channels (Wu and He
    2018).

    Shape: (N, num_channels, *); weight and bias (num_channels), absent without affine.
    Raises:
        ValueError: num_groups does not divide num_channels.
    Source: torch.nn.GroupNorm.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.GroupNorm(3, 6)(torch.ones(2, 6, 4)).shape
        torch.Size([2, 6, 4])
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *, bias=True
    ):
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, present in (("weight", affine), ("bias", affine and bias)):
            if present:
                setattr(self, name, Parameter(fn.empty(num_channels, device=device, dtype=dtype)))
            else:
                self.register_parameter(name, None)
        self.reset_parameters()

    def reset_parameters(self):
        """Set weight to 1 and bias to 0."""
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions (Zhang and Sennrich 2019).

    Args:
        eps: None: the smallest step of the input's dtype above 1.
    Shape: (*, *normalized_shape); weight (*normalized_shape), absent without elementwise_affine.
    Source: torch.nn.RMSNorm.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.RMSNorm(2, eps=0.0, elementwise_affine=False)(torch.tensor([3.0, -3.0]))
        tensor([ 1., -1.])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = _normalized_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = Parameter(fn.empty(self.normalized_shape, device=device, dtype=dtype))
        else:
            self.register_parameter("weight", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Set weight to 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
