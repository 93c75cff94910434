"""Reductions: sums, means, products, extremes, truth, norms' parts, and running ones."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive, title
from ..dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL, DType, int64, uint8
from ..dtypes import bool as bool_dtype
from ..ops import elementwise, indexing, scan
from ..ops import reduction as ops
from ..results import named
from ..shapes import wrap_dim, wrap_dims
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, operands, to_dtype
from .pointwise import where
from .register import FUNCTIONS, function


def _accumulating(input: Tensor, dtype: DType | None) -> Tensor:
    """The input in the dtype its sum has: integers and booleans are summed in int64."""
    if dtype is not None:
        return to_dtype(input, dtype)
    return to_dtype(input, int64) if dtype_of(input).category <= INTEGRAL else input


@function()
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum over all or some dimensions; integers are summed in int64. Source: torch.sum.

    >>> import rushlight as torch
    >>> torch.sum(torch.ones(2, 3), 1)
    tensor([3., 3.])
    """
    x = _accumulating(need_tensor("sum", input), dtype)
    return primitive(ops.sum, (x,), (wrap_dims(dim, x.dim()), keepdim))


def _mean(x: Any, dims: tuple, keepdim: bool, n: int) -> Any:
    return x.sum(dims, keepdim) / n if n else x.sum(dims, keepdim) * float("nan")


def _mean_rule(g: Any, out: Any, ins: tuple, needs: tuple, dims: tuple, keepdim: bool, n: int) -> tuple:
    x = ins[0]
    if not keepdim:
        g = g.reshape(ops.reduced(x.shape, dims, True))
    return ((g / n).expand(x.shape) if n else g.expand(x.shape),)


_mean_op = Op("MeanBackward0", _mean, _mean_rule)


@function()
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean over all or some dimensions. Source: torch.mean.

    Raises: RuntimeError for integers, which have no mean of their own dtype.
    """
    x = need_tensor("mean", input) if dtype is None else to_dtype(input, dtype)
    if dtype_of(x).category < FLOATING:
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {_title(x)}"
        )
    dims = wrap_dims(dim, x.dim())
    return operation(_mean_op, (x,), (dims, keepdim, _count(x, dims)))


def _title(x: Tensor) -> str:
    return title(dtype_of(x))


def _count(x: Tensor, dims: tuple[int, ...]) -> int:
    n = 1
    for d in dims:
        n *= shape_of(x)[d]
    return n


@function()
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The sum, NaN counting as 0. Source: torch.nansum."""
    if dtype_of(input).category == COMPLEX:
        raise RuntimeError("nansum does not support complex inputs")
    if dtype_of(input).category < FLOATING:
        return sum(input, dim, keepdim, dtype=dtype)
    return sum(where(input != input, 0.0, input), dim, keepdim, dtype=dtype)


@function()
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The mean of what is not NaN. Source: torch.nanmean."""
    if dtype_of(input).category < FLOATING:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got " + _title(input)
        )
    there = input.eq(input).sum(dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / there


@function()
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """The product over all dimensions or one. Source: torch.prod."""
    x = _accumulating(need_tensor("prod", input), dtype)
    dims = tuple(range(x.dim())) if dim is None else (wrap_dim(dim, x.dim()),) if x.dim() else ()
    return primitive(ops.prod, (x,), (dims, keepdim))


def _need_elements(name: str, x: Tensor, dims: tuple[int, ...]) -> None:
    if x.numel() == 0 and (not _count(x, dims) or not x.dim()):
        if len(dims) == x.dim():
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {dims[0]} to have non-zero size.")


@function()
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element; ties share the gradient evenly. Source: torch.amax."""
    dims = wrap_dims(dim, input.dim())
    _need_elements("amax", input, dims)
    return primitive(ops.amax, (input,), (dims, keepdim))


