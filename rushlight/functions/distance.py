"""Distances and similarities between vectors: p-norms of differences, cosines, all pairs; and the bilinear form.

`lengths` is the p-norm as one tape entry. Where a length is 0 its derivative is 0, PyTorch's choice.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..autograd.record import operation, title
from ..dtypes import FLOATING, int64
from ..errors import ShapeError
from ..graph.node import Node, constant, of_fixed
from ..ops.contraction import transposed
from ..ops.indexing import put, take
from ..ops.movement import concat
from ..ops.reduction import reduced
from ..shapes import broadcast, wrap_dim, wrap_dims
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, operands
from .opmath import widened
from .register import function

# ---------------------------------------------------------------- p-norms


def _length(x: Node, p: float, dims: tuple, keepdim: bool) -> Node:
    size = x.abs()
    if p == 0:
        return x.ne(0).cast(size.dtype).sum(dims, keepdim)
    if p == 1:
        return size.sum(dims, keepdim)
    if p == 2:
        return (size * size).sum(dims, keepdim).sqrt()
    if math.isinf(p):
        return size.amax(dims, keepdim) if p > 0 else size.amin(dims, keepdim)
    return size.pow(p).sum(dims, keepdim).pow(1 / p)


def _slope(g: Node, length: Node, x: Node, p: float, dims: tuple, ties: bool = True) -> Node:
    """The gradient of x from that of its length (both with `dims` kept); ties: extremes share it."""
    if p == 0:
        return constant(0, x.dtype).expand(x.shape)
    if p == 1:
        return x.sign() * _as(g, x)
    if math.isinf(p):
        hit = x.abs().eq(length)
        count = hit.cast(g.dtype).sum(dims, True) if ties else 1
        return x.sign() * _as(hit.where(g / count, 0), x)
    none = length.eq(0)
    held = none.where(1, length)  # where the length is 0, nothing is divided by it
    if p == 2:
        return x * _as(none.where(0, g / held), x)
    scale = none.where(0, g * held.pow(1 - p))
    nil = x.eq(0)
    size = nil.where(1, x.abs())
    return nil.where(0, x * _as(size.pow(p - 2) * scale, x))


def _as(g: Node, x: Node) -> Node:
    return g.cast(x.dtype) if g.dtype is not x.dtype else g


def _lengths_rule(
    g: Node, out: Node, ins: tuple, needs: tuple, p: float, dims: tuple, keepdim: bool
) -> tuple:
    if not keepdim:
        kept = reduced(ins[0].shape, dims, True)
        g, out = g.reshape(kept), out.reshape(kept)
    return (_slope(g, out, ins[0], p, dims),)


_lengths = widened("NormBackward1", _length, _lengths_rule)


def lengths(x: Tensor, p: float, dim: Any, keepdim: bool = False) -> Tensor:
    """The p-norm of a floating or complex tensor along one or more dimensions."""
    return operation(_lengths, (x,), (float(p), wrap_dims(dim, x.dim()), keepdim))


@function(method=False, out=False)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension: (N, D) and (N, D) give (N), or (N, 1) with keepdim.

    Source: torch.nn.functional.pairwise_distance.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.pairwise_distance(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
        tensor([5.0000])
    """
    d = need_tensor("pairwise_distance", x1) - need_tensor("pairwise_distance", x2, 2, "x2") + eps
    return lengths(d, p, -1 if d.dim() else (), keepdim)


# ---------------------------------------------------------------- cosines


def _cosine_parts(x: Node, y: Node, dims: tuple, eps: float) -> tuple:
    """(x, y over their lengths, lengths held at eps, lengths)."""
    parts = []
    for v in (x, y):
        square = (v * v).sum(dims, True)
        none = square.eq(0)
        length = none.where(0, none.where(1, square).sqrt())
        held = length.maximum(eps)
        parts.append((v / held, held, none.where(1, length)))
    return parts[0], parts[1]


def _cosine_forward(x: Node, y: Node, dims: tuple, eps: float) -> Node:
    (a, _, _), (b, _, _) = _cosine_parts(x, y, dims, eps)
    return (a * b).sum(dims, False)


