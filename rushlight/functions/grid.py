"""Sampling at free positions: grid_sample, and affine_grid, which makes such positions.

A grid holds positions from -1 to 1, x first. Each output element reads 1 (nearest), 2 (linear) or 4 (cubic) neighbours
a dimension; all their combinations are read at once, as rows of a channels-last table. Positions and input are
both differentiable, through the primitives.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import FLOATING, from_numpy, int64
from ..errors import DTypeError, ShapeError
from ..graph.gradient import pullback
from ..graph.node import Node, constant, of_fixed
from ..ops.indexing import take
from ..ops.movement import concat
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .opmath import widened
from .register import function

MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
PADDING = {"zeros": 0, "border": 1, "reflection": 2}
LINEAR, NEAREST, CUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2

# ---------------------------------------------------------------- positions


def _in_elements(at: Node, n: int, align: bool) -> Node:
    """Positions in [-1, 1] as element numbers."""
    if align:
        return (at + 1) * ((n - 1) / 2)
    return ((at + 1) * n - 1) / 2


def _clipped(at: Node, n: int) -> Node:
    """Into [0, n - 1]; NaN at 0. What is cut off passes no gradient on."""
    inside = at.gt(0) & at.lt(n - 1)
    fixed = at.ge(n - 1).where(constant(n - 1, at.dtype), 0)
    return inside.where(at, fixed)


def _mirrored(at: Node, n: int, align: bool) -> Node:
    """Reflected at the outer elements' centres (align) or outer edges, as often as it takes."""
    low, span = (0.0, n - 1) if align else (-0.5, n)
    if span == 0:
        return constant(0, at.dtype).expand(at.shape)
    distance = (at - low).abs()
    turns = (distance / span).floor()
    extra = distance - turns * span
    even = turns.remainder(constant(2, at.dtype)).eq(0)
    return even.where(extra + low, (extra * -1) + (span + low))


def _kept_inside(at: Node, n: int, padding: int, align: bool) -> Node:
    if padding == ZEROS:
        return at
    return _clipped(_mirrored(at, n, align) if padding == REFLECTION else at, n)


def _neighbours(at: Node, n: int, mode: int, padding: int, align: bool) -> tuple[Node, Node, Node | None]:
    """(index, valid, weight) of A neighbours of every position: (A, N, P) each; weight None for 1."""
    if mode == CUBIC:
        low = at.floor()
        weight = _cubic_weights(at - low)
        places = _kept_inside(_offsets(low, -1, 4), n, padding, align)
    else:
        at = _kept_inside(at, n, padding, align)
        if mode == NEAREST:
            places, weight = at.round().reshape((1, *at.shape)), None
        else:
            low = at.floor()
            share = (at - low).reshape((1, *at.shape))
            weight = concat((1 - share, share), 0)
            places = _offsets(low, 0, 2)
    valid = places.ge(0) & places.le(n - 1)
    # Out of range and NaN become 0 before the cast: they are read and then left out.
    return valid.where(places, 0).cast(int64), valid, weight


def _offsets(low: Node, first: int, count: int) -> Node:
    steps = constant(first, int64).iota(count).cast(low.dtype)
    return low.reshape((1, *low.shape)) + steps.reshape((count,) + (1,) * len(low.shape))


def _cubic_weights(t: Node) -> Node:
    """Keys' weights with a = -0.75 of the neighbours at -1, 0, 1, 2."""
    a = -0.75

    def near(x: Node) -> Node:
        return (x * (a + 2) - (a + 3)) * x * x + 1

    def far(x: Node) -> Node:
        return ((x * a - 5 * a) * x + 8 * a) * x - 4 * a

    parts = (far(t + 1), near(t), near(1 - t), far(2 - t))
    return concat(tuple(p.reshape((1, *p.shape)) for p in parts), 0)


# ---------------------------------------------------------------- grid_sample


