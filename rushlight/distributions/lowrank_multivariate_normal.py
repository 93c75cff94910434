"""`LowRankMultivariateNormal`."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .multivariate_normal import batch_mahalanobis, batch_mv
from .utils import standard_normal


def capacitance_tril(factor: Tensor, diag: Tensor) -> Tensor:
    """The lower factor of I + W' D^-1 W."""
    m = factor.shape[-1]
    inner = fn.matmul(factor.mT / diag.unsqueeze(-2), factor)
    return fn.linalg.cholesky(inner + fn.eye(m, dtype=factor.dtype, device=factor.device))


def lowrank_logdet(factor: Tensor, diag: Tensor, tril: Tensor) -> Tensor:
    """log det(W W' + D), by the matrix determinant lemma."""
    return 2 * tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) + diag.log().sum(-1)


def lowrank_mahalanobis(factor: Tensor, diag: Tensor, x: Tensor, tril: Tensor) -> Tensor:
    """x' (W W' + D)^-1 x, by the Woodbury formula."""
    inner = batch_mv(factor.mT / diag.unsqueeze(-2), x)
    return (x.pow(2) / diag).sum(-1) - batch_mahalanobis(tril, inner)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of covariance W W' + diag(d), W with few columns. Source: torch.distributions.LowRankMultivariateNormal."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2:-1] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n[0]} x m")
        if cov_diag.shape[-1:] != n:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {n}")
        shape = fn.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc = loc.expand(shape + n)
        self.cov_factor = cov_factor.expand(shape + cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(shape + n)
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._unbroadcasted_tril = capacitance_tril(cov_factor, cov_diag)
        super().__init__(shape, n, validate_args=validate_args)

    @property
    def _capacitance_tril(self) -> Tensor:
        return self._unbroadcasted_tril

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        found = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand(self._batch_shape + self._event_shape)

    @property
    def scale_tril(self) -> Tensor:
        return fn.linalg.cholesky(self.covariance_matrix)

    @property
    def covariance_matrix(self) -> Tensor:
        found = fn.matmul(self.cov_factor, self.cov_factor.mT) + fn.diag_embed(self.cov_diag)
        return found.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def precision_matrix(self) -> Tensor:
        scaled = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        inner = fn.linalg.solve_triangular(self._unbroadcasted_tril, scaled, upper=False)
        found = fn.diag_embed(self.cov_diag.reciprocal()) - fn.matmul(inner.mT, inner)
        return found.expand(self._batch_shape + self._event_shape + self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        eps_w = standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc)
        eps_d = standard_normal(shape, self.loc)
        spread = batch_mv(self._unbroadcasted_cov_factor, eps_w)
        return self.loc + spread + self._unbroadcasted_cov_diag.sqrt() * eps_d

    def _log_det(self) -> Tensor:
        return lowrank_logdet(
            self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, self._unbroadcasted_tril
        )

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        distance = lowrank_mahalanobis(
            self._unbroadcasted_cov_factor,
            self._unbroadcasted_cov_diag,
            value - self.loc,
            self._unbroadcasted_tril,
        )
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + distance)

    def entropy(self) -> Tensor:
        found = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return found.expand(self._batch_shape)
