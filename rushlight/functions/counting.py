"""Counting and looking up: distinct elements, histograms, positions in a sorted sequence, membership.

Where data decides the shape of the result (unique, bincount), the value is read at the call.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.record import primitive, title
from ..dtypes import FLOATING, INTEGRAL, NARROW, float32, float64, int64, uint64
from ..ops import ordering as ops
from ..results import named
from ..shapes import wrap_dim, wrap_dims
from ..tensor import Tensor, array_of, dtype_of, from_array, shape_of
from .arguments import is_number, lacking, need_tensor, operands
from .creation import full, linspace
from .indexing import nonzero
from .ordering import sort
from .reduction import any as any_of
from .register import function
from .shaping import cat, reshape

# ---------------------------------------------------------------- distinct elements


def _wide(tensor: Tensor) -> np.ndarray:
    """The numbers in a type that NumPy can sort."""
    array = array_of(tensor)
    return array.astype(np.float32) if dtype_of(tensor) in NARROW else array


def _back(array: np.ndarray, like: Tensor) -> Tensor:
    return from_array(np.array(array, dtype_of(like).numpy, order="C"), dtype_of(like))


def _whole(array: np.ndarray) -> Tensor:
    return from_array(np.array(array, np.int64, order="C"), int64)


def _chosen(values: Tensor, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    """The results that were asked for: one tensor, or a tuple."""
    found = [values]
    if return_inverse:
        found.append(inverse)
    if return_counts:
        found.append(counts)
    return found[0] if len(found) == 1 else tuple(found)


def _check_unique_dim(name: str, input: Tensor, dim: int) -> int:
    if not input.dim():
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = wrap_dim(dim, input.dim())
    shape = shape_of(input)
    if any(n == 0 for d, n in enumerate(shape) if d != dim):
        raise RuntimeError(
            f"There are 0 sized dimensions, and they aren't selected, so {name} cannot be applied"
        )
    return dim


@function(out=False)
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order, or the distinct slices along dim.

    Args:
        return_inverse: also where each element of the input stands among them.
        return_counts: also how often each occurs.
    Source: torch.unique.
    Example:
        >>> import rushlight as torch
        >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    array = _wide(need_tensor("unique", input))
    if dim is None:
        values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, equal_nan=False)
        inverse = inverse.reshape(array.shape)
    else:
        dim = _check_unique_dim("unique", input, dim)
        values, inverse, counts = _unique_slices(array, dim)
    return _chosen(_back(values, input), _whole(inverse), _whole(counts), return_inverse, return_counts)


def _unique_slices(array: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = _slices(array, dim)
    order = np.lexsort(rows.T[::-1])
    return _runs(array, dim, rows, order)


def _slices(array: np.ndarray, dim: int) -> np.ndarray:
    """Every slice along dim as a row."""
    n = array.shape[dim]
    return np.moveaxis(array, dim, 0).reshape(n, array.size // n if n else 1)


def _runs(
    array: np.ndarray, dim: int, rows: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(values, inverse, counts) of the runs of equal rows in the given order."""
    ordered = rows[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(1)
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.cumsum(starts) - 1
    places = np.flatnonzero(starts)
    counts = np.diff(np.append(places, len(order)))
    return np.take(array, order[places], axis=dim), inverse, counts


@function(out=False)
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """input with each run of equal elements (or slices along dim) as one. Source: torch.unique_consecutive."""
    array = _wide(need_tensor("unique_consecutive", input))
    if dim is None:
        shape, array, dim = array.shape, array.reshape(-1), 0
    else:
        dim = _check_unique_dim("unique_consecutive", input, dim)
        shape = array.shape[dim : dim + 1]
    rows = _slices(array, dim)
    values, inverse, counts = _runs(array, dim, rows, np.arange(len(rows)))
    inverse = inverse.reshape(shape)
    return _chosen(_back(values, input), _whole(inverse), _whole(counts), return_inverse, return_counts)


# ---------------------------------------------------------------- positions in a sorted sequence


@function(method=False)
def searchsorted(
    sorted_sequence: Tensor,
    input: Any = None,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    self: Any = None,
) -> Tensor:
    """Where each value of input would be put into the last dimension of a sorted sequence to keep it sorted.

    Args:
        sorted_sequence: (n,), or (..., n) with the leading sizes of input.
        right: after equal elements instead of before; `side="right"` says the same.
        sorter: positions that sort the sequence, where it is not sorted itself.
    Source: torch.searchsorted.
    """
    values = self if input is None else input
    _check_side(right, side)
    right = right or side == "right"
    if sorter is not None:
        sorted_sequence = _with_sorter(sorted_sequence, sorter)
    sequence, points = operands("torch.searchsorted", need_tensor("searchsorted", sorted_sequence), values)
    if sequence.dim() == 0:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim(0) and input value's dim({points.dim()})"
        )
    if sequence.dim() > 1 and shape_of(sequence)[:-1] != shape_of(points)[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            "tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(sequence.shape)} and input value tensor {list(points.shape)}"
        )
    return primitive(ops.searchsorted, (sequence.detach(), points.detach()), (right, out_int32))


