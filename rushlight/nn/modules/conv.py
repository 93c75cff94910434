"""Convolutions and transposed convolutions of one, two and three dimensions (torch.nn.modules.conv).

Sizes may be one number or one for each spatial dimension. Weights start as U(-1 / sqrt(fan_in), 1 /
sqrt(fan_in)), biases likewise. A lazy form takes the number of input channels from its first input and
becomes the ordinary layer.
"""

from __future__ import annotations

import math
from typing import Any

from ... import functions as fn
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module
from .utils import _pair, _reverse_repeat_tuple, _single, _triple

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

_PADDING_STRINGS = {"same", "valid"}
_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}


class _ConvNd(Module):
    """Weight, bias and geometry of a convolution.

    Raises:
        ValueError: groups is not positive or does not divide the channels; padding or padding_mode is an
            unknown word; padding="same" with a stride other than 1.
    """

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        bias,
        padding_mode,
        device=None,
        dtype=None,
    ):
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in _PADDING_STRINGS:
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {_PADDING_STRINGS}")
            if padding == "same" and any(step != 1 for step in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _padding_for_pad(padding, kernel_size, dilation)
        shape = self._weight_shape(in_channels)
        self.weight = Parameter(fn.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(fn.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self, in_channels):
        if self.transposed:
            return (in_channels, self.out_channels // self.groups, *self.kernel_size)
        return (self.out_channels, in_channels // self.groups, *self.kernel_size)

    def reset_parameters(self):
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _fan_out = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        ones = (1,) * len(self.kernel_size)
        zeros = (0,) * len(self.kernel_size)
        parts = [f"{self.in_channels}, {self.out_channels}"]
        parts.append(f"kernel_size={self.kernel_size}, stride={self.stride}")
        if self.padding != zeros:
            parts.append(f"padding={self.padding}")
        if self.dilation != ones:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != zeros:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _padding_for_pad(padding, kernel_size, dilation):
    """padding in F.pad's order: last dimension first, before and after."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    both = [0, 0] * len(kernel_size)
    if padding == "same":
        for place, (step, length) in enumerate(zip(reversed(dilation), reversed(kernel_size), strict=True)):
            total = step * (length - 1)
            both[2 * place] = total // 2
            both[2 * place + 1] = total - total // 2
    return both


class _Conv(_ConvNd):
    """A convolution; the subclasses settle the number of spatial dimensions."""

    _tuple: Any

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        tuple_of = type(self)._tuple
        super().__init__(
            in_channels,
            out_channels,
            tuple_of(kernel_size),
            tuple_of(stride),
            padding if isinstance(padding, str) else tuple_of(padding),
            tuple_of(dilation),
            False,
            tuple_of(0),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def forward(self, input):
        own = self._parameters  # read directly: falling through to __getattr__ costs as much as the call
        try:
            weight, bias = own["weight"], own["bias"]
        except KeyError:  # parametrized, or replaced by a plain tensor
            weight, bias = self.weight, self.bias
        return self._conv_forward(input, weight, bias)


class Conv1d(_Conv):
    """Cross-correlation of signals with learned filters, plus a bias for each output channel.

    Args:
        padding: zeros added at both ends, or "valid" (none) or "same" (output as long as the input, stride
            1).
        groups: the channels are split into this many groups that do not mix.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
    Shape: (N, C_in, L) or (C_in, L) -> (N, C_out, L_out), L_out = floor((L + 2 padding - dilation (k - 1) -
        1) / stride) + 1; weight (C_out, C_in / groups, k), bias (C_out).
    Source: torch.nn.Conv1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.ones(20, 16, 50)).shape
        torch.Size([20, 33, 24])
    """

    _tuple = staticmethod(_single)

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,)
        return F.conv1d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Cross-correlation of images with learned filters, plus a bias for each output channel.

    Args:
        padding: zeros added on all sides, or "valid" (none) or "same" (output as large as the input, stride
            1).
        groups: the channels are split into this many groups that do not mix.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
    Shape: (N, C_in, H, W) or (C_in, H, W) -> (N, C_out, H_out, W_out), each size as in Conv1d;
        weight (C_out, C_in / groups, k_h, k_w), bias (C_out).
    Source: torch.nn.Conv2d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Conv2d(3, 8, (3, 5), padding="same")(torch.ones(2, 3, 20, 30)).shape
        torch.Size([2, 8, 20, 30])
    """

    _tuple = staticmethod(_pair)

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0, 0)
        return F.conv2d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """Cross-correlation of volumes with learned filters, plus a bias for each output channel.

    Shape: (N, C_in, D, H, W) or (C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out), each size as in Conv1d;
        weight (C_out, C_in / groups, k_d, k_h, k_w), bias (C_out).
    Source: torch.nn.Conv3d. Arguments as in Conv2d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Conv3d(2, 4, 3, stride=2)(torch.ones(1, 2, 9, 9, 9)).shape
        torch.Size([1, 4, 4, 4, 4])
    """

    _tuple = staticmethod(_triple)

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0, 0, 0)
        return F.conv3d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution.

    Raises:
        ValueError: padding_mode is not "zeros".
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        bias,
        padding_mode,
        device=None,
        dtype=None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            transposed,
            output_padding,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _output_padding(
        self, input, output_size, stride, padding, kernel_size, num_spatial_dims, dilation=None
    ):
        """The output padding that gives output_size (the layer's own if None).

        Raises:
            ValueError: output_size has another number of dimensions, or no output padding gives it.
        """
        if output_size is None:
            return _single(self.output_padding)
        leading = 2 if input.dim() == num_spatial_dims + 2 else 1
        if len(output_size) == leading + num_spatial_dims:
            output_size = output_size[leading:]
        if len(output_size) != num_spatial_dims:
            raise ValueError(
                f"ConvTranspose{num_spatial_dims}D: for {input.dim()}D input, output_size must have "
                f"{num_spatial_dims} or {leading + num_spatial_dims} elements (got {len(output_size)})"
            )
        min_sizes, max_sizes = [], []
        for d in range(num_spatial_dims):
            spread = (dilation[d] if dilation is not None else 1) * (kernel_size[d] - 1)
            smallest = (input.size(d + leading) - 1) * stride[d] - 2 * padding[d] + spread + 1
            min_sizes.append(smallest)
            max_sizes.append(smallest + stride[d] - 1)
        for size, low, high in zip(output_size, min_sizes, max_sizes, strict=True):
            if not low <= size <= high:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from {min_sizes} to "
                    f"{max_sizes} (for an input of {input.size()[2:]})"
                )
        return [size - low for size, low in zip(output_size, min_sizes, strict=True)]


