"""`Dirichlet`."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..autograd.function import Function, once_differentiable
from ..tensor import Tensor
from . import constraints
from .exp_family import ExponentialFamily
from .slopes import beta_slope


class SampledDirichlet(Function):
    """Draws with the gradient of each to the concentrations."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        drawn = fn._sample_dirichlet(concentration)
        ctx.save_for_backward(drawn, concentration)
        return drawn

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        drawn, concentration = ctx.saved_tensors
        total = concentration.sum(-1, True).expand(concentration.shape)
        slope = beta_slope(drawn, concentration, total - concentration) / (1 - drawn)
        return slope * (grad - (drawn * grad).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """Points whose parts add up to one; `concentration` in the last dim. Source: torch.distributions.Dirichlet."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return SampledDirichlet.apply(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        c = self.concentration
        return fn.xlogy(c - 1.0, value).sum(-1) + fn.lgamma(c.sum(-1)) - fn.lgamma(c).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0.0)
        mode = less / less.sum(-1, True)
        corner = (self.concentration < 1).all(-1, keepdim=True)
        top = mode.argmax(-1, keepdim=True) == fn.arange(mode.shape[-1])
        return fn.where(corner, top.to(mode.dtype), mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self) -> Tensor:
        c = self.concentration
        k, a0 = c.size(-1), c.sum(-1)
        return (
            fn.lgamma(c).sum(-1)
            - fn.lgamma(a0)
            - (k - a0) * fn.digamma(a0)
            - ((c - 1.0) * fn.digamma(c)).sum(-1)
        )

    @property
    def _natural_params(self) -> tuple:
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return x.lgamma().sum(-1) - fn.lgamma(x.sum(-1))