def _product(a: Node, b: Node, combine: Any) -> Node:
    """All pairs along the first dimension of both: (A, N, P) and (B, N, P) give (A * B, N, P)."""
    rest = a.shape[1:]
    found = combine(a.reshape((a.shape[0], 1, *rest)), b.reshape((1, b.shape[0], *rest)))
    return found.reshape((a.shape[0] * b.shape[0], *rest))


def _sample(x: Node, grid: Node, mode: int, padding: int, align: bool) -> Node:
    N, C, *sizes = x.shape
    out = grid.shape[1:-1]
    P = math.prod(out)
    rank = len(sizes)
    flat = grid.reshape((N, P, rank))
    each = []
    for d, n in enumerate(sizes):
        at = flat.slice(((0, N, 1), (0, P, 1), rank - 1 - d))
        each.append(_neighbours(_in_elements(at, n, align), n, mode, padding, align))
    index, valid, weight = each[0]
    for n, (i, v, w) in zip(sizes[1:], each[1:]):
        index = _product(index, i, lambda a, b, n=n: a * n + b)
        valid = _product(valid, v, lambda a, b: a & b)
        weight = None if weight is None or w is None else _product(weight, w, lambda a, b: a * b)
    return _read(x, index, valid, weight).reshape((N, *out, C)).permute((0, rank + 1, *range(1, rank + 1)))


def _read(x: Node, index: Node, valid: Node, weight: Node | None) -> Node:
    """(N, P, C): the weighted sum over neighbours of rows of the channels-last input."""
    N, C, *sizes = x.shape
    count = math.prod(sizes)
    rows = x.permute((0, *range(2, len(x.shape)), 1)).reshape((N * count, C))
    offset = (constant(0, int64).iota(N) * count).reshape((1, N, 1))
    found = take((rows, index + offset), (0,))
    found = valid.reshape((*valid.shape, 1)).where(found, 0)
    if weight is not None:
        found = found * weight.reshape((*weight.shape, 1))
    return found.sum((0,), False)


def _sample_rule(g: Node, out: Node, ins: tuple, needs: tuple, *params: Any) -> tuple:
    wanted = [x for x, need in zip(ins, needs) if need]
    found = iter(pullback([_sample(*ins, *params)], wanted, [g]))
    grads = [next(found) if need else None for need in needs]
    if needs[1] and grads[1] is None:  # the nearest element does not change with the position
        grads[1] = constant(0, g.dtype).expand(ins[1].shape)
    return tuple(grads)


_ops = {
    2: widened("GridSampler2DBackward0", _sample, _sample_rule),
    3: widened("GridSampler3DBackward0", _sample, _sample_rule),
}


def _check(input: Tensor, grid: Tensor, mode: int) -> None:
    x, g = shape_of(input), shape_of(grid)
    if not x or not g or x[0] != g[0]:
        raise ShapeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(x)} and grid with sizes {list(g)}"
        )
    if g[-1] != len(x) - 2:
        raise ShapeError(
            f"grid_sampler(): expected grid to have size {len(x) - 2} in last dimension, but got grid with sizes "
            f"{list(g)}"
        )
    if len(x) not in (4, 5) or len(x) != len(g):
        raise ShapeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(x)} and grid with sizes {list(g)}"
        )
    for d, n in enumerate(x[2:], 2):
        if n == 0:
            raise ShapeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{list(x)} with dimension {d} being empty"
            )
    if mode == CUBIC and len(x) == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if dtype_of(input) is not dtype_of(grid):
        raise DTypeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {dtype_of(input)} and grid has "
            f"{dtype_of(grid)}"
        )
    if dtype_of(input).category != FLOATING:
        raise NotImplementedError(f"\"grid_sampler\" not implemented for '{title(dtype_of(input))}'")