def _check_side(right: bool, side: str | None) -> None:
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )


def _with_sorter(sequence: Tensor, sorter: Tensor) -> Tensor:
    if shape_of(sequence) != shape_of(sorter):
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)} and got sorter tensor {list(sorter.shape)}"
        )
    if dtype_of(sorter) is not int64:
        raise RuntimeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {title(dtype_of(sorter))}"
        )
    return sequence.detach().gather(-1, sorter)


@function(method=False)
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Between which boundaries each value lies: the number of boundaries below it. Source: torch.bucketize.

    >>> import rushlight as torch
    >>> torch.bucketize(torch.tensor([3, 6, 9]), torch.tensor([1, 3, 5, 7, 9]))
    tensor([1, 3, 4])
    """
    if need_tensor("bucketize", boundaries, 2, "boundaries").dim() != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@function(method=False)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where an element is one of the test elements; with `invert`, where it is none. Source: torch.isin."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError(
            f"isin(): one of elements and test_elements must be Tensor, got {type(elements).__name__} and "
            f"{type(test_elements).__name__}"
        )
    a, b = (x.detach() for x in operands("isin", elements, test_elements))
    if not b.numel():
        found = full(shape_of(a), False, device=a.device)
    elif b.numel() <= 8:
        found = any_of(reshape(a, (*shape_of(a), 1)) == reshape(b, (-1,)), -1)
    else:
        ordered = sort(reshape(b, (-1,))).values
        place = searchsorted(ordered, a).clamp(max=b.numel() - 1)
        found = ordered[place] == a
    return ~found if invert else found


@function(out=False)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """As nonzero, with `size` rows whatever the data is: cut off, or filled up. Source: torch.nonzero_static."""
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    found = nonzero(need_tensor("nonzero_static", input))[:size]
    missing = size - found.size(0)
    return found if not missing else cat([found, full((missing, input.dim()), fill_value)])


@function(out=False)
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The exclusive or of all elements' bits, or of those along dims, as uint64. Source: torch.hash_tensor."""
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    array = array_of(need_tensor("hash_tensor", input).detach())
    wide = np.float64 if dtype_of(input).category == FLOATING else np.int64
    bits = np.array(array.astype(wide), order="C").view(np.uint64)
    dims: Any = wrap_dims(dim, input.dim())
    fold: Any = np.bitwise_xor.reduce
    found = fold(bits, axis=dims, keepdims=keepdim)
    return from_array(np.asarray(found, np.uint64), uint64)


# ---------------------------------------------------------------- how many fall where


