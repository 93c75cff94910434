"""Instance normalization: each channel of each sample by its own mean and variance
(torch.nn.modules.instancenorm).

Ulyanov et al. 2017. With track_running_stats, evaluation uses running statistics as batch normalization does.
"""

from __future__ import annotations

import warnings

from .. import functional as F
from .batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """Instance normalization; the subclasses settle the number of dimensions."""

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype, bias=bias
        )

    def _get_no_batch_dim(self):
        raise NotImplementedError(f"{type(self).__name__} does not define _get_no_batch_dim()")

    def _check_input_dim(self, input):
        unbatched = self._get_no_batch_dim()
        if input.dim() not in (unbatched, unbatched + 1):
            raise ValueError(f"expected {unbatched}D or {unbatched + 1}D input (got {input.dim()}D input)")

    def _handle_no_batch_input(self, input):
        return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)

    def _apply_instance_norm(self, input):
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        if local_metadata.get("version") is None and not self.track_running_stats:
            # The oldest files hold running statistics although none were tracked.
            stale = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            if stale:
                kind = type(self).__name__
                names = " and ".join(f'"{key}"' for key in stale)
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {names} for {kind} with "
                    "track_running_stats=False. If "
                    "state_dict is a checkpoint saved before 0.4.0, this may be expected because "
                    f"{kind} does not "
                    "track running stats by default since 0.4.0. Please remove these keys from "
                    "state_dict. If the "
                    f"running stats are actually needed, instead set track_running_stats=True in {kind} "
                    "to enable "
                    f"them. See the documentation of {kind} for details."
                )
                for key in stale:
                    state_dict.pop(key)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def forward(self, input):
        self._check_input_dim(input)
        feature_dim = input.dim() - self._get_no_batch_dim()
        if input.size(feature_dim) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={feature_dim} to match num_features "
                    f"({self.num_features}), but got: {input.size(feature_dim)}."
                )
            warnings.warn(
                f"input's size at dim={feature_dim} does not match num_features. "
                "You can silence this warning by not passing in num_features, "
                "which is not used because affine=False",
                stacklevel=2,
            )
        if feature_dim == 0:
            return self._handle_no_batch_input(input)
        return self._apply_instance_norm(input)


class _Of1d:
    def _get_no_batch_dim(self):
        return 2


class _Of2d:
    def _get_no_batch_dim(self):
        return 3


class _Of3d:
    def _get_no_batch_dim(self):
        return 4


class InstanceNorm1d(_Of1d, _InstanceNorm):
    """Instance normalization of (N, C, L) or (C, L).

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: share of the new value in the running statistics.
        affine: whether there are weight and bias (C); bias=False leaves out the bias alone.
        track_running_stats: whether evaluation uses running statistics.
    Raises:
        ValueError: the input has another number of dimensions, or of channels while affine.
    Source: torch.nn.InstanceNorm1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.InstanceNorm1d(1)(torch.tensor([[-2.0, 2.0]])).round()
        tensor([[-1.,  1.]])
    """


class LazyInstanceNorm1d(_Of1d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d that finds num_features out. Source: torch.nn.LazyInstanceNorm1d."""

    cls_to_become = InstanceNorm1d


class InstanceNorm2d(_Of2d, _InstanceNorm):
    """Instance normalization of images (N, C, H, W) or (C, H, W).

    Source: torch.nn.InstanceNorm2d. Arguments as in InstanceNorm1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.InstanceNorm2d(3)(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """


class LazyInstanceNorm2d(_Of2d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d that finds num_features out. Source: torch.nn.LazyInstanceNorm2d."""

    cls_to_become = InstanceNorm2d


class InstanceNorm3d(_Of3d, _InstanceNorm):
    """Instance normalization of volumes (N, C, D, H, W) or (C, D, H, W).

    Source: torch.nn.InstanceNorm3d. Arguments as in InstanceNorm1d.
    """


class LazyInstanceNorm3d(_Of3d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d that finds num_features out. Source: torch.nn.LazyInstanceNorm3d."""

    cls_to_become = InstanceNorm3d
