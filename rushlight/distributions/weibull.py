"""`Weibull`."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from . import constraints
from .exponential import Exponential
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .utils import broadcast_all


class Weibull(TransformedDistribution):
    """scale * e^(1 / concentration) of an exponential number e. Source: torch.distributions.Weibull."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(fn.ones_like(self.scale), validate_args=validate_args)
        steps = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return Weibull(
            self.scale.expand(batch_shape), self.concentration.expand(batch_shape), validate_args=False
        )

    @property
    def mean(self) -> Tensor:
        return self.scale * fn.exp(fn.lgamma(1 + self.concentration_reciprocal))

    @property
    def mode(self) -> Tensor:
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration_reciprocal

    @property
    def variance(self) -> Tensor:
        second = fn.exp(fn.lgamma(1 + 2 * self.concentration_reciprocal))
        return self.scale.pow(2) * (second - fn.exp(2 * fn.lgamma(1 + self.concentration_reciprocal)))

    def entropy(self) -> Tensor:
        r = self.concentration_reciprocal
        return 0.57721566490153286060 * (1 - r) + fn.log(self.scale * r) + 1