@function()
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element; ties share the gradient evenly. Source: torch.amin."""
    dims = wrap_dims(dim, input.dim())
    _need_elements("amin", input, dims)
    return primitive(ops.amin, (input,), (dims, keepdim))


@function()
def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    """(min, max) over all elements or one dimension. Source: torch.aminmax."""
    return named("aminmax", "min", "max")(
        amin(input, () if dim is None else dim, keepdim), amax(input, () if dim is None else dim, keepdim)
    )


def _arg(name: str, prim: Any) -> Callable:
    def compute(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        if dtype_of(input).category in (BOOL, COMPLEX):
            raise RuntimeError(f"\"{name}_cpu\" not implemented for '{_title(input)}'")
        shape = shape_of(input)
        if dim is None:
            _need_elements(name, input, tuple(range(len(shape))))
            found = primitive(prim, (input.reshape(-1),), (0, False))
            return found.reshape((1,) * len(shape)) if keepdim else found
        dim = wrap_dim(dim, len(shape))
        if not shape:
            return primitive(prim, (input.reshape(1),), (0, False))
        _need_elements(name, input, (dim,))
        return primitive(prim, (input,), (dim, keepdim))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Without dim, of the flattened input. Source: torch.{name}."
    return function(name)(compute)


argmax = _arg("argmax", ops.argmax)
argmin = _arg("argmin", ops.argmin)


def picked(input: Tensor, positions: Tensor, dim: int, keepdim: bool) -> Tensor:
    """The elements at `positions` (with dim kept) along dim."""
    found = primitive(indexing.gather, (input, positions), (dim,))
    return found if keepdim else found.squeeze(dim)


def _extreme(name: str, whole: Callable, arg: Callable, pair: Callable) -> Callable:
    result = named(name, "values", "indices")

    def compute(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return pair(input, dim if other is None else other)
        if dtype_of(input).category == COMPLEX:
            raise RuntimeError(f"\"{name}_values_cpu\" not implemented for '{_title(input)}'")
        if dim is None:
            _need_elements(name, input, tuple(range(input.dim())))
            return whole(input)
        dim = wrap_dim(dim, input.dim())
        if not input.dim():
            return result(input.clone(), arg(input.reshape(1), 0).reshape(()))
        _need_elements(name, input, (dim,))
        numbers = to_dtype(input, uint8) if dtype_of(input).category == BOOL else input
        at = primitive(ops.argmax if name == "max" else ops.argmin, (numbers,), (dim, True))
        return result(picked(input, at, dim, keepdim), at if keepdim else at.squeeze(dim))

    compute.__name__ = name
    compute.__doc__ = (
        f"The {name}imum of all elements; with dim, (values, indices) along it; with a second tensor, elementwise. "
        f"Source: torch.{name}."
    )
    return function(name)(compute)


max = _extreme("max", amax, argmax, FUNCTIONS["maximum"])
min = _extreme("min", amin, argmin, FUNCTIONS["minimum"])


def _truth(name: str, prim: Any) -> Callable:
    def compute(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        dims = wrap_dims(dim, input.dim()) if not (isinstance(dim, (tuple, list)) and not dim) else ()
        if isinstance(dim, (tuple, list)) and not dim:
            dims = tuple(range(input.dim()))
        found = primitive(prim, (input,), (dims, keepdim))
        return to_dtype(found, uint8) if dtype_of(input) is uint8 else found

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Over all or some dimensions. Source: torch.{name}."
    return function(name)(compute)


any = _truth("any", ops.any)
all = _truth("all", ops.all)


@function()
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero. Source: torch.count_nonzero."""
    return sum(to_dtype(input, bool_dtype), dim)


