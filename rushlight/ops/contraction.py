"""Contractions: batched matrix products and convolutions.

A convolution's gradients are convolutions again: of the output's gradient with the kernel turned round, and of the
input with the output's gradient for a kernel. `stretch` inserts zeros between input elements, which is what a
transposed convolution is.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import ShapeError
from ..graph.node import Node
from ..graph.registry import CONTRACTION, Primitive
from ..shapes import broadcast
from .samples import call


def _matmul_shape(a: Node, b: Node) -> tuple[int, ...]:
    m, k = a.shape[-2:]
    k2, n = b.shape[-2:]
    if k != k2:
        raise ShapeError(
            f"matmul: inner sizes differ: input {tuple(a.shape)} has {k}, other {tuple(b.shape)} has {k2}"
        )
    lead = a.shape[:-2]
    if b.shape[:-2] != lead:
        lead = broadcast(lead, b.shape[:-2])
    return (*lead, m, n)


def transposed(x: Node) -> Node:
    """x with its last two dimensions exchanged."""
    rank = len(x.shape)
    return x.permute((*range(rank - 2), rank - 1, rank - 2))


def _matmul(np: Any, a: Any, b: Any) -> Any:
    if a.dtype == np.bool_:
        return np.matmul(a.astype(np.int64), b.astype(np.int64)) != 0
    return np.matmul(a, b)


matmul = Primitive(
    "matmul",
    "The product of matrices (..., m, k) and (..., k, n); leading dimensions broadcast.",
    kind=CONTRACTION,
    arity=2,
    shape=_matmul_shape,
    numpy=_matmul,
    vjp=(
        lambda g, out, a, b: g @ transposed(b).conj(),
        lambda g, out, a, b: transposed(a).conj() @ g,
    ),
    samples=(
        call((2, 3), (3, 4)),
        call((5, 2, 3), (3, 4)),
        call((2, 1, 2, 3), (4, 3, 1)),
        call((0, 3), (3, 2)),
        call((2, 3), (4, 5), says="inner sizes"),
    ),
)


def dilated(n: int, step: int) -> int:
    """The length of n elements with step - 1 zeros between them."""
    return (n - 1) * step + 1 if n else 0


def _convolution_shape(
    x: Node, w: Node, stride: tuple, padding: tuple, dilation: tuple, stretch: tuple, groups: int
) -> tuple[int, ...]:
    spatial = []
    for n, k, s, (low, high), d, t in zip(x.shape[2:], w.shape[2:], stride, padding, dilation, stretch):
        spatial.append((dilated(n, t) + low + high - dilated(k, d)) // s + 1)
    return (x.shape[0], w.shape[0], *spatial)


def _padded(np: Any, x: Any, padding: tuple, stretch: tuple) -> Any:
    """x with zeros between (stretch) and around its elements; negative padding cuts."""
    if any(t != 1 for t in stretch):
        wide = np.zeros((*x.shape[:2], *(dilated(n, t) for n, t in zip(x.shape[2:], stretch))), x.dtype)
        wide[(..., *(slice(None, None, t) for t in stretch))] = x
        x = wide
    if any(low < 0 or high < 0 for low, high in padding):
        x = x[
            (..., *(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(x.shape[2:], padding)))
        ]
    grow = [(max(low, 0), max(high, 0)) for low, high in padding]
    return np.pad(x, ((0, 0), (0, 0), *grow)) if any(map(any, grow)) else x


def _convolution(
    np: Any, x: Any, w: Any, stride: tuple, padding: tuple, dilation: tuple, stretch: tuple, groups: int
) -> Any:
    x = _padded(np, x, padding, stretch)
    N, C = x.shape[:2]
    O, c = w.shape[:2]
    kernel = w.shape[2:]
    out = [(n - dilated(k, d)) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation)]
    rank = len(kernel)
    # im2col as a view: (N, groups, c, *kernel, *out)
    strides = (
        *(x.strides[0], x.strides[1] * c, x.strides[1]),
        *(s * d for s, d in zip(x.strides[2:], dilation)),
        *(s * t for s, t in zip(x.strides[2:], stride)),
    )
    columns = np.lib.stride_tricks.as_strided(x, (N, groups, c, *kernel, *out), strides)
    k, m = c * math.prod(kernel), math.prod(out)
    if groups == 1 and N * m:
        return _one_product(columns[:, 0], w.reshape(O, k), rank).reshape(O, N, *out).swapaxes(0, 1)
    flat = columns.reshape(N, groups, k, m)
    return np.matmul(w.reshape(1, groups, O // groups, k), flat).reshape(N, O, *out)


def _one_product(columns: Any, w: Any, rank: int) -> Any:
    """(O, k) by (k, N * m) for the whole batch. The columns are copied once, in the order with the longer runs."""
    inner, outer = (*range(1, 2 + rank),), (0, *range(2 + rank, 2 + 2 * rank))
    k = w.shape[1]
    total = math.prod(columns.shape[d] for d in outer)
    if math.prod(columns.shape[2 : 2 + rank]) > math.prod(columns.shape[2 + rank :]):
        return w @ columns.transpose(*outer, *inner).reshape(total, k).T
    return w @ columns.transpose(*inner, *outer).reshape(k, total)


def turned(w: Node, groups: int) -> Node:
    """The kernel (O, c, ...) as (groups * c, O / groups, ...), turned round in space."""
    O, c, *kernel = w.shape
    dims = tuple(range(2, len(w.shape)))
    w = w.flip(dims) if dims else w
    if groups == 1:
        return w.permute((1, 0, *dims))
    split = w.reshape((groups, O // groups, c, *kernel)).permute((0, 2, 1, *(d + 1 for d in dims)))
    return split.reshape((groups * c, O // groups, *kernel))


def _convolution_input(
    g: Node, out: Node, x: Node, w: Node, stride, padding, dilation, stretch, groups
) -> Node:
    around = []
    for n, k, gn, s, (low, _), d, t in zip(
        x.shape[2:], w.shape[2:], g.shape[2:], stride, padding, dilation, stretch
    ):
        before = dilated(k, d) - 1 - low
        # What the forward pass never reached at the end is made up for, so that the sizes meet.
        after = dilated(n, t) - (dilated(gn, s) + before - dilated(k, d) + 1)
        around.append((before, after))
    return g.convolution(turned(w.conj(), groups), stretch, tuple(around), dilation, stride, groups)


def _convolution_kernel(
    g: Node, out: Node, x: Node, w: Node, stride, padding, dilation, stretch, groups
) -> Node:
    dims = tuple(range(2, len(x.shape)))
    N, C = x.shape[:2]
    O = w.shape[0]
    x = x.conj()
    around = []
    for n, k, gn, s, (low, _), d, t in zip(
        x.shape[2:], w.shape[2:], g.shape[2:], stride, padding, dilation, stretch
    ):
        after = dilated(gn, s) + d * (k - 1) - dilated(n, t) - low
        around.append((low, after))
    if groups == 1:
        x = x.permute((1, 0, *dims))
        g = g.permute((1, 0, *dims))
        found = x.convolution(g, dilation, tuple(around), stride, stretch, 1)
        return found.permute((1, 0, *dims))
    # Batch and channels change places inside every group: x as (C / groups, groups * N), g as (O, N).
    c = C // groups
    x = x.reshape((N, groups, c, *x.shape[2:])).permute((2, 1, 0, *(d + 1 for d in dims)))
    x = x.reshape((c, groups * N, *x.shape[3:]))
    g = g.permute((1, 0, *dims))
    found = x.convolution(g, dilation, tuple(around), stride, stretch, groups)
    return found.permute((1, 0, *dims)) if O else found


convolution = Primitive(
    "convolution",
    "x (N, C, ...) correlated with w (O, C / groups, ...); padding is a (low, high) a dimension.",
    kind=CONTRACTION,
    arity=2,
    shape=_convolution_shape,
    numpy=_convolution,
    vjp=(_convolution_input, _convolution_kernel),
    samples=(
        call((2, 3, 7), (4, 3, 3), params=((2,), ((1, 1),), (1,), (1,), 1)),
        call((2, 4, 6), (6, 2, 3), params=((1,), ((2, 0),), (2,), (1,), 2)),
        call((1, 2, 5, 4), (3, 2, 3, 2), params=((2, 1), ((1, 1), (0, 0)), (1, 2), (1, 1), 1)),
        call((2, 2, 3), (2, 2, 3), params=((1,), ((2, 2),), (1,), (2,), 1)),
    ),
)
