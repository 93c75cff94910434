"""Gradients of convolutions by themselves, with respect to input or weight (torch.nn.grad)."""

from __future__ import annotations

from .. import functions as fn
from ..autograd.engine import grad as gradient
from ..autograd.modes import enable_grad, is_grad_enabled
from . import functional as F

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]


def _by_input(convolution, input_size, weight, grad_output, options):
    input = fn.zeros(input_size, dtype=grad_output.dtype, device=grad_output.device, requires_grad=True)
    return _gradient(convolution, input, weight, grad_output, options, input)


def _by_weight(convolution, input, weight_size, grad_output, options):
    weight = fn.zeros(weight_size, dtype=grad_output.dtype, device=grad_output.device, requires_grad=True)
    return _gradient(convolution, input, weight, grad_output, options, weight)


def _gradient(convolution, input, weight, grad_output, options, wanted):
    given = [tensor for tensor in (input, weight, grad_output) if tensor is not wanted]
    recorded = is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    with enable_grad():
        output = convolution(input, weight, None, *options)
    (result,) = gradient((output,), (wanted,), (grad_output,), create_graph=recorded)
    return result


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d with respect to its input of size input_size.

    Source: torch.nn.grad.conv1d_input.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.grad.conv1d_input((1, 1, 3), torch.ones(1, 1, 2), torch.ones(1, 1, 2))
        tensor([[[1., 2., 1.]]])
    """
    return _by_input(F.conv1d, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d with respect to its weight of size weight_size.

    Source: torch.nn.grad.conv1d_weight.
    """
    return _by_weight(F.conv1d, input, weight_size, grad_output, (stride, padding, dilation, groups))


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d with respect to its input of size input_size.

    Source: torch.nn.grad.conv2d_input.
    """
    return _by_input(F.conv2d, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d with respect to its weight of size weight_size.

    Source: torch.nn.grad.conv2d_weight.
    """
    return _by_weight(F.conv2d, input, weight_size, grad_output, (stride, padding, dilation, groups))


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d with respect to its input of size input_size.

    Source: torch.nn.grad.conv3d_input.
    """
    return _by_input(F.conv3d, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d with respect to its weight of size weight_size.

    Source: torch.nn.grad.conv3d_weight.
    """
    return _by_weight(F.conv3d, input, weight_size, grad_output, (stride, padding, dilation, groups))
