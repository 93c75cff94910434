"""Checks and shapes that several distributions share."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from .utils import broadcast_all


def exactly_one(probs: Any, logits: Any) -> None:
    """Refuse both, and neither."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def one_of(made: Any, probs: Any, logits: Any) -> Tensor:
    """Set made.probs or made.logits, whichever is given, as a tensor; gives it."""
    exactly_one(probs, logits)
    (param,) = broadcast_all(logits if probs is None else probs)
    setattr(made, "logits" if probs is None else "probs", param)
    return param


def listed(values: Tensor, batch_shape: Any, expand: bool) -> Tensor:
    """A vector of values along a first dim, before dims of the batch."""
    values = values.reshape((-1,) + (1,) * len(batch_shape))
    return values.expand((-1,) + tuple(batch_shape)) if expand else values


def log_sigmoid(x: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), steady for large -x."""
    return x.clamp(max=0) - fn.log1p(fn.exp(-x.abs()))
