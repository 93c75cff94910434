"""Layers whose output is linear in each input: Identity, Linear, Bilinear (torch.nn.modules.linear)."""

from __future__ import annotations

import math

from ... import functions as fn
from ...autograd.modes import no_grad
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


class Identity(Module):
    """Returns its input; takes and ignores any arguments, so that it can stand in for another layer.

    Source: torch.nn.Identity.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Identity(54, unused=True)(torch.tensor(1.0))
        tensor(1.)
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    """y = x W^T + b.

    Shape: x (*, in_features), y (*, out_features); weight (out_features, in_features), bias (out_features).
    Both start as U(-1 / sqrt(in_features), 1 / sqrt(in_features)).
    Source: torch.nn.Linear.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Linear(20, 30)(torch.ones(128, 20)).shape
        torch.Size([128, 30])
    """

    __constants__ = ["in_features", "out_features"]

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(fn.empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(fn.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # U(-b, b) with b = 1 / sqrt(in_features)
        if self.bias is not None:
            fan_in, _fan_out = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        own = self._parameters  # read directly: falling through to __getattr__ costs as much as the call
        try:
            weight, bias = own["weight"], own["bias"]
        except KeyError:  # parametrized, or replaced by a plain tensor
            weight, bias = self.weight, self.bias
        return F.linear(input, weight, bias)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that MultiheadAttention's output projection has in PyTorch."""


class Bilinear(Module):
    """y_k = x1^T W_k x2 + b_k.

    Shape: x1 (*, in1_features), x2 (*, in2_features), y (*, out_features);
    weight (out_features, in1_features, in2_features), bias (out_features).

    Raises:
        ValueError: in1_features is not positive.
    Source: torch.nn.Bilinear.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Bilinear(2, 3, 4)(torch.ones(5, 2), torch.ones(5, 3)).shape
        torch.Size([5, 4])
    """

    __constants__ = ["in1_features", "in2_features", "out_features"]

    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(fn.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(fn.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew from U(-1 / sqrt(in1_features), 1 / sqrt(in1_features))."""
        if self.in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={self.in1_features})")
        bound = 1 / math.sqrt(self.weight.size(1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear that takes in_features from its first input and becomes a Linear then.

    Source: torch.nn.LazyLinear.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.LazyLinear(2)(torch.ones(4, 3)).shape
        torch.Size([4, 2])
    """

    cls_to_become = Linear

    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        """Draw weight and bias anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Shape the parameters for input's last dimension."""
        found = input.shape[-1]
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = found
                self.weight.materialize((self.out_features, found))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if self.in_features == 0:  # the weight came from a state dict
            expected = self.weight.shape[-1]
            if found != expected:
                raise AssertionError(
                    f"The in_features inferred from input: {found} is not equal to "
                    f"in_features from self.weight: {expected}"
                )
            self.in_features = found
