"""What the losses share: a reduction, and for some a weight held as a buffer. The losses are in loss.py."""

from __future__ import annotations

from .. import _reduction as _Reduction
from .module import Module


class _Loss(Module):
    """A loss with a reduction by name; the two older flags, if given, decide it."""

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _Reduction.legacy_get_string(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight, a buffer that may be None."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
