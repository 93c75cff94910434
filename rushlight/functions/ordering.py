"""Order: sorting, the k largest, and the statistics that rest on order (median, mode, quantiles).

NaN counts as larger than every number. Sorting is always stable here, so among equal elements the first ones come
first; PyTorch promises that only for `stable=True`. Counting (unique, histograms) is in counting.py.
"""

from __future__ import annotations

from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive
from ..dtypes import BOOL, COMPLEX, FLOATING, int64, uint8
from ..graph.node import Node, constant
from ..ops import elementwise
from ..ops import ordering as ops
from ..results import named
from ..shapes import wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import is_number, lacking, need_tensor, tensor_of, to_dtype
from .creation import arange
from .numeric import lerp
from .pointwise import isnan, where
from .reduction import cummax
from .register import function
from .shaping import cat, movedim, reshape


def _picked(name: str) -> Op:
    """The elements at positions that differ along dim; each gets its own gradient back."""

    def rule(g: Node, out: Node, ins: tuple, needs: tuple, dim: int) -> tuple:
        x, at = ins
        return constant(0, g.dtype).expand(x.shape).scatter(at, g, dim, "set"), None

    return Op(name, lambda x, at, dim: x.gather(at, dim), rule)


_SORT, _STABLE_SORT, _TOPK = _picked("SortBackward0"), _picked("SortBackward1"), _picked("TopkBackward0")
_KTHVALUE, _MODE = _picked("KthvalueBackward0"), _picked("ModeBackward0")
_MEDIANS = {"median": _picked("MedianBackward1"), "nanmedian": _picked("NanmedianBackward1")}


def _orderable(tensor: Tensor) -> Tensor:
    """Booleans as numbers: NumPy's sort of them has no order to speak of."""
    return to_dtype(tensor, uint8) if dtype_of(tensor).category == BOOL else tensor


def _positions(name: str, input: Tensor, dim: int, descending: bool) -> Tensor:
    if dtype_of(need_tensor(name, input)).category == COMPLEX:
        raise RuntimeError(f" {name.capitalize()} does not support complex dtypes on CPU")
    return primitive(ops.argsort, (_orderable(input),), (dim, descending))


@function()
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
    """(values, indices) in order along dim; equal elements keep their order.

    Raises: RuntimeError for complex numbers.
    Source: torch.sort.
    Example:
        >>> import rushlight as torch
        >>> torch.sort(torch.tensor([3, 1, 2])).indices
        tensor([1, 2, 0])
    """
    dim = wrap_dim(dim, input.dim())
    at = _positions("sort", input, dim, bool(descending))
    values = operation(_SORT if stable is None else _STABLE_SORT, (input, at), (dim,))
    return named("sort", "values", "indices")(values, at)


@function()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The positions that put input in order along dim. Source: torch.argsort."""
    return _positions("sort", input, wrap_dim(dim, input.dim()), bool(descending))


@function()
def msort(input: Tensor) -> Tensor:
    """input sorted along its first dimension. Source: torch.msort."""
    return sort(input, 0).values


@function()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the k largest, or smallest, elements along dim, in order.

    Raises: RuntimeError when k is more than there are, and for booleans and complex numbers.
    Source: torch.topk.
    Example:
        >>> import rushlight as torch
        >>> torch.topk(torch.tensor([4.0, 9.0, 1.0]), 2).values
        tensor([9., 4.])
    """
    dim = wrap_dim(dim, input.dim())
    category = dtype_of(need_tensor("topk", input)).category
    if category in (BOOL, COMPLEX):
        raise RuntimeError(f"topk does not support {'bool' if category == BOOL else 'complex'} dtypes on CPU")
    if not 0 <= k <= (input.size(dim) if input.dim() else 1):
        raise RuntimeError("selected index k out of range")
    if not input.dim():
        return named("topk", "values", "indices")(*(x.reshape(()) for x in topk(input.reshape(1), k)))
    at = primitive(ops.argtop, (input,), (int(k), dim, bool(largest)))
    return named("topk", "values", "indices")(operation(_TOPK, (input, at), (dim,)), at)


