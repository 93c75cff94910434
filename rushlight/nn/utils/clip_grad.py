"""Keeping gradients within bounds, in place (torch.nn.utils.clip_grad).

`foreach` chose between two implementations in PyTorch; here there is one, and the argument is accepted.
"""

from __future__ import annotations

import functools
import types
import typing
import warnings

from ... import functions as fn
from ...autograd.modes import no_grad
from ...tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

_tensor_or_tensors = Tensor | typing.Iterable[Tensor]


def _no_grad(func):
    """func running without recording history."""

    @functools.wraps(func)
    def without_grad(*args, **kwargs):
        with no_grad():
            return func(*args, **kwargs)

    return without_grad


def _listed(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@_no_grad
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors as if they were one vector.

    Args:
        norm_type: p of the p-norm; inf for the largest magnitude.
        error_if_nonfinite: refuse a norm that is nan or infinite.
    Returns:
        A 0-d tensor on the first tensor's device.
    Raises:
        RuntimeError: a norm that is not finite, if asked.
    Source: torch.nn.utils.get_total_norm.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
        tensor(5.)
    """
    tensors = _listed(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return fn.tensor(0.0)
    device = tensors[0].device
    norms = [fn.norm(tensor, norm_type).to(device) for tensor in tensors]
    total_norm = fn.norm(fn.stack(norms), norm_type)
    if error_if_nonfinite and not bool(fn.isfinite(total_norm)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
            "cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total_norm


@_no_grad
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients by max_norm / total_norm where that is below 1.

    Source: torch.nn.utils.clip_grads_with_norm_.
    """
    gradients = [parameter.grad for parameter in _listed(parameters) if parameter.grad is not None]
    if not gradients:
        return
    factor = fn.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device))


@_no_grad
def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale the gradients so that their total norm is at most max_norm; returns the norm before.

    Raises:
        RuntimeError: a norm that is not finite, if error_if_nonfinite.
    Source: torch.nn.utils.clip_grad_norm_.
    Example:
        >>> import rushlight as torch
        >>> p = torch.nn.Parameter(torch.zeros(2))
        >>> p.grad = torch.tensor([3.0, 4.0])
        >>> torch.nn.utils.clip_grad_norm_([p], 1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    if isinstance(parameters, types.GeneratorType) and not listed:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    gradients = [parameter.grad for parameter in listed if parameter.grad is not None]
    total_norm = get_total_norm(gradients, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Deprecated name of clip_grad_norm_."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@_no_grad
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Hold every element of the gradients within [-clip_value, clip_value].

    Source: torch.nn.utils.clip_grad_value_.
    Example:
        >>> import rushlight as torch
        >>> p = torch.nn.Parameter(torch.zeros(2))
        >>> p.grad = torch.tensor([3.0, -0.5])
        >>> torch.nn.utils.clip_grad_value_(p, 1)
        >>> p.grad
        tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    for parameter in _listed(parameters):
        if parameter.grad is not None:
            parameter.grad.clamp_(min=-bound, max=bound)


_get_total_norm = get_total_norm
_clip_grads_with_norm_ = clip_grads_with_norm_
