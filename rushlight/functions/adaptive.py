"""Pooling to a given output size: adaptive_avg_pool, adaptive_max_pool, and fractional_max_pool.

An adaptive window i of n_out reaches from floor(i * n / n_out) to ceil((i + 1) * n / n_out), so windows differ in
size and may overlap. A mean over a box is the mean of means along each dimension (taps.py). For maxima every window
is filled up to the longest by repeating its last element, which changes neither the maximum nor which is first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import FLOATING, int64
from ..errors import ShapeError
from ..graph.node import Node, constant
from ..ops.indexing import take
from ..tensor import Tensor, array_of, dtype_of, from_array, shape_of
from .arguments import need_tensor
from .opmath import widened
from .pooling import read_positions, winner
from .register import function
from .sampling import rand
from .spatial import ints, spread, table
from .taps import Taps, dimensions, linear_map

# ---------------------------------------------------------------- the windows


def _bounds(n: int, out: int) -> tuple[np.ndarray, np.ndarray]:
    i = np.arange(out)
    return i * n // max(out, 1), -(-(i + 1) * n // max(out, 1))


def _region_means(n: int, out: int) -> Taps | None:
    if n == out:
        return None
    start, stop = _bounds(n, out)
    longest = int((stop - start).max()) if out else 0
    at = start[:, None] + np.arange(longest)
    used = at < stop[:, None]
    weight = np.repeat(1.0 / (stop - start)[:, None], longest, axis=1)
    return Taps(np.where(used, at, 0), weight, None if used.all() else used, n)


def _region_places(n: int, out: int) -> np.ndarray:
    start, stop = _bounds(n, out)
    longest = int((stop - start).max()) if out else 1
    return np.minimum(start[:, None] + np.arange(longest), stop[:, None] - 1)


@table
def _places(sizes: tuple, outs: tuple) -> np.ndarray:
    """(*out, K): the positions of each window's elements in the flattened input, row by row."""
    rank = len(sizes)
    found = np.zeros((), np.int64)
    for n, out in zip(sizes, outs):
        found = found[..., None, None] * n + _region_places(n, out)
    moved = found.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    return moved.reshape(*moved.shape[:rank], -1)


# ---------------------------------------------------------------- reading arguments


def _sizes(name: str, input: Tensor, rank: int, output_size: Any) -> tuple[int, ...]:
    """The output size, None standing for the input's own."""
    shape = shape_of(input)
    if rank == 1:
        given = ints(name, "output_size", output_size, 2)
        count = len(given) if isinstance(given, tuple) else 1
        return spread(
            name,
            "output_size",
            given,
            1,
            2,
            f"{name}() argument 'output_size' should contain one int (got {count})",
        )
    if isinstance(output_size, int) and not isinstance(output_size, bool):
        return (output_size,) * rank
    if not isinstance(output_size, (tuple, list)):
        raise TypeError(f"object of type '{type(output_size).__name__}' has no len()")
    if len(shape) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    defaults = shape[len(shape) - len(output_size) :]
    filled = [n if wanted is None else wanted for wanted, n in zip(output_size, defaults)]
    found = ints(name, "output_size", filled, 2)
    assert isinstance(found, tuple)
    if len(found) != rank:
        if "avg" in name:
            raise RuntimeError(f"{name}: output_size must be {rank}")
        raise RuntimeError(f"{name}(): internal error: output_size.size() must be {rank}")
    return found


def _check(name: str, input: Tensor, rank: int, sizes: tuple, need_channels: bool) -> None:
    shape = shape_of(input)
    if len(shape) not in (rank + 1, rank + 2):
        if rank == 1:
            raise ShapeError(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' "
                f"(while checking arguments for {name})"
            )
        raise ShapeError(f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got {list(shape)}")
    first = len(shape) - rank - need_channels
    for d in range(max(first, 1 if len(shape) == rank + 2 else 0), len(shape)):
        if shape[d] == 0:
            raise ShapeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(shape)} with dimension {d} being empty"
            )
    if dtype_of(input).category != FLOATING:
        raise NotImplementedError(f"\"{name}\" not implemented for '{title(dtype_of(input))}'")
    if any(n < 0 for n in sizes):
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received {list(sizes)}"
        )