@function()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 on occurs, or the sum of the weights of its occurrences.

    Returns: a vector of at least `minlength`; int64, or weights' float type (float64 for other weights).
    Raises: RuntimeError unless input is a vector of non-negative integers.
    Source: torch.bincount.
    """
    if dtype_of(need_tensor("bincount", input)).category != INTEGRAL:
        raise lacking("bincount_cpu", input)
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    numbers = array_of(input)
    if numbers.ndim != 1 or (numbers.size and int(numbers.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return _whole(np.bincount(numbers, minlength=minlength))
    if shape_of(weights) != shape_of(input):
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = dtype_of(weights) if dtype_of(weights) is float32 else float64
    found = np.bincount(numbers, array_of(weights.detach()).astype(np.float64), minlength)
    return from_array(found.astype(kind.numpy), kind)


def _limits(name: str, input: Tensor, low: Any, high: Any, margin: float) -> tuple[float, float]:
    """The range of a histogram: as given, or where both ends are equal that of the data; never empty."""
    low, high = (x.item() if isinstance(x, Tensor) else x for x in (low, high))
    if low == high and input.numel():
        numbers = _wide(input)
        low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        low, high = low - margin, high + margin
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    return low, high


@function()
def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """How many elements fall into each of `bins` equal parts of [min, max] (of the data's range when both are equal).

    Source: torch.histc.
    """
    if dtype_of(need_tensor("histc", input)).category != FLOATING:
        raise lacking("histogram_cpu", input)
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = _limits("torch.histc", input.detach(), min, max, 1)
    # In the arithmetic of the dtype itself, as PyTorch does: that decides at the borders.
    numbers = array_of(input.detach()).reshape(-1)
    numbers = numbers[(numbers >= low) & (numbers <= high)]
    kind = numbers.dtype.type
    place = ((numbers - kind(low)) / (kind(high) - kind(low)) * kind(bins)).astype(np.int64)
    return _back(np.bincount(np.minimum(place, bins - 1), minlength=bins), input)


def _placed(numbers: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(bin of each number, which are inside): a bin holds its lower edge, the last one its upper edge too."""
    inside = (numbers >= edges[0]) & (numbers <= edges[-1])
    return np.minimum(np.searchsorted(edges, numbers, "right") - 1, len(edges) - 2), inside


def _counted(
    points: np.ndarray, edges: Sequence[np.ndarray], weight: np.ndarray | None, density: bool
) -> np.ndarray:
    """The histogram of points (N, D) over D sequences of edges."""
    places, inside = zip(*(_placed(points[:, d], e) for d, e in enumerate(edges)))
    within = np.logical_and.reduce(inside)
    shape = tuple(len(e) - 1 for e in edges)
    flat = np.ravel_multi_index([p[within] for p in places], shape) if within.any() else np.zeros(0, np.int64)
    weights = None if weight is None else weight[within].astype(np.float64)
    found = np.bincount(flat, weights, int(np.prod(shape))).reshape(shape).astype(np.float64)
    if density:
        found /= found.sum()
        for d, e in enumerate(edges):
            found /= np.diff(e.astype(np.float64)).reshape((-1,) + (1,) * (len(edges) - d - 1))
    return found


def _edges(name: str, input: Tensor, column: Tensor, bins: Any, limits: Any) -> Tensor:
    """The edges of one dimension: as given, or equal parts of the range."""
    if isinstance(bins, Tensor):
        if dtype_of(bins) is not dtype_of(input):
            raise RuntimeError(f"{name}(): input tensor and bins tensors should have the same dtype")
        return bins.detach()
    if bins <= 0:
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins}")
    low, high = (0, 0) if limits is None else limits
    if limits is None and not column.numel():
        low, high = 0.0, 1.0
    low, high = _limits(f"torch.{name}", column, low, high, 0.5)
    return linspace(low, high, int(bins) + 1, dtype=dtype_of(input))


def _weights(name: str, input: Tensor, weight: Tensor | None, sizes: tuple) -> np.ndarray | None:
    if weight is None:
        return None
    if dtype_of(weight) is not dtype_of(input):
        raise RuntimeError(
            f"{name}(): if weight tensor is provided, input tensor and weight tensor should have the same dtype"
        )
    if shape_of(weight) != sizes:
        raise RuntimeError(
            f"{name}(): if weight tensor is provided it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got input with shape {list(input.shape)} and weight with shape {list(weight.shape)}"
        )
    return array_of(weight.detach()).reshape(-1)


@function()
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """(hist, bin_edges): how many elements, or how much weight, falls between edges. Source: torch.histogram.

    Args:
        bins: how many equal parts of the range, or the edges as an increasing vector.
        density: shares of the whole, by width, instead of counts.
    """
    if dtype_of(need_tensor("histogram", input)).category != FLOATING:
        raise lacking("histogram_cpu", input)
    flat = reshape(input.detach(), (-1,))
    edges = _edges("histogram", input, flat, bins, range)
    weights = _weights("histogram", input, weight, shape_of(input))
    found = _counted(array_of(flat)[:, None], [array_of(edges)], weights, density)
    return named("histogram", "hist", "bin_edges")(_back(found, input), edges)


@function(method=False)
def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """(hist, bin_edges) of points in D dimensions: input (..., D); hist has D dimensions. Source: torch.histogramdd."""
    if need_tensor("histogramdd", input).dim() < 2:
        raise RuntimeError("histogramdd(): input tensor should have at least 2 dimensions")
    if dtype_of(input).category != FLOATING:
        raise lacking("histogram_cpu", input)
    D = shape_of(input)[-1]
    points = reshape(input.detach(), (-1, D))
    counts = [bins] * D if is_number(bins) else list(bins)
    if len(counts) != D:
        raise RuntimeError(
            f"histogramdd(): The size of bins must be equal to the innermost dimension of the input, got {len(counts)} "
            f"and {D}"
        )
    spans = [None] * D if range is None else [tuple(range[2 * d : 2 * d + 2]) for d in builtins.range(D)]
    edges = [_edges("histogramdd", input, points[:, d], counts[d], spans[d]) for d in builtins.range(D)]
    weights = _weights("histogramdd", input, weight, shape_of(input)[:-1])
    found = _counted(array_of(points), [array_of(e) for e in edges], weights, density)
    return named("histogramdd", "hist", "bin_edges")(_back(found, input), tuple(edges))