@function()
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) without overflow. Source: torch.logsumexp."""
    x = operands("logsumexp", input, floating=True)[0]
    return operation(_logsumexp, (x,), (wrap_dims(dim, x.dim()), keepdim))


def _logsumexp_forward(x: Any, dims: tuple, keepdim: bool) -> Any:
    if not x.numel:
        return x.exp().sum(dims, keepdim).log()
    size = x.real() if x.dtype.is_complex else x
    peak = size.amax(dims, True)
    peak = peak.isfinite().where(peak, 0)
    held = peak if keepdim else peak.reshape(ops.reduced(x.shape, dims, False))
    if x.dtype.is_complex:
        peak, held = peak.cast(x.dtype), held.cast(x.dtype)
    return (x - peak).exp().sum(dims, keepdim).log() + held


def _logsumexp_rule(g: Any, out: Any, ins: tuple, needs: tuple, dims: tuple, keepdim: bool) -> tuple:
    x = ins[0]
    if not keepdim:
        g, out = (v.reshape(ops.reduced(x.shape, dims, True)) for v in (g, out))
    return (g * (x - out).exp().conj(),)


_logsumexp = Op("LogsumexpBackward0", _logsumexp_forward, _logsumexp_rule)


def _spread_moments(x: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    """(variance, mean): the mean squared distance from the mean, over n - correction."""
    dims = wrap_dims(dim, x.dim())
    n = _count(x, dims)
    middle = mean(x, dims, True) if x.dim() else x
    away = x - middle
    squares = (away * away.conj()).real if dtype_of(x).is_complex else away * away
    over = n - correction
    total = sum(squares, dims, keepdim) if x.dim() else squares
    variance = total / builtins.max(over, 0)
    return variance, middle if keepdim or not x.dim() else mean(x, dims, False)


def _read_correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, Any]:
    """var(x, True) means unbiased; correction is 1 unless said otherwise."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction


def _moments(input: Tensor, name: str) -> Tensor:
    if dtype_of(input).category < FLOATING:
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    return input


@function()
def var(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The variance, over n - correction (1 by default). Source: torch.var."""
    dim, correction = _read_correction(dim, unbiased, correction)
    return _spread_moments(_moments(input, "std and var"), dim, correction, keepdim)[0]


@function()
def std(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The square root of the variance. Source: torch.std."""
    return var(input, dim, unbiased, keepdim, correction=correction).sqrt()


@function(method=False)
def var_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """(variance, mean). Source: torch.var_mean."""
    dim, correction = _read_correction(dim, unbiased, correction)
    return _spread_moments(_moments(input, "std and var"), dim, correction, keepdim)


@function(method=False)
def std_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """(standard deviation, mean). Source: torch.std_mean."""
    variance, middle = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return variance.sqrt(), middle


# ---------------------------------------------------------------- running reductions


@function(inplace=True)
def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The running sum along dim. Source: torch.cumsum."""
    x = _accumulating(input, dtype)
    dim = wrap_dim(dim, x.dim())
    return primitive(scan.cumsum, (x,), (dim,)) if x.dim() else x.clone()


@function(inplace=True)
def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None) -> Tensor:
    """The running product along dim. Source: torch.cumprod."""
    x = _accumulating(input, dtype)
    dim = wrap_dim(dim, x.dim())
    return primitive(scan.cumprod, (x,), (dim,)) if x.dim() else x.clone()


def _running(name: str, prim: Any) -> Callable:
    result = named(name, "values", "indices")

    def compute(input: Tensor, dim: int) -> Any:
        dim = wrap_dim(dim, input.dim())
        if not input.dim():
            return result(input.clone(), primitive(elementwise.cast, (input * 0,), (int64,)))
        at = primitive(prim, (input,), (dim,))
        return result(primitive(indexing.gather, (input, at), (dim,)), at)

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} (values, indices) along dim. Source: torch.{name}."
    return function(name)(compute)


cummax = _running("cummax", scan.argcummax)
cummin = _running("cummin", scan.argcummin)


@function()
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log of the running sum of exponentials. Source: torch.logcumsumexp."""
    dim = wrap_dim(dim, input.dim())
    return primitive(scan.logcumsumexp, (input,), (dim,)) if input.dim() else input.clone()
