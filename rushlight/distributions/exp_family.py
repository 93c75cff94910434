"""`ExponentialFamily`: distributions whose entropy follows from their log-normalizer by differentiating it."""

from __future__ import annotations

from typing import Any

from ..autograd.engine import grad as tape_grad
from ..tensor import Tensor
from .distribution import Distribution


class ExponentialFamily(Distribution):
    """density = exp(natural parameters . statistics - log normalizer). Source: torch.distributions.ExponentialFamily."""

    @property
    def _natural_params(self) -> tuple:
        raise NotImplementedError(f"{type(self).__name__} names no natural parameters")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no log normalizer")

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no mean carrier measure")

    def entropy(self) -> Tensor:
        """By the gradient of the log normalizer."""
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*params)
        gradients = tape_grad(normalizer.sum(), params, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        for p, g in zip(params, gradients):
            result = result - (p * g).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