class _ConvTranspose(_ConvTransposeNd):
    """A transposed convolution; the subclasses settle the number of spatial dimensions."""

    _tuple: Any

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        tuple_of = type(self)._tuple
        super().__init__(
            in_channels,
            out_channels,
            tuple_of(kernel_size),
            tuple_of(stride),
            tuple_of(padding),
            tuple_of(dilation),
            True,
            tuple_of(output_padding),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _transposed(self, function, dims, input, output_size):
        if self.padding_mode != "zeros":
            raise ValueError(f"Only `zeros` padding mode is supported for ConvTranspose{dims}d")
        output_padding = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, dims, self.dilation
        )
        return function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """The gradient of Conv1d with respect to its input, as a layer.

    Args:
        padding: dilation (k - 1) - padding zeros are added at both ends.
        output_padding: length added at one end, to choose among the lengths a strided Conv1d maps to one.
    Shape: (N, C_in, L) or (C_in, L) -> (N, C_out, L_out), L_out = (L - 1) stride - 2 padding + dilation (k -
        1) + output_padding + 1; weight (C_in, C_out / groups, k), bias (C_out).
    Source: torch.nn.ConvTranspose1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.ConvTranspose1d(4, 2, 3, stride=2)(torch.ones(1, 4, 5)).shape
        torch.Size([1, 2, 11])
    """

    _tuple = staticmethod(_single)

    def forward(self, input, output_size=None):
        return self._transposed(F.conv_transpose1d, 1, input, output_size)


