"""`Multinomial`."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..shapes import Size
from ..tensor import Tensor
from . import constraints
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Distribution
from .utils import broadcast_all


class Multinomial(Distribution):
    """Counts of `total_count` draws of a Categorical. Source: torch.distributions.Multinomial."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    @property
    def probs(self) -> Tensor:
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        return self._categorical.param_shape

    def sample(self, sample_shape: Any = ()) -> Tensor:
        sample_shape = Size(sample_shape)
        drawn = self._categorical.sample((self.total_count,) + tuple(sample_shape))
        drawn = drawn.permute(*range(1, drawn.dim()), 0)
        counts = fn.zeros(self._extended_shape(sample_shape), dtype=drawn.dtype, device=drawn.device)
        return counts.scatter_add(-1, drawn, fn.ones_like(drawn)).type_as(self.probs)

    def entropy(self) -> Tensor:
        n = fn.tensor(self.total_count)
        each = Binomial(self.total_count, probs=self.probs)
        values = each.enumerate_support(expand=False)[1:]
        weights = fn.exp(each.log_prob(values))
        terms = (weights * fn.lgamma(values + 1)).sum([0, -1])
        return n * self._categorical.entropy() - fn.lgamma(n + 1) + terms

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        logits = fn.where((value == 0) & (logits == -math.inf), 0.0, logits)
        counted = fn.lgamma(value.sum(-1) + 1) - fn.lgamma(value + 1).sum(-1)
        return counted + (logits * value).sum(-1)
