"""`LKJCholesky`."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all, finfo


class LKJCholesky(Distribution):
    """Lower factors of random correlation matrices, whose density is det^(concentration - 1).

    Source: torch.distributions.LKJCholesky; the onion method of Lewandowski, Kurowicka and Joe 2009.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        like = self.concentration
        offset = fn.arange(dim - 1, dtype=like.dtype, device=like.device)
        offset = fn.cat([offset.new_zeros((1,)), offset])
        marginal = like + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(like.size(), (dim, dim), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return LKJCholesky(self.dim, self.concentration.expand(batch_shape), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with fn.no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            like = self.concentration
            normal = fn.randn(self._extended_shape(sample_shape), dtype=like.dtype, device=like.device).tril(
                -1
            )
            sphere = normal / normal.norm(dim=-1, keepdim=True)
            sphere[..., 0, :].fill_(0.0)
            w = fn.sqrt(y) * sphere
            left = fn.clamp(1 - fn.sum(w**2, dim=-1), min=finfo(w).tiny).sqrt()
            return w + fn.diag_embed(left)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        n = self.dim
        like = self.concentration
        order = fn.arange(2, n + 1, device=like.device)
        order = 2 * (like - 1).unsqueeze(-1) + n - order
        unnormalized = (order * diagonal.log()).sum(-1)
        alpha = like + 0.5 * (n - 1)
        numerator = fn.mvlgamma(alpha - 0.5, n - 1)
        constant = 0.5 * (n - 1) * math.log(math.pi)
        return unnormalized - (constant + numerator - fn.lgamma(alpha) * (n - 1))
