"""Differences and integrals of sampled functions: diff, gradient, trapezoid; and covariances."""

from __future__ import annotations

from typing import Any

from ..dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL
from ..shapes import wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import as_floating, is_number, need_tensor, to_dtype
from .arithmetic import logical_xor
from .pointwise import clamp
from .products import matmul
from .reduction import cumsum, mean
from .reduction import sum as sum_of
from .register import alias, function
from .shaping import cat, diagonal, narrow, reshape
from .shaping import complex as complex_of

# ---------------------------------------------------------------- differences


def _steps(input: Tensor, dim: int) -> Tensor:
    n = input.size(dim)
    after, before = narrow(input, dim, 1, n - 1), narrow(input, dim, 0, n - 1)
    return logical_xor(after, before) if dtype_of(input).category == BOOL else after - before


@function()
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The n-th differences of neighbours along dim. Source: torch.diff.

    >>> import rushlight as torch
    >>> torch.diff(torch.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    if not need_tensor("diff", input).dim():
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, input.dim())
    if n == 0:
        return input.clone()
    parts = [x for x in (prepend, input, append) if x is not None]
    for x in parts:
        if x.dim() != input.dim():
            raise RuntimeError(
                "diff expects prepend or append to be the same dimension as input, but got "
                f"{x.dim()} and {input.dim()}"
            )
    whole = cat(parts, dim) if len(parts) > 1 else input
    if n >= whole.size(dim):
        return narrow(whole, dim, 0, 0).clone()
    for _ in range(n):
        whole = _steps(whole, dim)
    return whole


