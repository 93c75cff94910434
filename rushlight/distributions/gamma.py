"""`Gamma`."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..autograd.function import Function, once_differentiable
from ..tensor import Tensor
from . import constraints
from .exp_family import ExponentialFamily
from .slopes import gamma_slope
from .utils import broadcast_all, finfo


class StandardGamma(Function):
    """Draws of Gamma(concentration, 1) with the gradient of the draw, by its cdf, to the concentration."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        drawn = fn._standard_gamma(concentration)
        ctx.save_for_backward(drawn, concentration)
        return drawn

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        drawn, concentration = ctx.saved_tensors
        return grad * gamma_slope(drawn, concentration)


class Gamma(ExponentialFamily):
    """rate^c x^(c - 1) exp(-rate x) / Gamma(c), with c the concentration. Source: torch.distributions.Gamma."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = StandardGamma.apply(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=finfo(value).tiny)
        return value

    def log_prob(self, value: Tensor) -> Tensor:
        value = fn.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        self._checked(value)
        c = self.concentration
        return fn.xlogy(c, self.rate) + fn.xlogy(c - 1, value) - self.rate * value - fn.lgamma(c)

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value)
        return fn.igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        c = self.concentration
        return c - fn.log(self.rate) + fn.lgamma(c) + (1.0 - c) * fn.digamma(c)

    @property
    def _natural_params(self) -> tuple:
        return (self.concentration - 1, -self.rate)

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return fn.lgamma(x + 1) + (x + 1) * fn.log(-y.reciprocal())