class ConvTranspose2d(_ConvTranspose):
    """The gradient of Conv2d with respect to its input, as a layer.

    Shape: (N, C_in, H, W) or (C_in, H, W) -> (N, C_out, H_out, W_out), each size as in ConvTranspose1d;
        weight (C_in, C_out / groups, k_h, k_w), bias (C_out).
    Source: torch.nn.ConvTranspose2d. Arguments as in ConvTranspose1d.
    Example:
        >>> import rushlight as torch
        >>> up = torch.nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)
        >>> up(torch.ones(1, 4, 6, 6), output_size=(12, 12)).shape
        torch.Size([1, 2, 12, 12])
    """

    _tuple = staticmethod(_pair)

    def forward(self, input, output_size=None):
        return self._transposed(F.conv_transpose2d, 2, input, output_size)


class ConvTranspose3d(_ConvTranspose):
    """The gradient of Conv3d with respect to its input, as a layer.

    Shape: (N, C_in, D, H, W) or (C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out), each size as in
        ConvTranspose1d; weight (C_in, C_out / groups, k_d, k_h, k_w), bias (C_out).
    Source: torch.nn.ConvTranspose3d. Arguments as in ConvTranspose1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.ConvTranspose3d(2, 1, 2, stride=2)(torch.ones(1, 2, 3, 3, 3)).shape
        torch.Size([1, 1, 6, 6, 6])
    """

    _tuple = staticmethod(_triple)

    def forward(self, input, output_size=None):
        return self._transposed(F.conv_transpose3d, 3, input, output_size)


class _LazyConvXdMixin(LazyModuleMixin):
    """What the lazy convolutions share."""

    def _leave_open(self, out_channels, bias, device, dtype):
        """Put uninitialized parameters in place of the empty ones."""
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        """Draw weight and bias anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input, *args, **kwargs):
        """Shape the parameters for input's channels."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        self.weight.materialize(self._weight_shape(self.in_channels))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input):
        unbatched = self._get_num_spatial_dims() + 1
        if input.dim() not in (unbatched, unbatched + 1):
            raise RuntimeError(
                f"Expected {unbatched}D (unbatched) or {unbatched + 1}D (batched) input "
                f"to {type(self).__name__}, but got input of size: {input.shape}"
            )
        return input.shape[input.dim() - unbatched]

    def _get_num_spatial_dims(self):
        return len(self.kernel_size)


class _LazyConv(_LazyConvXdMixin):
    """The constructor of the lazy convolutions."""

    def __init__(
        self,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            0,
            0,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            False,
            padding_mode,
            device=device,
            dtype=dtype,
        )
        self._leave_open(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    """The constructor of the lazy transposed convolutions."""

    def __init__(
        self,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            0,
            0,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            False,
            dilation,
            padding_mode,
            device=device,
            dtype=dtype,
        )
        self._leave_open(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that finds in_channels out. Source: torch.nn.LazyConv1d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.LazyConv1d(2, 3)(torch.ones(1, 4, 9)).shape
        torch.Size([1, 2, 7])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that finds in_channels out. Source: torch.nn.LazyConv2d.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.LazyConv2d(2, 3)(torch.ones(1, 4, 9, 9)).shape
        torch.Size([1, 2, 7, 7])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that finds in_channels out. Source: torch.nn.LazyConv3d."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that finds in_channels out. Source: torch.nn.LazyConvTranspose1d."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that finds in_channels out. Source: torch.nn.LazyConvTranspose2d."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that finds in_channels out. Source: torch.nn.LazyConvTranspose3d."""

    cls_to_become = ConvTranspose3d