def _cosine_rule(g: Node, out: Node, ins: tuple, needs: tuple, dims: tuple, eps: float) -> tuple:
    # The lengths are differentiated as they are, also where they were held at eps: PyTorch's choice.
    x, y = ins
    first, second = _cosine_parts(x, y, dims, eps)
    shape = broadcast(x.shape, y.shape)
    kept = reduced(shape, dims, True)
    g, cosine = g.reshape(kept), out.reshape(kept)
    gx = g * (second[0] - cosine * x / first[2]) / first[1] if needs[0] else None
    gy = g * (first[0] - cosine * y / second[2]) / second[1] if needs[1] else None
    return gx, gy


_cosine = widened("SumBackward1", _cosine_forward, _cosine_rule)


@function(method=False, out=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 along dim, each over its length; lengths are held at eps. x1 and x2 broadcast.

    Raises: RuntimeError for integers.
    Source: torch.nn.functional.cosine_similarity.
    Example:
        >>> import rushlight as torch
        >>> torch.cosine_similarity(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), dim=0)
        tensor(0.)
    """
    need_tensor("cosine_similarity", x1, 1, "x1")
    x, y = operands("cosine_similarity", x1, need_tensor("cosine_similarity", x2, 2, "x2"))
    if dtype_of(x).category < FLOATING:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {title(dtype_of(x))} (cosine_similarity)"
        )
    shape = broadcast(shape_of(x), shape_of(y))
    dim = wrap_dim(dim, len(shape))
    # The lengths are those of the vectors after broadcasting along dim.
    x, y = (
        v if v.dim() == len(shape) and v.shape[dim : dim + 1] == shape[dim : dim + 1] else v.expand(shape)
        for v in (x, y)
    )
    return operation(_cosine, (x, y), ((dim,) if shape else (), eps))


# ---------------------------------------------------------------- all pairs

_MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}


def _differences(x: Node, y: Node) -> Node:
    """(..., P, R, M) from (..., P, M) and (..., R, M)."""
    return x.reshape((*x.shape[:-1], 1, x.shape[-1])) - y.reshape((*y.shape[:-2], 1, *y.shape[-2:]))


def _cdist_forward(x: Node, y: Node, p: float, product: bool) -> Node:
    if not x.shape[-1]:
        return constant(0, x.dtype).expand((*broadcast(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-2]))
    if not product:
        d = _differences(x, y)
        return _length(d, p, (len(d.shape) - 1,), False)
    return _squares(x, y).maximum(0).sqrt()


def _squares(x: Node, y: Node) -> Node:
    """|x|^2 - 2 x.y + |y|^2 of all pairs, summed inside one product, where it loses fewest digits."""
    ends = []
    for v in (x, y):
        last = len(v.shape) - 1
        one = constant(1, v.dtype).expand((*v.shape[:-1], 1))
        ends.append(((v * v).sum((last,), True), one, last))
    (xx, x_one, x_last), (yy, y_one, y_last) = ends
    return concat((x * -2, xx, x_one), x_last) @ transposed(concat((y, y_one, yy), y_last))


def _cdist_rule(g: Node, out: Node, ins: tuple, needs: tuple, p: float, product: bool) -> tuple:
    x, y = ins
    if not product:
        kept = (*out.shape, 1)
        d = _differences(x, y)
        last = len(d.shape) - 1
        slope = _slope(g.reshape(kept), out.reshape(kept), d, p, (last,), False)
        gx = slope.sum((last - 1,), False) if needs[0] else None
        return gx, -slope.sum((last - 2,), False) if needs[1] else None
    none = out.eq(0)
    r = none.where(0, g / none.where(1, out))
    last = len(r.shape) - 1
    gx = r.sum((last,), True) * x - r @ y if needs[0] else None
    gy = transposed(r.sum((last - 1,), True)) * y - transposed(r) @ x if needs[1] else None
    return gx, gy


_cdist = widened("CdistBackward0", _cdist_forward, _cdist_rule)


@function(method=False, out=False)
def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The p-norm distance of every row of x1 from every row of x2: (..., P, M) and (..., R, M) give (..., P, R).

    Args:
        compute_mode: whether distances for p = 2 come from a matrix product; by default for more than 25 rows.
    Raises: RuntimeError for sizes or dtypes that do not fit, or a negative p.
    Source: torch.cdist.
    """
    for x, name in ((x1, "X1"), (x2, "X2")):
        need_tensor("cdist", x)
        if dtype_of(x).category != FLOATING:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {title(dtype_of(x))}")
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if shape_of(x1)[-1] != shape_of(x2)[-1]:
        raise ShapeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)} (cdist)"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    if compute_mode is not None and compute_mode not in _MODES:
        raise ValueError(
            f"{compute_mode} is not a valid value for compute_mode: use one of {', '.join(_MODES)}"
        )
    if dtype_of(x1) is not dtype_of(x2):
        raise RuntimeError(
            f"expected scalar type {title(dtype_of(x1))} but found {title(dtype_of(x2))} (cdist: X1 and X2)"
        )
    broadcast(shape_of(x1)[:-2], shape_of(x2)[:-2])
    product = _MODES[compute_mode or "use_mm_for_euclid_dist_if_necessary"]
    if product is None:
        product = shape_of(x1)[-2] > 25 or shape_of(x2)[-2] > 25
    return operation(_cdist, (x1, x2), (float(p), product and p == 2))


