"""Parameters of distributions brought to one shape, and probabilities turned into logits and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..dtypes import get_default_dtype
from ..tensor import Tensor


def finfo(x: Tensor) -> Any:
    """Limits of the tensor's numbers."""
    return fn.finfo(x.dtype)


def is_scalar(value: Any) -> bool:
    """Whether this is a plain number."""
    return isinstance(value, (int, float, bool))


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the tensors' dtype, or the default one."""
    for v in values:
        if not isinstance(v, Tensor) and not is_scalar(v):
            raise ValueError(
                f"Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__, got {type(v)}."
            )
    tensors = [v for v in values if isinstance(v, Tensor)]
    dtype = tensors[0].dtype if tensors else get_default_dtype()
    if not all(isinstance(v, Tensor) for v in values):
        values = tuple(v if isinstance(v, Tensor) else fn.tensor(v, dtype=dtype) for v in values)
    return tuple(fn.broadcast_tensors(*values))


def standard_normal(shape: Any, like: Tensor) -> Tensor:
    """Normal numbers of mean 0 and variance 1, of the dtype of `like`."""
    return fn.normal(
        fn.zeros(shape, dtype=like.dtype, device=like.device),
        fn.ones(shape, dtype=like.dtype, device=like.device),
    )


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` dims."""
    if dim == 0:
        return value
    return value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits: a softmax over the last dim, or each by itself."""
    return fn.sigmoid(logits) if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Away from 0 and 1 by the smallest step of the dtype."""
    eps = finfo(probs).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities: logarithms, or log-odds of each by itself."""
    safe = clamp_probs(probs)
    return fn.log(safe) - fn.log1p(-safe) if is_binary else fn.log(safe)


def with_logits(logits: Tensor, value: Tensor) -> Tensor:
    """Binary cross-entropy of each element, in nats."""
    return logits.clamp(min=0) - logits * value + fn.log1p(fn.exp(-logits.abs()))


class lazy_property:
    """A property computed when first read and kept. Read from the class it is the property itself."""

    def __init__(self, wrapped: Callable) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__
        self.__name__ = wrapped.__name__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with fn.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangle of (..., D, D), row by row."""
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = fn.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The lower triangular matrix whose rows the vector holds."""
    n = (
        -(1 + 2 * diag) + math.sqrt((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1))
    ) / 2
    if not round(n) - n == 0:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as "
            "the lower triangular part of a square D x D matrix."
        )
    size = round(n)
    rows, columns = fn.tril_indices(size, size, diag)
    made = fn.zeros(vec.shape[:-1] + (size * size,), dtype=vec.dtype, device=vec.device)
    at = (rows * size + columns).expand(vec.shape)
    return made.scatter(-1, at, vec).reshape(vec.shape[:-1] + (size, size))