# ---------------------------------------------------------------- the mean

_avg_ops = {
    1: linear_map("AdaptiveAvgPool2DBackward0", _region_means),
    2: linear_map("AdaptiveAvgPool2DBackward0", _region_means),
    3: linear_map("AdaptiveAvgPool3DBackward0", _region_means),
}


def _adaptive_avg(rank: int, input: Any, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{rank}d"
    need_tensor(name, input)
    sizes = _sizes(name, input, rank, output_size)
    _check(name, input, rank, sizes, rank == 3)
    shape = shape_of(input)
    if rank > 1 and all(n == 1 for n in sizes):
        return input.mean(tuple(range(-rank, 0)), keepdim=True)
    if all(out and n % out == 0 for n, out in zip(shape[-rank:], sizes)):
        return operation(_tiled, (input,), (sizes,))
    return operation(_avg_ops[rank], (input,), dimensions(*((n,) for n in sizes)))


def _means_of_tiles(x: Node, sizes: tuple[int, ...]) -> Node:
    """Windows that tile the input are a reshape and a mean."""
    lead = x.shape[: len(x.shape) - len(sizes)]
    split: list[int] = []
    for n, out in zip(x.shape[len(lead) :], sizes):
        split += [out, n // out]
    inner = tuple(range(len(lead) + 1, len(lead) + len(split), 2))
    count = math.prod(split[1::2])
    return x.reshape((*lead, *split)).sum(inner, False) / count


_tiled = widened("AdaptiveAvgPool2DBackward0", _means_of_tiles)


@function(method=False)
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over as many windows as asked for, along the last dimension of (N, C, L) or (C, L).

    Raises: RuntimeError when sizes do not fit.
    Source: torch.adaptive_avg_pool1d.
    Example:
        >>> import rushlight as torch
        >>> torch.adaptive_avg_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[2., 1.]])
    """
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """As adaptive_avg_pool1d over the last two dimensions; None keeps a size.

    Source: torch.nn.functional.adaptive_avg_pool2d.
    """
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """As adaptive_avg_pool2d over the last three dimensions. Source: torch.nn.functional.adaptive_avg_pool3d."""
    return _adaptive_avg(3, input, output_size)


# ---------------------------------------------------------------- the maximum


def _windows_of(x: Node, places: Node, rank: int) -> Node:
    """(..., *out, K): the elements of each window."""
    lead = x.shape[: len(x.shape) - rank]
    flat = x.reshape((*lead, math.prod(x.shape[len(lead) :])))
    return take((flat, places), (len(lead),))


def _adaptive_max_forward(x: Node, sizes: tuple[int, ...]) -> tuple[Node, Node]:
    rank = len(sizes)
    places = _places(x.shape[len(x.shape) - rank :], sizes)
    elements = _windows_of(x, places, rank)
    out = elements.amax((len(x.shape),), False)
    return out, read_positions(winner(elements, out), places)


def to_positions(g: Node, positions: Node, shape: tuple[int, ...], rank: int) -> Node:
    """g added at positions of the flattened last dimensions: the gradient of what was read there."""
    lead = shape[: len(shape) - rank]
    n = math.prod(g.shape[len(lead) :])
    zeros = constant(0, g.dtype).expand((*lead, math.prod(shape[len(lead) :])))
    found = zeros.scatter(positions.reshape((*lead, n)), g.reshape((*lead, n)), len(lead), "sum")
    return found.reshape(shape)


def _at_positions_rule(g: Any, outs: tuple, ins: tuple, needs: tuple, *params: Any) -> tuple:
    gx = to_positions(g[0], outs[1], ins[0].shape, len(params[0]))
    return (gx, *(None for _ in ins[1:]))


_max_ops = {
    1: Op("AdaptiveMaxPool2DBackward0", _adaptive_max_forward, _at_positions_rule),
    2: Op("AdaptiveMaxPool2DBackward0", _adaptive_max_forward, _at_positions_rule),
    3: Op("AdaptiveMaxPool3DBackward0", _adaptive_max_forward, _at_positions_rule),
}


def _adaptive_max(rank: int, input: Any, output_size: Any) -> tuple[Tensor, Tensor]:
    name = f"adaptive_max_pool{rank}d"
    need_tensor(name, input)
    sizes = _sizes(name, input, rank, output_size)
    if any(n < 0 for n in sizes):
        wanted = [*shape_of(input)[: input.dim() - rank], *sizes]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(sizes)}: {wanted}")
    _check(name, input, rank, sizes, True)
    if input.numel() == 0 or 0 in sizes:
        shape = (*shape_of(input)[: input.dim() - rank], *sizes)
        empty = input.reshape(-1)[:0].reshape(shape)
        return empty, from_array(np.zeros(shape, np.int64))
    return operation(_max_ops[rank], (input,), (sizes,))


@function("adaptive_max_pool1d", method=False)
def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool1d and its indices. Source: torch.adaptive_max_pool1d."""
    return _adaptive_max(1, input, output_size)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool2d and its indices. Source: torch.nn.functional.adaptive_max_pool2d_with_indices."""
    return _adaptive_max(2, input, output_size)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool3d and its indices. Source: torch.nn.functional.adaptive_max_pool3d_with_indices."""
    return _adaptive_max(3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over as many windows as asked for, along the last dimension of (N, C, L) or (C, L).

    Args:
        return_indices: also where in the input each maximum is.
    Raises: RuntimeError when sizes do not fit.
    Source: torch.nn.functional.adaptive_max_pool1d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.adaptive_max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    found = _adaptive_max(1, input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """As adaptive_max_pool1d over the last two dimensions; None keeps a size.

    Source: torch.nn.functional.adaptive_max_pool2d.
    """
    found = _adaptive_max(2, input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """As adaptive_max_pool2d over the last three dimensions. Source: torch.nn.functional.adaptive_max_pool3d."""
    found = _adaptive_max(3, input, output_size)
    return found if return_indices else found[0]


# ---------------------------------------------------------------- fractional


def _starts(samples: np.ndarray, n: int, out: int, k: int) -> np.ndarray:
    """(..., out): where windows of k begin, from one uniform number each (Graham 2015, section 3)."""
    if out == 1:
        return np.full((*samples.shape, 1), n - k, np.int64)
    kind = samples.dtype
    alpha = np.asarray(n - k, kind) / np.asarray(out - 1, kind)
    i = np.arange(out, dtype=kind)
    u = samples[..., None]
    found = ((i + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    found[..., -1] = n - k
    return found


def _fractional_places(samples: np.ndarray, sizes: tuple, outs: tuple, kernel: tuple) -> np.ndarray:
    """(N, C, *out, K): positions in the flattened input.

    Samples are one a dimension; of two, PyTorch takes the first for the width.
    """
    rank = len(sizes)
    lead = samples.shape[:2]
    found = np.zeros(lead, np.int64)
    for d, (n, out, k) in enumerate(zip(sizes, outs, kernel)):
        at = _starts(samples[..., 1 - d if rank == 2 else d], n, out, k)[..., None] + np.arange(k)
        at = at.reshape((*lead, *(1,) * (2 * d), out, k))
        found = found[..., None, None] * n + at
    moved = found.transpose(0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2))
    return moved.reshape(*moved.shape[: 2 + rank], math.prod(kernel))


def _fractional_forward(x: Node, places: Node, outs: tuple[int, ...]) -> tuple[Node, Node]:
    lead = x.shape[:2]
    k = places.shape[-1]
    flat = x.reshape((*lead, math.prod(x.shape[2:])))
    count = math.prod(outs)
    elements = flat.gather(places.reshape((*lead, count * k)), 2).reshape((*lead, *outs, k))
    out = elements.amax((len(elements.shape) - 1,), False)
    place = winner(elements, out)
    last = len(place.shape)
    positions = places.gather(place.reshape((*place.shape, 1)), last).reshape(place.shape)
    return out, positions


_fractional_ops = {
    rank: Op(
        f"FractionalMaxPool{rank}DBackward0",
        _fractional_forward,
        lambda g, outs, ins, needs, sizes: _at_positions_rule(g, outs, ins, needs, sizes),
    )
    for rank in (2, 3)
}

_NAMES = {2: ("height", "width"), 3: ("time", "height", "width")}


def _fractional_output(rank: int, input: Tensor, output_size: Any, output_ratio: Any) -> tuple[int, ...]:
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return spread(
            name, "output_size", output_size, rank, 3,
            f"{name}: output_size must either be a single Int or tuple of Ints",
        )  # fmt: skip
    if isinstance(output_ratio, (tuple, list)):
        if len(output_ratio) != rank:
            raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        ratios = tuple(output_ratio)
    else:
        ratios = (output_ratio,) * rank
    return tuple(int(n * ratio) for n, ratio in zip(shape_of(input)[-rank:], ratios))


def _check_samples(samples: Tensor, input: Tensor, shape: tuple, rank: int) -> None:
    if dtype_of(samples) is not dtype_of(input):
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    given = shape_of(samples)
    if len(given) != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {len(given)}")
    if given[0] < shape[0]:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if given[1] != shape[1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if given[2] != rank:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {rank}; got {given[2]}.")


def _fractional(
    rank: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{rank}d"
    need_tensor(name, input)
    dims = input.dim()
    if dims not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(shape_of(input))}"
        )
    outs = _fractional_output(rank, input, output_size, output_ratio)
    kernel = spread(
        name, "kernel_size", kernel_size, rank, 2,
        f"{name}: kernel_size must either be a single Int or tuple of {'three ' if rank == 3 else ''}Ints",
    )  # fmt: skip
    x = input if dims == rank + 2 else input.unsqueeze(0)
    shape = shape_of(x)
    if samples is None:
        samples = rand(shape[0], shape[1], rank, dtype=dtype_of(input), device=input.device)
    _check_samples(samples, input, shape, rank)
    for what, n, out, k in zip(_NAMES[rank], shape[2:], outs, kernel):
        if out + k - 1 > n - (rank == 3):  # PyTorch asks for one element more in three dimensions
            raise RuntimeError(f"{name}(): pool {what} {k} too large relative to input {what} {n}")
    numbers = array_of(samples)[: shape[0]]
    numbers = numbers if numbers.dtype.kind == "f" and numbers.itemsize >= 4 else numbers.astype(np.float32)
    places = from_array(_fractional_places(numbers, shape[2:], outs, kernel), int64)
    found = operation(_fractional_ops[rank], (x, places), (outs,))
    return found if dims == rank + 2 else (found[0].squeeze(0), found[1].squeeze(0))


def fractional_max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """fractional_max_pool2d and its indices. Source: torch.nn.functional.fractional_max_pool2d_with_indices."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """fractional_max_pool3d and its indices. Source: torch.nn.functional.fractional_max_pool3d_with_indices."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """Maxima over windows of one size that begin at pseudorandom places, so that any output size can be had.

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: (oH, oW); or output_ratio, the output's share of the input's sizes, in (0, 1).
        return_indices: also where in the H x W plane each maximum is.
        _random_samples: (N, C, 2) uniform numbers to place the windows by; drawn when not given.
    Raises: ValueError when neither size nor ratio is given; RuntimeError when sizes do not fit.
    Source: torch.nn.functional.fractional_max_pool2d; Graham, "Fractional max-pooling", 2015.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.fractional_max_pool2d(torch.rand(1, 3, 9, 9), 2, output_size=(5, 6)).shape
        torch.Size([1, 3, 5, 6])
    """
    found = _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """As fractional_max_pool2d over the last three dimensions. Source: torch.nn.functional.fractional_max_pool3d."""
    found = _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]