@function(method=False)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sample with its modes as numbers. Source: torch.grid_sampler."""
    need_tensor("grid_sampler", input)
    need_tensor("grid_sampler", grid, 2, "grid")
    _check(input, grid, interpolation_mode)
    params = (int(interpolation_mode), int(padding_mode), bool(align_corners))
    return operation(_ops[input.dim() - 2], (input, grid), params)


@function(method=False)
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sampler of a 4-D input. Source: torch.grid_sampler_2d."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@function(method=False)
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sampler of a 5-D input. Source: torch.grid_sampler_3d."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def _warn_of_default() -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        stacklevel=3,
    )


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input read at the positions of `grid`, between its elements by interpolation.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), floating.
        grid: (N, oH, oW, 2) of (x, y), or (N, oD, oH, oW, 3) of (x, y, z); -1 and 1 are the ends of the input.
        mode: "bilinear" (trilinear in 5-D), "nearest", or "bicubic" (4-D only).
        padding_mode: what is read outside: "zeros", "border" (the nearest edge) or "reflection".
        align_corners: -1 and 1 are the centres of the outer elements, not their outer edges.
    Returns: (N, C, oH, oW) or (N, C, oD, oH, oW).
    Raises: ValueError for an unknown mode; RuntimeError when sizes or dtypes do not fit.
    Source: torch.nn.functional.grid_sample.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
        >>> torch.nn.functional.grid_sample(x, torch.zeros(1, 1, 1, 2), align_corners=True)
        tensor([[[[1.5000]]]])
    """
    if mode not in MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDING:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        _warn_of_default()
        align_corners = False
    return grid_sampler(input, grid, MODES[mode], PADDING[padding_mode], align_corners)


# ---------------------------------------------------------------- affine_grid


def _base_positions(sizes: tuple, align: bool, kind: type) -> np.ndarray:
    """(prod(sizes), rank + 1): x first, then y (and z), then 1."""
    rank = len(sizes)
    found = np.ones((*sizes, rank + 1), kind)
    for d, n in enumerate(sizes):
        at = np.linspace(-1, 1, n, dtype=kind) if n > 1 else np.zeros(n, kind)
        if not align:
            at = at * kind(n - 1) / kind(n)
        found[..., rank - 1 - d] = at.reshape((n,) + (1,) * (rank - 1 - d))
    return found.reshape(-1, rank + 1)


def _affine(theta: Node, sizes: tuple, align: bool) -> Node:
    kind = np.float64 if theta.dtype.name == "float64" else np.float32
    array = _base_positions(sizes, align, kind)
    base = of_fixed(array, from_numpy(array.dtype))
    if base.dtype is not theta.dtype:
        base = base.cast(theta.dtype)
    N, rank = theta.shape[0], len(sizes)
    return base.matmul(theta.permute((0, 2, 1))).reshape((N, *sizes, rank))


_affine_grid = Op("AffineGridGeneratorBackward0", _affine)


@function(method=False)
def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """affine_grid without its checks. Source: torch.affine_grid_generator."""
    need_tensor("affine_grid_generator", theta)
    sizes = tuple(int(n) for n in size)
    if sizes[0] != theta.shape[0]:
        rank = len(sizes) - 2
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{sizes[0]}, {rank + 1}] but got: "
            f"[{theta.shape[0]}, {rank + 1}]."
        )
    return operation(_affine_grid, (theta,), (sizes[2:], bool(align_corners)))


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid that makes grid_sample transform an input by the matrices theta.

    Args:
        theta: (N, 2, 3) or (N, 3, 4), from output positions to input positions, both in [-1, 1].
        size: the output's size, (N, C, H, W) or (N, C, D, H, W).
        align_corners: as in grid_sample.
    Returns: (N, H, W, 2) or (N, D, H, W, 3).
    Raises: ValueError when theta and size do not fit each other.
    Source: torch.nn.functional.affine_grid.
    Example:
        >>> import rushlight as torch
        >>> theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    need_tensor("affine_grid", theta)
    if align_corners is None:
        _warn_of_default()
        align_corners = False
    if dtype_of(theta).category != FLOATING:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    rank = len(size) - 2
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_generator(theta, size, align_corners)
