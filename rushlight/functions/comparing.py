"""Comparing tensors as wholes and within tolerances: isclose, allclose, equal. Elementwise comparison is in arithmetic.py."""

from __future__ import annotations

from ..autograd.record import title
from ..dtypes import BOOL, FLOATING
from ..tensor import Tensor, array_of, dtype_of, shape_of
from .arguments import as_floating, need_tensor
from .pointwise import isfinite, isnan
from .reduction import all as all_of
from .register import function


@function()
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Where |input - other| <= atol + rtol * |other|. Source: torch.isclose.

    Raises: RuntimeError when the dtypes differ or a tolerance is negative.
    """
    a, b = need_tensor("isclose", input).detach(), need_tensor("isclose", other, 2, "other").detach()
    dtype = dtype_of(a)
    if dtype_of(b) is not dtype:
        raise RuntimeError(f"{title(dtype)} did not match {title(dtype_of(b))}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    close = a == b
    if equal_nan and dtype.category >= FLOATING:
        close = close | (isnan(a) & isnan(b))
    if rtol == 0 and atol == 0:
        return close
    if dtype.category == BOOL:
        a, b = as_floating(a), as_floating(b)
    allowed = (as_floating(b) * rtol).abs() + atol
    apart = (a - b).abs()
    return close | (isfinite(apart) & (apart <= allowed))


@function(out=False)
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close (isclose). Source: torch.allclose.

    >>> import rushlight as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    True
    """
    return bool(all_of(isclose(input, other, rtol, atol, equal_nan)))


@function(out=False)
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same sizes and equal elements. Source: torch.equal."""
    need_tensor("equal", input)
    need_tensor("equal", other, 2, "other")
    if shape_of(input) != shape_of(other):
        return False
    return bool(array_of(all_of(input.detach() == other.detach())))
