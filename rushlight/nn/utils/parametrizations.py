"""Ready-made parametrizations: orthogonal, spectral_norm, weight_norm (torch.nn.utils.parametrizations)."""

from __future__ import annotations

from enum import Enum, auto

import numpy as np

from ... import functions as fn
from ...autograd.modes import no_grad
from ...dtypes import int32
from ...tensor import Tensor
from .. import functional as F
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module
from . import parametrize
from .weight_norm import norm_except_dim, normalized

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _is_orthogonal(Q):
    rows, columns = Q.shape[-2:]
    identity = fn.eye(columns, dtype=Q.dtype, device=Q.device)
    return fn.allclose(Q.mH @ Q, identity, atol=10.0 * rows * np.finfo(Q.dtype.numpy).eps)


def _make_orthogonal(A):
    """The orthogonal factor of A, uniformly distributed if A's entries are normal."""
    reflections, tau = fn.geqrf(A)
    Q = fn.linalg.householder_product(reflections, tau)
    return Q * reflections.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """Maps any matrix to an orthogonal one; with a base B, X to B times its image (Lezcano-Casado 2019)."""

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        wide = X.size(-2) < X.size(-1)
        if wide:
            X = X.mT
        if self.orthogonal_map is _OrthMaps.householder:
            Q = self._from_reflections(X)
        else:
            Q = self._from_skew(X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    @staticmethod
    def _from_reflections(X):
        A = X.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
        Q = fn.linalg.householder_product(A, tau)
        return Q * X.diagonal(dim1=-2, dim2=-1).to(int32).unsqueeze(-2)  # the diagonal holds signs

    def _from_skew(self, X):
        rows, columns = X.shape[-2:]
        X = X.tril()
        if rows != columns:
            X = fn.cat([X, X.new_zeros(rows, rows - columns).expand(*X.shape[:-2], -1, -1)], dim=-1)
        A = X - X.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            Q = fn.matrix_exp(A)
        else:
            identity = fn.eye(rows, dtype=A.dtype, device=A.device)
            Q = fn.linalg.solve(identity - 0.5 * A, identity + 0.5 * A)
        return Q[..., :columns] if rows != columns else Q

    @no_grad()
    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {Q.shape}."
            )
        given = Q
        wide = Q.size(-2) < Q.size(-1)
        if wide:
            Q = Q.mT
        if hasattr(self, "base"):
            self.base = self._square_base(Q)
            # -I maps to the identity, so that base alone gives Q.
            start = fn.zeros_like(given)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential "
                "or the Cayley parametrizations when use_trivialization=False."
            )
        A, tau = fn.geqrf(Q)
        diagonal = A.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1
        return A.mT if wide else A

    @staticmethod
    def _square_base(Q):
        rows, columns = Q.shape[-2:]
        if rows == columns:
            return Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        rest = fn.randn(*Q.shape[:-2], rows, rows - columns, dtype=Q.dtype, device=Q.device)
        return _make_orthogonal(fn.cat([Q, rest], dim=-1))


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix (or batch of matrices) orthogonal, or semi-orthogonal if it is not square; returns
    module.

    Args:
        orthogonal_map: "matrix_exp", "cayley" or "householder"; None: matrix_exp for square or complex ones,
            else householder.
        use_trivialization: let the map's base be the last value assigned (Lezcano-Casado 2019).
    Raises:
        ValueError: no such tensor, fewer than two dimensions, or another map.
    Source: torch.nn.utils.parametrizations.orthogonal.
    Example:
        >>> import rushlight as torch
        >>> Q = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 3)).weight
        >>> bool(torch.allclose(Q.T @ Q, torch.eye(3), atol=1e-5))
        True
    """
    weight = _named_tensor(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    orth = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, orth, unsafe=True)
    return module


def _named_tensor(module, name):
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


class _WeightNorm(Module):
    """g v / |v|."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return normalized(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Let a weight be g v / |v|, learned by length g and direction v (Salimans and Kingma 2016); returns
    module.

    Args:
        dim: the dimension that keeps a length of its own for each index; None: one length for all.
    Source: torch.nn.utils.parametrizations.weight_norm.
    Example:
        >>> import rushlight as torch
        >>> m = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
        >>> m.parametrizations.weight.original0.shape
        torch.Size([40, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def from_older_names(
        state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        if f"{prefix}{name}_g" in state_dict and f"{prefix}{name}_v" in state_dict:
            for i, ending in enumerate(("_g", "_v")):
                value = state_dict.pop(f"{prefix}{name}{ending}")
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = value

    module._register_load_state_dict_pre_hook(from_older_names)
    return module


class _SpectralNorm(Module):
    """weight over its largest singular value, found by power iteration; a vector over its length."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight.detach())
            rows, columns = matrix.size()
            u = matrix.new_empty(rows).normal_(0, 1)
            v = matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight):
        if self.dim != 0:
            weight = weight.permute(self.dim, *(d for d in range(weight.dim()) if d != self.dim))
        return weight.flatten(1)

    @no_grad()
    def _power_method(self, matrix, n_power_iterations):
        for _ in range(n_power_iterations):
            self._u.copy_(F.normalize(fn.mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(fn.mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # of this step, whatever the next read does to the buffers
        return weight / fn.vdot(u, fn.mv(matrix, v))

    def right_inverse(self, value):
        return value  # cannot be undone: the value itself is kept, and divided


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Let a weight be divided by its largest singular value (Miyato et al. 2018); returns module.

    Args:
        n_power_iterations: steps of power iteration at each read in training.
        eps: keeps norms from 0.
        dim: the dimension of the outputs; None: 1 for transposed convolutions, else 0.
    Raises:
        ValueError: no such tensor.
    Source: torch.nn.utils.parametrizations.spectral_norm.
    Example:
        >>> import rushlight as torch
        >>> m = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(20, 40))
        >>> bool(torch.linalg.matrix_norm(m.weight, 2) < 1.2)
        True
    """
    weight = _named_tensor(module, name)
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    parametrization = _SpectralNorm(weight, n_power_iterations, dim, eps)
    parametrize.register_parametrization(module, name, parametrization)
    return module
