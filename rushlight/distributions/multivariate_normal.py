"""`MultivariateNormal`."""

from __future__ import annotations

import math
from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import lazy_property, standard_normal


def batch_mv(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrices times vectors, both in batches."""
    return fn.matmul(matrix, vector.unsqueeze(-1)).squeeze(-1)


def batch_mahalanobis(lower: Tensor, x: Tensor) -> Tensor:
    """The squared length of x measured by lower @ lower.T."""
    shape = fn.broadcast_shapes(lower.shape[:-2], x.shape[:-1])
    n = x.shape[-1]
    solved = fn.linalg.solve_triangular(
        lower.expand(shape + (n, n)), x.expand(shape + (n,)).unsqueeze(-1), upper=False
    )
    return solved.pow(2).sum([-2, -1])


def precision_to_scale_tril(precision: Tensor) -> Tensor:
    """The lower factor of the inverse of a matrix."""
    flipped = fn.linalg.cholesky(fn.flip(precision, (-2, -1)))
    lower = fn.flip(flipped, (-2, -1)).mT
    n = precision.shape[-1]
    eye = fn.eye(n, dtype=precision.dtype, device=precision.device).expand(precision.shape)
    return fn.linalg.solve_triangular(lower, eye, upper=False)


class MultivariateNormal(Distribution):
    """Normal vectors of mean `loc` and a covariance, given as itself, its inverse or its lower factor.

    Source: torch.distributions.MultivariateNormal.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril,
        }  # fmt: skip
        given = {k: v for k, v in given.items() if v is not None}
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        shape = fn.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(shape + matrix.shape[-2:]))
        self.loc = loc.expand(shape + loc.shape[-1:])
        super().__init__(shape, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = fn.linalg.cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(matrix)

    @lazy_property
    def scale_tril(self) -> Tensor:
        n = self._event_shape[0]
        return self._unbroadcasted_scale_tril.expand(self._batch_shape + (n, n))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        n = self._event_shape[0]
        lower = self._unbroadcasted_scale_tril
        return fn.matmul(lower, lower.mT).expand(self._batch_shape + (n, n))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        n = self._event_shape[0]
        return fn.cholesky_inverse(self._unbroadcasted_scale_tril).expand(self._batch_shape + (n, n))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + batch_mv(self._unbroadcasted_scale_tril, eps)

    def _half_log_det(self) -> Tensor:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        distance = batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return found.expand(self._batch_shape)