# ---------------------------------------------------------------- one place in the order


def _one(name: str, op: Op, input: Tensor, at: Tensor, dim: int, keepdim: bool) -> Any:
    """(values, indices) at one position along dim."""
    values = operation(op, (input, at), (dim,))
    if not keepdim and input.dim():
        values, at = values.squeeze(dim), at.squeeze(dim)
    return named(name, "values", "indices")(values, at)


def _need_size(name: str, input: Tensor, dim: int) -> None:
    if input.dim() and not input.size(dim):
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


@function()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the k-th smallest element along dim, counted from 1. Source: torch.kthvalue."""
    dim = wrap_dim(dim, input.dim())
    _need_size("kthvalue", input, dim)
    if not 1 <= k <= (input.size(dim) if input.dim() else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    order = _positions("kthvalue", input, dim, False)
    at = order.narrow(dim, k - 1, 1) if input.dim() else order
    return _one("kthvalue", _KTHVALUE, input, at, dim, keepdim)


def _middle(input: Tensor, order: Tensor, dim: int, ignores_nan: bool) -> Tensor:
    """Where in the order the median is: the lower middle, or with NaN the first of them."""
    n = input.size(dim) if input.dim() else 1
    if dtype_of(input).category < FLOATING:
        return order.narrow(dim, (n - 1) // 2, 1) if input.dim() else order
    bad = isnan(input).sum(dim, keepdim=True)
    if ignores_nan:
        place = (n - bad - 1).clamp(min=0).div(2, rounding_mode="floor")
    else:
        place = where(bad > 0, n - bad, (n - 1) // 2)
    return order.gather(dim, place)


def _even(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    """The gradient of a value goes in equal parts to all elements that have it; NaN is equal to NaN here."""
    x = ins[0]
    hit = x.eq(out) | (x.isnan() & out.isnan())
    return (hit.where(g / hit.cast(g.dtype).sum(tuple(range(len(x.shape))), False), 0),)


def _median_of_all(x: Node, at: Node) -> Node:
    return x.reshape((x.numel,)).gather(at, 0).reshape(())


def _median_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    return (*_even(g, out, ins, needs), None)


_WHOLE_MEDIANS = {
    "median": Op("MedianBackward0", _median_of_all, _median_rule),
    "nanmedian": Op("NanmedianBackward0", _median_of_all, _median_rule),
}


def _median(name: str, doc: str) -> Any:
    ignores_nan = name == "nanmedian"

    def compute(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        if dtype_of(need_tensor(name, input)).category in (BOOL, COMPLEX):
            raise lacking("median_cpu", input)
        if dim is None:
            if not input.numel():
                return tensor_of(float("nan"), dtype_of(input), input.device)
            flat = reshape(input.detach(), (-1,))
            at = _middle(flat, _positions(name, flat, 0, False), 0, ignores_nan)
            return operation(_WHOLE_MEDIANS[name], (input, at))
        dim = wrap_dim(dim, input.dim())
        _need_size(name, input, dim)
        fixed = input.detach()
        at = _middle(fixed, _positions(name, fixed, dim, False), dim, ignores_nan)
        return _one(name, _MEDIANS[name], input, at, dim, keepdim)

    compute.__name__ = name
    compute.__doc__ = f"{doc} With dim, (values, indices) along it. Source: torch.{name}."
    return function(name)(compute)


median = _median("median", "The middle element in order, the lower of two; NaN where there is one.")
nanmedian = _median("nanmedian", "The median of what is not NaN.")


@function()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent element along dim: of equals the smallest, at its last position.

    Source: torch.mode.
    """
    dim = wrap_dim(dim, input.dim())
    _need_size("mode", input, dim)
    fixed = input.detach()
    if not input.dim():
        return _one("mode", _MODE, input, primitive(ops.argsort, (fixed,), (0, False)), dim, keepdim)
    order = _positions("mode", fixed, dim, False)
    ordered = fixed.gather(dim, order)
    n = input.size(dim)
    # How long the run of equal elements is at each position of the order; the first longest run ends at the mode.
    starts = ordered.narrow(dim, 1, n - 1) != ordered.narrow(dim, 0, n - 1)
    first = primitive(elementwise.ne, (order.narrow(dim, 0, 1), order.narrow(dim, 0, 1)))
    along = (
        arange(n, device=input.device).reshape((n,) + (1,) * (input.dim() - dim - 1)).expand(shape_of(input))
    )
    began = cummax(where(cat([~first, starts], dim), along, 0), dim).values
    end = (along - began).argmax(dim, True)
    return _one("mode", _MODE, input, order.gather(dim, end), dim, keepdim)


