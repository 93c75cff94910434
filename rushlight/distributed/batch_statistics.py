"""Batch normalization with the mean and variance of all ranks' batches: what SyncBatchNorm computes in a group."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..autograd.modes import no_grad
from ..dtypes import NARROW, float32
from ..tensor import Tensor
from .group import ProcessGroup, is_initialized, member
from .nn.functional import all_reduce


def group_of_several(process_group: Any) -> ProcessGroup | None:
    """The group that statistics are to be shared in; None when there is nobody to share them with."""
    if not is_initialized():
        return None
    found = member(process_group)
    return found if found is not None and found.size() > 1 else None


def batch_norm_over(
    group: ProcessGroup,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    """batch_norm in training, of (N, C, ...), as if the ranks' inputs were one batch; N may differ between ranks.

    The mean comes first and the variance around it second, which costs a second transfer and no accuracy.
    """
    wide = input.to(float32) if input.dtype in NARROW else input
    dims = [dim for dim in range(input.dim()) if dim != 1]
    shape = [1, input.shape[1]] + [1] * (input.dim() - 2)
    here = input.numel() // input.shape[1]
    counted = fn.cat([wide.sum(dims), fn.full((1,), float(here), dtype=wide.dtype)])
    totals = all_reduce(counted, group=group)
    count = totals[-1].detach()
    if float(count) <= 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.size()}"
        )
    mean = totals[:-1] / count
    centered = wide - mean.reshape(shape)
    var = all_reduce((centered * centered).sum(dims), group=group) / count
    result = centered * (var + eps).rsqrt().reshape(shape)
    if weight is not None:
        result = result * weight.reshape(shape)
    if bias is not None:
        result = result + bias.reshape(shape)
    with no_grad():
        if running_mean is not None:
            running_mean.mul_(1 - momentum).add_(mean.detach() * momentum)
        if running_var is not None:
            running_var.mul_(1 - momentum).add_(var.detach() * (count / (count - 1)) * momentum)
    return result.to(input.dtype)
