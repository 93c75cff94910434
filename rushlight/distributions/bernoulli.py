"""`Bernoulli`."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from . import constraints
from .exp_family import ExponentialFamily
from .parameters import listed, one_of
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits, with_logits


class Bernoulli(ExponentialFamily):
    """1 with probability `probs` (or log-odds `logits`), else 0. Source: torch.distributions.Bernoulli."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._param = one_of(self, probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        return self._param.size()

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return fn.where(self.probs == 0.5, fn.full_like(mode, math.nan), mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with fn.no_grad():
            return fn.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        return -with_logits(logits, value)

    def entropy(self) -> Tensor:
        return with_logits(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = fn.arange(2, dtype=self._param.dtype, device=self._param.device)
        return listed(values, self._batch_shape, expand)

    @property
    def _natural_params(self) -> tuple:
        return (fn.logit(self.probs),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return fn.log(1 + fn.exp(x))