@functools.lru_cache(maxsize=32)
def _pairs(n: int) -> tuple[Node, Node]:
    """The two positions of every pair of n rows, in order."""
    first, second = np.triu_indices(n, 1)
    return of_fixed(first.astype(np.int64), int64), of_fixed(second.astype(np.int64), int64)


def _pair_differences(x: Node) -> Node:
    first, second = _pairs(x.shape[0])
    return take((x, first), (0,)) - take((x, second), (0,))


def _pdist_forward(x: Node, p: float) -> Node:
    if not x.shape[1]:
        return constant(0, x.dtype).expand((x.shape[0] * (x.shape[0] - 1) // 2,))
    return _length(_pair_differences(x), p, (1,), False)


def _pdist_rule(g: Node, out: Node, ins: tuple, needs: tuple, p: float) -> tuple:
    (x,) = ins
    kept = (*out.shape, 1)
    slope = _slope(g.reshape(kept), out.reshape(kept), _pair_differences(x), p, (1,), False)
    first, second = _pairs(x.shape[0])
    gx = put((constant(0, g.dtype).expand(x.shape), slope, first), (0,), True)
    return (put((gx, -slope, second), (0,), True),)


_pdist = widened("PdistBackward0", _pdist_forward, _pdist_rule)


@function(method=False, out=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of all pairs of rows: (N, M) gives (N (N - 1) / 2), first row first.

    Source: torch.nn.functional.pdist.
    """
    if need_tensor("pdist", input).dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if dtype_of(input).category != FLOATING:
        raise RuntimeError(f"pdist only supports floating-point dtypes, got {input.dtype}")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    return operation(_pdist, (input,), (float(p),))


# ---------------------------------------------------------------- the bilinear form


def _bilinear_forward(x: Node, y: Node, w: Node, b: Node | None) -> Node:
    O = w.shape[0]
    lead = x.shape[:-1]
    flat_x, flat_y = (v.reshape((math.prod(lead), v.shape[-1])) for v in (x, y))
    out = (flat_x @ w * flat_y).sum((2,), False).permute((1, 0)).reshape((*lead, O))
    return out if b is None else out + b


_bilinear = widened("BilinearBackward0", _bilinear_forward)


@function(method=False, out=False)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1^T weight_o input2 + bias_o for each output o: (..., I), (..., J) and weight (O, I, J) give (..., O).

    Raises: RuntimeError for sizes that do not fit.
    Source: torch.nn.functional.bilinear.
    """
    a, b, w = shape_of(input1), shape_of(input2), shape_of(weight)
    if len(a) != len(b):
        raise ShapeError(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for i, (n, m) in enumerate(zip(a[:-1], b[:-1])):
        if n != m:
            raise ShapeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {n} and {m}")
    if len(w) != 3:
        raise IndexError(f"bilinear(): weight needs 3 dimensions, (out, in1, in2), got {len(w)}")
    for which, (size, expected) in enumerate(((a[-1], w[1]), (b[-1], w[2])), 1):
        if size != expected:
            raise ShapeError(
                f"bilinear(): input{which} size does not match weight size: got {size} but expected {expected}"
            )
    if bias is not None and shape_of(bias) != (w[0],):
        raise ShapeError(
            f"bilinear(): bias size does not match weight size: got {bias.numel()} but expected {w[0]}"
        )
    return operation(_bilinear, (input1, input2, weight, bias))
