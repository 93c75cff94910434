"""Batch normalization (torch.nn.modules.batchnorm), and the base it shares with instance normalization.

y = (x - mean) / sqrt(var + eps) * weight + bias for each channel (dimension 1). In training the mean and
(biased) variance are the batch's, and the running ones move towards it by `momentum`; in evaluation they are
the running ones.
"""

from __future__ import annotations

from ... import functions as fn
from ...autograd.modes import no_grad
from ...dtypes import int64
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedBuffer, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module

__all__ = [
    "BatchNorm1d",
    "LazyBatchNorm1d",
    "BatchNorm2d",
    "LazyBatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Parameters and running statistics of a normalization by channel.

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: share of the new value in the running ones; None: the plain average of all batches.
        affine: whether there are weight and bias; bias=False leaves out the bias alone.
        track_running_stats: whether there are running statistics.
    """

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, present in (("weight", affine), ("bias", affine and bias)):
            if present:
                setattr(self, name, Parameter(fn.empty(num_features, device=device, dtype=dtype)))
            else:
                self.register_parameter(name, None)
        if track_running_stats:
            self.register_buffer("running_mean", fn.zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", fn.ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", fn.tensor(0, dtype=int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self):
        """Set the running mean to 0, the running variance to 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Set weight to 1, bias to 0 and the running statistics to their start."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input):
        raise NotImplementedError(f"{type(self).__name__} does not define _check_input_dim(input)")

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            count = self.num_batches_tracked  # version 1 did not count
            state_dict[key] = count if count is not None and not count.is_meta else fn.tensor(0, dtype=int64)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """Batch normalization; the subclasses check the number of dimensions."""

    def forward(self, input):
        self._check_input_dim(input)
        training = self.training
        tracking = self.track_running_stats
        factor = self.momentum
        own, buffers = self._parameters, self._buffers  # see Linear
        try:
            weight, bias = own["weight"], own["bias"]
            running_mean, running_var = buffers["running_mean"], buffers["running_var"]
            count = buffers["num_batches_tracked"]
        except KeyError:  # parametrized, or replaced by plain tensors
            weight, bias = self.weight, self.bias
            running_mean, running_var, count = self.running_mean, self.running_var, self.num_batches_tracked
        if training and tracking and count is not None:
            count.add_(1)
            if factor is None:
                factor = 1.0 / float(count)
        use_batch = training or (running_mean is None and running_var is None)
        if training and not tracking:
            running_mean = running_var = None
        if factor is None:
            factor = 0.0
        return self._normalized(input, running_mean, running_var, weight, bias, use_batch, factor)

    def _normalized(self, input, running_mean, running_var, weight, bias, use_batch, factor):
        return F.batch_norm(input, running_mean, running_var, weight, bias, use_batch, factor, self.eps)


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """A normalization that takes num_features from its first input's channels."""

    def __init__(
        self,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(0, eps, momentum, False, False, device=device, dtype=dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = fn.tensor(0, dtype=int64, device=device)

    def reset_parameters(self):
        """Set weight, bias and statistics to their start, once they have shapes."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Shape parameters and buffers for input's channels."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        waiting = [self.weight, self.bias] if self.affine else []
        if self.track_running_stats:
            waiting += [self.running_mean, self.running_var]
        for tensor in waiting:
            if tensor is not None:
                tensor.materialize((self.num_features,))
        self.reset_parameters()


class _Check2dOr3d:
    def _check_input_dim(self, input):
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class _Check4d:
    def _check_input_dim(self, input):
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")


class _Check5d:
    def _check_input_dim(self, input):
        if input.dim() != 5:
            raise ValueError(f"expected 5D input (got {input.dim()}D input)")


class BatchNorm1d(_Check2dOr3d, _BatchNorm):
    """Batch normalization of (N, C) or (N, C, L) (Ioffe and Szegedy 2015).

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: share of the batch in the running statistics; None: the plain average of all batches.
        affine: whether there are weight and bias (C); bias=False leaves out the bias alone.
        track_running_stats: whether there are running statistics; without them the batch's are always used.
    Raises:
        ValueError: the input has another number of dimensions, or one value for each channel in training.
    Source: torch.nn.BatchNorm1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.BatchNorm1d(1, affine=False)(torch.tensor([[-2.0], [2.0]])).round()
        tensor([[-1.],
                [ 1.]])
    """


class LazyBatchNorm1d(_Check2dOr3d, _LazyNormBase, _BatchNorm):
    """A BatchNorm1d that finds num_features out. Source: torch.nn.LazyBatchNorm1d."""

    cls_to_become = BatchNorm1d


class BatchNorm2d(_Check4d, _BatchNorm):
    """Batch normalization of images (N, C, H, W).

    Source: torch.nn.BatchNorm2d. Arguments as in BatchNorm1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.BatchNorm2d(3)(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """


class LazyBatchNorm2d(_Check4d, _LazyNormBase, _BatchNorm):
    """A BatchNorm2d that finds num_features out. Source: torch.nn.LazyBatchNorm2d."""

    cls_to_become = BatchNorm2d


class BatchNorm3d(_Check5d, _BatchNorm):
    """Batch normalization of volumes (N, C, D, H, W).

    Source: torch.nn.BatchNorm3d. Arguments as in BatchNorm1d.
    """


class LazyBatchNorm3d(_Check5d, _LazyNormBase, _BatchNorm):
    """A BatchNorm3d that finds num_features out. Source: torch.nn.LazyBatchNorm3d."""

    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    """Batch normalization of (N, C, *) with the statistics of all processes of a group.

    In one process, and in evaluation, it is BatchNorm of any number of dimensions.
    Args:
        process_group: the group whose batches count as one; None: all processes.
    Raises:
        ValueError: fewer than two dimensions, or no channels.
    Source: torch.nn.SyncBatchNorm. Arguments as in BatchNorm1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
        Sequential(
          (0): SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        )
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    def _normalized(self, input, running_mean, running_var, weight, bias, use_batch, factor):
        from ...distributed.batch_statistics import batch_norm_over, group_of_several  # sockets and all

        group = group_of_several(self.process_group) if use_batch and self.training else None
        if group is None:
            return super()._normalized(input, running_mean, running_var, weight, bias, use_batch, factor)
        return batch_norm_over(group, input, running_mean, running_var, weight, bias, factor, self.eps)

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """The module with every batch norm in it replaced by a SyncBatchNorm that shares its tensors."""
        converted = module
        if isinstance(module, _BatchNorm):
            converted = SyncBatchNorm(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            if module.affine:
                with no_grad():
                    converted.weight = module.weight
                    converted.bias = module.bias
            for name in ("running_mean", "running_var", "num_batches_tracked", "training"):
                setattr(converted, name, getattr(module, name))
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted
