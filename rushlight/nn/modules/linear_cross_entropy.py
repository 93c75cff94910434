"""Cross entropy of a linear layer's outputs as one loss (torch.nn.LinearCrossEntropyLoss)."""

from __future__ import annotations

import math

from .. import functional as F
from .linear import Linear
from .loss_base import _WeightedLoss

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(_WeightedLoss):
    """CrossEntropyLoss of x W^T + b, the last layer of a classifier and its loss in one.

    Args:
        out_features: further dimensions that are classified independently.
        weight: a weight for each class, (num_classes).
        ignore_index: a target class that counts for nothing.
        label_smoothing: share of probability spread evenly over the classes, in [0, 1].
        options: a LinearCrossEntropyOptions.
    Shape: input (N, in_features) or (in_features); target as in CrossEntropyLoss for logits
        (N, num_classes, *out_features).
    Raises:
        RuntimeError: weight is not one for each class, or label_smoothing is outside [0, 1].
    Source: torch.nn.LinearCrossEntropyLoss.
    Example:
        >>> import rushlight as torch
        >>> loss = torch.nn.LinearCrossEntropyLoss(4, 3)
        >>> round(loss(torch.zeros(2, 4), torch.tensor([0, 2])).item(), 4)
        1.0986
    """

    __constants__ = ["num_classes", "out_features", "reduction", "ignore_index", "label_smoothing"]

    def __init__(
        self,
        in_features,
        num_classes,
        *,
        out_features=(),
        bias=False,
        device=None,
        dtype=None,
        reduction="mean",
        weight=None,
        ignore_index=None,
        label_smoothing=0.0,
        options=None,
    ):
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight=weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = num_classes * math.prod(out_features)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input, target):
        shape = (self.num_classes, *self.out_features)
        linear_bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*shape, self.linear.in_features)),
            target,
            linear_bias=None if linear_bias is None else linear_bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, "
            f"options={self.options}"
        )