# ---------------------------------------------------------------- quantiles

_ROUNDINGS = {"lower": "floor", "higher": "ceil", "nearest": "round"}
_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(name: str, input: Tensor, q: Any, interpolation: str) -> None:
    if not input.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if dtype_of(input).name not in ("float32", "float64"):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if is_number(q):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        return
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if dtype_of(q) is not dtype_of(input):
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if q.numel() and not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")


def _ranks(ordered: Tensor, q: Tensor, ignores_nan: bool) -> Tensor:
    """For each quantile its place, a fraction, in the sorted last dimension."""
    last = shape_of(ordered)[-1] - 1
    bad = isnan(ordered.detach())
    if ignores_nan:
        ranks = q * (bad.logical_not().sum(-1, keepdim=True) - 1)
        return where(ranks < 0, 0.0, ranks)
    return where(bad.any(-1, keepdim=True), float(last), q * last)


def _between(ordered: Tensor, ranks: Tensor, interpolation: str) -> Tensor:
    if interpolation in _ROUNDINGS:
        ranks = getattr(ranks, _ROUNDINGS[interpolation])()
    below = to_dtype(ranks.detach(), int64)
    found = ordered.gather(-1, below)
    if interpolation not in ("linear", "midpoint"):
        return found
    above = to_dtype(ranks.detach().ceil(), int64)
    weights = ranks - below if interpolation == "linear" else 0.5
    return lerp(found, ordered.gather(-1, above), weights)


def _quantile(name: str, doc: str) -> Any:
    ignores_nan = name == "nanquantile"

    def compute(
        input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        _check_quantile(name, need_tensor(name, input), q, interpolation)
        rank = input.dim()
        place = None if dim is None else wrap_dim(dim, rank)
        rows = reshape(input, (-1,)) if place is None or not rank else movedim(input, place, -1)
        points = tensor_of(q, dtype_of(input), input.device)
        ranks = _ranks(ordered := sort(rows, -1).values, reshape(points, (-1,)), ignores_nan)
        ranks = ranks.expand((*shape_of(ordered)[:-1], points.numel()))
        out = _between(ordered, ranks, interpolation)
        # The quantiles come first in the result, and not at all for a single number.
        out = movedim(out, -1, 0) if points.dim() else out.squeeze(-1)
        if keepdim and rank:
            lead = points.dim()
            out = (
                reshape(out, (*shape_of(out)[:lead], *(1,) * rank))
                if place is None
                else out.unsqueeze(place + lead)
            )
        return out

    compute.__name__ = name
    compute.__doc__ = (
        f"{doc} Over all elements or along dim; q, in [0, 1], is a number or a vector. Source: torch.{name}."
    )
    return function(name)(compute)


quantile = _quantile(
    "quantile", "The number below which the share q of the elements lies; NaN where there is one."
)
nanquantile = _quantile("nanquantile", "The quantile of what is not NaN.")
