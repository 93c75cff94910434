"""Folding a batch normalization, in evaluation, into the layer before it (torch.nn.utils.fusion).

With s = weight / sqrt(running_var + eps) the pair computes s (W x + b - running_mean) + bias, one layer
again.
"""

from __future__ import annotations

import copy

from ... import functions as fn
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A copy of conv that computes conv and then bn.

    Args:
        transpose: conv is a transposed convolution.
    Raises:
        AssertionError: either is in training mode, or bn has no running statistics.
    Source: torch.nn.utils.fuse_conv_bn_eval.
    Example:
        >>> import rushlight as torch
        >>> conv, bn = torch.nn.Conv2d(1, 2, 3).eval(), torch.nn.BatchNorm2d(2).eval()
        >>> x = torch.ones(1, 1, 4, 4)
        >>> bool(torch.allclose(torch.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6))
        True
    """
    _check_ready(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """Weight and bias of the fused convolution, as Parameters.

    Source: torch.nn.utils.fuse_conv_bn_weights.
    """
    shape = [1] * conv_w.dim()
    shape[1 if transpose else 0] = -1
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear, bn):
    """A copy of linear that computes linear and then bn.

    Raises:
        AssertionError: either is in training mode, bn has no running statistics, or its features are neither
            linear's outputs nor 1.
    Source: torch.nn.utils.fuse_linear_bn_eval.
    """
    _check_ready(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """Weight and bias of the fused linear layer, as Parameters.

    Source: torch.nn.utils.fuse_linear_bn_weights.
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))


def _check_ready(layer, bn):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def _fused(weight, bias, mean, variance, eps, bn_weight, bn_bias, shape):
    """Fused weight and bias; shape lays one factor for each output channel along the weight."""
    bias_dtype = weight.dtype if bias is None else bias.dtype
    bias_requires_grad = False if bias is None else bias.requires_grad
    if bias is None:
        bias = fn.zeros_like(mean)
    scale = fn.rsqrt(variance + eps)
    if bn_weight is not None:
        scale = scale * bn_weight
    fused_weight = (weight * scale.reshape(shape)).to(weight.dtype)
    fused_bias = (bias - mean) * scale
    if bn_bias is not None:
        fused_bias = fused_bias + bn_bias
    return (
        Parameter(fused_weight.detach(), weight.requires_grad),
        Parameter(fused_bias.to(bias_dtype).detach(), bias_requires_grad),
    )