def _slopes(input: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    """The derivative along dim: central differences inside, one-sided ones at the ends."""
    n = input.size(dim)
    shape = (-1,) + (1,) * (input.dim() - dim - 1)
    if is_number(spacing):
        before = after = spacing
        gaps: Any = None
    else:
        gaps = _steps(spacing, 0)
        before, after = reshape(gaps[:-1], shape), reshape(gaps[1:], shape)

    def at(start: int, length: int) -> Tensor:
        return narrow(input, dim, start % n, length)

    middle = _central(at(0, n - 2), at(1, n - 2), at(2, n - 2), before, after)
    first = spacing if gaps is None else gaps[0]
    last = spacing if gaps is None else gaps[-1]
    if edge_order == 1:
        low, high = (at(1, 1) - at(0, 1)) / first, (at(-1, 1) - at(-2, 1)) / last
    else:
        second = spacing if gaps is None else gaps[1]
        third = spacing if gaps is None else gaps[-2]
        low = _edge(at(0, 1), at(1, 1), at(2, 1), first, second)
        high = -_edge(at(-1, 1), at(-2, 1), at(-3, 1), last, third)
    return cat([low, middle, high], dim)


def _central(a: Tensor, b: Tensor, c: Tensor, before: Any, after: Any) -> Tensor:
    if is_number(before):
        return (c - a) / (2 * before)
    # The slope of the parabola through three points, at the middle one.
    both = before + after
    return (
        a * (-after / (before * both))
        + b * ((after - before) / (before * after))
        + c * (before / (after * both))
    )


def _edge(a: Tensor, b: Tensor, c: Tensor, near: Any, far: Any) -> Tensor:
    """The slope of the parabola through three points, at the first one."""
    both = near + far
    return a * (-(2 * near + far) / (near * both)) + b * (both / (near * far)) + c * (-near / (far * both))


@function("gradient", method=False, out=False)
def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivative of samples along each dimension, of second order inside. Source: torch.gradient.

    Args:
        spacing: the distance of samples: a number, one for each dimension, or a vector of coordinates for each.
        dim: the dimensions, all by default.
        edge_order: 1 or 2, the order of accuracy at the ends.
    """
    if dtype_of(need_tensor("gradient", input)).name == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    spacing = 1 if spacing is None else spacing
    if isinstance(dim, int):
        dim = [dim]
    if dim is None:
        many = not is_number(spacing) and not isinstance(spacing, Tensor)
        dim = range(len(spacing)) if many and len(spacing) != input.dim() else range(input.dim())
    dims = [wrap_dim(d, input.dim()) for d in dim]
    if len(set(dims)) < len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    if is_number(spacing) or isinstance(spacing, Tensor):
        spacing = [spacing] * len(dims)
    if len(spacing) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or a list of length {len(dims)}, but got a list "
            f"of length {len(spacing)}"
        )
    for d in dims:
        if input.size(d) < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_slopes(input, d, _gap(s), edge_order) for d, s in zip(dims, spacing))


def _gap(spacing: Any) -> Any:
    """A 0-d tensor is a number that takes part in the arithmetic; a vector holds coordinates."""
    return spacing.item() if isinstance(spacing, Tensor) and not spacing.dim() else spacing


# ---------------------------------------------------------------- integrals


def _slices(y: Tensor, x: Tensor | None, dx: Any, dim: int, name: str) -> Tensor:
    """The areas of the trapezoids between neighbouring samples, twice."""
    n = y.size(dim)
    both = narrow(y, dim, 0, n - 1) + narrow(y, dim, 1, n - 1)
    if x is None:
        return both * dx
    if x.dim() == 1:
        if x.numel() != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        widths = reshape(_steps(x, 0), (-1,) + (1,) * (y.dim() - dim - 1))
        return both * widths
    lead = y.dim() - x.dim()
    place = dim if x.dim() == y.dim() else dim - lead
    if x.dim() < y.dim():
        x = reshape(x, (1,) * lead + shape_of(x))
        place = dim
    if x.size(place) != n:
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    return both * _steps(x, place)


def _integral(name: str, doc: str, total: Any) -> Any:
    def compute(y: Tensor, x: Tensor | None = None, *, dx: Any = 1.0, dim: int = -1) -> Tensor:
        dim = wrap_dim(dim, need_tensor(name, y).dim())
        if not y.dim():
            raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
        if x is not None and not x.dim():
            raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
        if not y.size(dim):
            return sum_of(as_floating(y), dim) if total is sum_of else as_floating(y).clone()
        if dtype_of(y).category == BOOL:
            raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
        dx = 1 if dx == 1 and dtype_of(y).category <= INTEGRAL and x is None else dx
        return total(_slices(y, x, dx, dim, name), dim) / 2.0

    compute.__name__ = name
    compute.__doc__ = f"{doc} by the trapezoid rule; the samples lie at x, or dx apart. Source: torch.{name}."
    return function(name, method=False, out=False)(compute)


trapezoid = _integral("trapezoid", "The integral along dim", sum_of)
cumulative_trapezoid = _integral("cumulative_trapezoid", "The running integral along dim", cumsum)
alias("trapz", "trapezoid", method=False)

# ---------------------------------------------------------------- covariances


def _check_weights(name: str, weights: Tensor, count: int) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()} dimensions"
        )
    if weights.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {count}"
        )
    if bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


@function()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of variables (rows) over observations (columns). Source: torch.cov.

    Args:
        correction: what is taken off the number of observations.
        fweights: how often each observation occurs, integers.
        aweights: how important each observation is.
    """
    if need_tensor("cov", input).dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    if dtype_of(input).category == BOOL:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.dim() == 2 else reshape(input, (1, -1))
    count = x.size(1)
    weights = None
    if fweights is not None:
        if dtype_of(fweights).category > INTEGRAL:
            raise RuntimeError(
                f"cov(): expected fweights to have integral dtype but got fweights with {fweights.dtype} dtype"
            )
        _check_weights("fweights", fweights, count)
        weights = fweights
    if aweights is not None:
        if dtype_of(aweights).category != FLOATING:
            raise RuntimeError(
                f"cov(): expected aweights to have floating point dtype but got aweights with {aweights.dtype} dtype"
            )
        _check_weights("aweights", aweights, count)
        weights = aweights if weights is None else weights * aweights
    return _covariance(
        x, weights, aweights if fweights is not None or aweights is not None else None, correction
    )


def _covariance(x: Tensor, weights: Tensor | None, aweights: Tensor | None, correction: int) -> Tensor:
    count = x.size(1)
    if weights is None:
        total: Any = count
        middle = mean(as_floating(x), 1, True)
        norm: Any = max(count - correction, 0)
    else:
        total = weights.sum()
        middle = (x * weights).sum(1, True) / total
        if aweights is None or correction == 0:
            norm = total - correction
        else:
            norm = total - correction * (weights * aweights).sum() / total
        norm = clamp(norm, min=0)
    away = x - middle
    other = away.mT if weights is None else (away * weights).mT
    away = to_dtype(away, dtype_of(other))
    return (matmul(away, other.conj()) / norm).squeeze()


@function()
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables (rows) over observations (columns). Source: torch.corrcoef."""
    if need_tensor("corrcoef", input).dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    found = cov(input)
    if not found.dim():
        return found / found
    spread = diagonal(found)
    spread = (spread.real if dtype_of(found).is_complex else spread).sqrt()
    found = found / spread.unsqueeze(1) / spread.unsqueeze(0)
    if dtype_of(found).category == COMPLEX:
        return complex_of(clamp(found.real, -1, 1), clamp(found.imag, -1, 1))
    return clamp(found, -1, 1)
