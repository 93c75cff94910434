"""Movement primitives: elements change place, none is computed. Those that PyTorch makes views have `layout`
(what becomes of sizes, strides and offset) and `write` (the base with the viewed part replaced).

A position in `index` is an int, which drops the dimension, or a (start, stop, step) already inside it.
"""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import DType
from ..graph.node import Node, constant
from ..graph.registry import MOVEMENT, Primitive, movement
from .samples import Array, call

# ---------------------------------------------------------------- reshape, permute, expand


def view_strides(sizes: tuple, strides: tuple, shape: tuple) -> tuple[int, ...] | None:
    """Strides that show memory laid out as (sizes, strides) as `shape`; None when no strides can."""
    if math.prod(sizes) == 0:
        return strides if sizes == shape else _row_major(shape)
    if not sizes:
        return (1,) * len(shape)
    out = [0] * len(shape)
    at = len(shape) - 1
    base = strides[-1]
    chunk = wanted = 1
    for dim in range(len(sizes) - 1, -1, -1):
        chunk *= sizes[dim]
        # A run of dimensions ends where the next one does not continue it in memory.
        if dim == 0 or (sizes[dim - 1] != 1 and strides[dim - 1] != chunk * base):
            while at >= 0 and (wanted < chunk or shape[at] == 1):
                out[at] = wanted * base
                wanted *= shape[at]
                at -= 1
            if wanted != chunk:
                return None
            if dim > 0:
                base = strides[dim - 1]
                chunk = wanted = 1
    return tuple(out) if at == -1 else None


def _row_major(shape: tuple) -> tuple[int, ...]:
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * max(shape[i + 1], 1)
    return tuple(strides)


def _reshape_layout(sizes: tuple, strides: tuple, offset: int, shape: tuple) -> tuple:
    return shape, view_strides(sizes, strides, shape), offset


reshape = movement(
    "reshape",
    "The same elements in row-major order under other sizes.",
    grad_name="ViewBackward0",
    numpy=lambda np, x, shape: x.reshape(shape),
    shape=lambda x, shape: shape,
    vjp=lambda g, out, x, shape: g.reshape(x.shape),
    layout=_reshape_layout,
    write=lambda base, value, shape: value.reshape(base.shape),
    samples=(call((2, 6), params=((3, 4),)), call((1,), params=((),)), call((0, 2), params=((2, 0),))),
)


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    out = [0] * len(dims)
    for i, d in enumerate(dims):
        out[d] = i
    return tuple(out)


permute = movement(
    "permute",
    "Dimension i of the result is dimension dims[i] of x.",
    numpy=lambda np, x, dims: x.transpose(dims),
    shape=lambda x, dims: tuple([x.shape[d] for d in dims]),
    vjp=lambda g, out, x, dims: g.permute(_inverse(dims)),
    layout=lambda sizes, strides, offset, dims: (
        tuple(sizes[d] for d in dims),
        tuple(strides[d] for d in dims),
        offset,
    ),
    write=lambda base, value, dims: value.permute(_inverse(dims)),
    samples=(call((2, 3, 4), params=((2, 0, 1),)), call((), params=((),))),
)


def _expand_layout(sizes: tuple, strides: tuple, offset: int, shape: tuple) -> tuple:
    new = len(shape) - len(sizes)
    kept = [0 if (n == 1 and shape[new + i] != 1) else s for i, (n, s) in enumerate(zip(sizes, strides))]
    return shape, (*_leading_strides(shape[:new], shape[new:], kept), *kept), offset


def _leading_strides(new: tuple, sizes: tuple, strides: list[int]) -> list[int]:
    # A new dimension of size 1 repeats nothing, and gets the stride it would have had.
    out: list[int] = []
    for i in range(len(new) - 1, -1, -1):
        if new[i] != 1:
            out.insert(0, 0)
        else:
            following, step = (sizes, strides) if not out else ((*new[i + 1 :], *sizes), [*out, *strides])
            out.insert(0, following[0] * step[0] if following else 1)
    return out


expand = movement(
    "expand",
    "x repeated along its dimensions of size 1, and along new leading ones, without copying.",
    numpy=lambda np, x, shape: np.broadcast_to(x, shape),
    shape=lambda x, shape: shape,
    vjp=lambda g, out, x, shape: g,  # un-broadcast where gradients meet
    layout=_expand_layout,
    write=lambda base, value, shape: _first_of(value, base.shape),
    samples=(call((3, 1), params=((2, 3, 4),)), call((), params=((2,),))),
)


def _first_of(value: Node, shape: tuple[int, ...]) -> Node:
    """Undo an expand none of whose dimensions repeats: refused before unless sizes agree."""
    return value.reshape(shape)


# ---------------------------------------------------------------- basic indexing

Position = Any


def _spans(index: tuple) -> tuple:
    return tuple(i if type(i) is int else slice(*i) for i in index)


def _length(position: tuple) -> int:
    start, stop, step = position
    return max(0, -(-(stop - start) // step))


def _slice_shape(x: Node, index: tuple) -> tuple[int, ...]:
    kept = tuple([_length(i) for i in index if type(i) is not int])
    return kept + x.shape[len(index) :]


def _slice_layout(sizes: tuple, strides: tuple, offset: int, index: tuple) -> tuple:
    out_sizes, out_strides = [], []
    for i, n, s in zip(index, sizes, strides):
        if type(i) is int:
            offset += i * s
        else:
            offset += i[0] * s if n else 0
            out_sizes.append(_length(i))
            out_strides.append(s * i[2])
    rest = len(index)
    return (*out_sizes, *sizes[rest:]), (*out_strides, *strides[rest:]), offset


slice_ = movement(
    "slice",
    "Basic indexing: a position or a (start, stop, step) for each leading dimension.",
    numpy=lambda np, x, index: x[(*_spans(index), ...)],  # with an Ellipsis it is a view, never a number
    shape=_slice_shape,
    vjp=lambda g, out, x, index: g.unslice(x.shape, index),
    layout=_slice_layout,
    write=lambda base, value, index: base.slice_scatter(value, index),
    samples=(
        call((4, 5), params=((1, (0, 5, 2)),)),
        call((4, 5), params=(((3, 3, 1),),)),
        call((4,), params=((2,),)),
    ),
)


def _unslice(np: Any, g: Any, shape: tuple, index: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    out[_spans(index)] = g
    return out


unslice = movement(
    "unslice",
    "Zeros of `shape` with x where `slice` would read.",
    numpy=_unslice,
    shape=lambda x, shape, index: shape,
    vjp=lambda g, out, x, shape, index: g.slice(index),
    samples=(call((3,), params=((4, 5), (1, (0, 5, 2)))), call((), params=((4,), (2,)))),
)


def _slice_scatter(np: Any, base: Any, value: Any, index: tuple) -> Any:
    out = np.array(base)
    out[_spans(index)] = value
    return out


slice_scatter = Primitive(
    "slice_scatter",
    "The base with `value` where `slice` would read.",
    kind=MOVEMENT,
    arity=2,
    moves=True,
    shape=lambda base, value, index: base.shape,
    numpy=_slice_scatter,
    vjp=(
        lambda g, out, base, value, index: g.slice_scatter(constant(0, g.dtype).expand(value.shape), index),
        lambda g, out, base, value, index: g.slice(index),
    ),
    samples=(call((4, 5), (3,), params=((1, (0, 5, 2)),)),),
)
flip = movement(
    "flip",
    "x with the order along `dims` turned round.",
    numpy=lambda np, x, dims: np.flip(x, dims),
    shape=lambda x, dims: x.shape,
    vjp=lambda g, out, x, dims: g.flip(dims),
    samples=(call((2, 3), params=((0, 1),)),),
)
roll = movement(
    "roll",
    "x shifted round along `dims`.",
    numpy=lambda np, x, shifts, dims: np.roll(x, shifts, dims),
    shape=lambda x, shifts, dims: x.shape,
    vjp=lambda g, out, x, shifts, dims: g.roll(tuple(-s for s in shifts), dims),
    samples=(call((2, 3), params=((1, -2), (0, 1))),),
)


def _concat_shape(inputs: tuple, dim: int) -> tuple[int, ...]:
    first = inputs[0].shape
    return (*first[:dim], sum([x.shape[dim] for x in inputs]), *first[dim + 1 :])


def _concat_rule(g: Node, out: Node, inputs: tuple, i: int, dim: int) -> Node:
    start = sum(x.shape[dim] for x in inputs[:i])
    whole = tuple((0, n, 1) for n in g.shape[:dim])
    return g.slice((*whole, (start, start + inputs[i].shape[dim], 1)))


concat = Primitive(
    "concat",
    "Inputs one after another along `dim`.",
    grad_name="CatBackward0",
    kind=MOVEMENT,
    arity=None,
    moves=True,
    shape=_concat_shape,
    numpy=lambda np, inputs, dim: np.concatenate(inputs, dim),
    vjp=_concat_rule,
    samples=(call([Array((2, 3)), Array((2, 0)), Array((2, 1))], params=(1,)),),
)

# ---------------------------------------------------------------- diagonals, windows, strides


def _diagonal_shape(x: Node, offset: int, dim1: int, dim2: int) -> tuple[int, ...]:
    rows, columns = x.shape[dim1], x.shape[dim2]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    return (*(n for d, n in enumerate(x.shape) if d not in (dim1, dim2)), length)


def _diagonal(np: Any, x: Any, offset: int, dim1: int, dim2: int) -> Any:
    # np.diagonal would do, but for what it gives being read-only.
    shape, strides, _ = _diagonal_layout(x.shape, x.strides, 0, offset, dim1, dim2)
    if not math.prod(shape):
        return np.empty(shape, x.dtype)
    first: list = [slice(None)] * x.ndim
    first[dim2 if offset >= 0 else dim1] = slice(max(offset, -offset), None)
    return np.lib.stride_tricks.as_strided(x[tuple(first)], shape, strides)


def _diagonal_layout(sizes: tuple, strides: tuple, start: int, offset: int, dim1: int, dim2: int) -> tuple:
    kept = [d for d in range(len(sizes)) if d not in (dim1, dim2)]
    rows, columns = sizes[dim1], sizes[dim2]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    if length:
        start += offset * strides[dim2] if offset >= 0 else -offset * strides[dim1]
    sizes_out = (*(sizes[d] for d in kept), length)
    return sizes_out, (*(strides[d] for d in kept), strides[dim1] + strides[dim2]), start


diagonal = movement(
    "diagonal",
    "The diagonal `offset` above the main one of dims dim1 and dim2, as a last dimension.",
    numpy=_diagonal,
    shape=_diagonal_shape,
    vjp=lambda g, out, x, offset, dim1, dim2: (
        constant(0, g.dtype).expand(x.shape).diagonal_scatter(g, offset, dim1, dim2)
    ),
    layout=_diagonal_layout,
    write=lambda base, value, offset, dim1, dim2: base.diagonal_scatter(value, offset, dim1, dim2),
    samples=(call((3, 4), params=(1, 0, 1)), call((2, 3, 2), params=(0, 2, 0))),
)


def _diagonal_scatter(np: Any, base: Any, value: Any, offset: int, dim1: int, dim2: int) -> Any:
    out = np.array(base)
    _diagonal(np, out, offset, dim1, dim2)[...] = value
    return out


diagonal_scatter = Primitive(
    "diagonal_scatter",
    "The base with `value` on a diagonal.",
    kind=MOVEMENT,
    arity=2,
    moves=True,
    shape=lambda base, value, offset, dim1, dim2: base.shape,
    numpy=_diagonal_scatter,
    vjp=(
        lambda g, out, base, value, *at: g.diagonal_scatter(constant(0, g.dtype).expand(value.shape), *at),
        lambda g, out, base, value, *at: g.diagonal(*at),
    ),
    samples=(call((3, 4), (3,), params=(0, 0, 1)),),
)


def _windows_shape(x: Node, dims: tuple, sizes: tuple, steps: tuple, gaps: tuple) -> tuple[int, ...]:
    out = list(x.shape)
    for d, k, s, gap in zip(dims, sizes, steps, gaps):
        out[d] = (x.shape[d] - (gap * (k - 1) + 1)) // s + 1
    return (*out, *sizes)


def _windows(np: Any, x: Any, dims: tuple, sizes: tuple, steps: tuple, gaps: tuple) -> Any:
    shape, strides = list(x.shape), list(x.strides)
    inner = []
    for d, k, s, gap in zip(dims, sizes, steps, gaps):
        shape[d] = (x.shape[d] - (gap * (k - 1) + 1)) // s + 1
        inner.append(x.strides[d] * gap)
        strides[d] = x.strides[d] * s
    return np.lib.stride_tricks.as_strided(x, (*shape, *sizes), (*strides, *inner))


def _windows_layout(
    sizes: tuple, strides: tuple, offset: int, dims: tuple, ks: tuple, steps: tuple, gaps: tuple
) -> tuple:
    shape, out = list(sizes), list(strides)
    inner = []
    for d, k, s, gap in zip(dims, ks, steps, gaps):
        shape[d] = (sizes[d] - (gap * (k - 1) + 1)) // s + 1
        inner.append(strides[d] * gap)
        out[d] = strides[d] * s
    return (*shape, *ks), (*out, *inner), offset


windows = movement(
    "windows",
    "Sliding windows: dims become positions, and window dimensions are added at the end.",
    numpy=_windows,
    shape=_windows_shape,
    vjp=lambda g, out, x, dims, sizes, steps, gaps: g.unwindow(x.shape, dims, sizes, steps, gaps),
    layout=_windows_layout,
    samples=(
        call((2, 7), params=((1,), (3,), (2,), (1,))),
        call((6, 5), params=((0, 1), (2, 2), (1, 2), (2, 1))),
    ),
)


def _unwindow(np: Any, g: Any, shape: tuple, dims: tuple, sizes: tuple, steps: tuple, gaps: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    counts = [g.shape[d] for d in dims]
    for place in np.ndindex(*sizes):
        at: list = [slice(None)] * len(shape)
        for d, p, s, gap, n in zip(dims, place, steps, gaps, counts):
            at[d] = slice(p * gap, p * gap + s * (n - 1) + 1, s)
        out[tuple(at)] += g[(..., *place)]
    return out


unwindow = Primitive(
    "unwindow",
    "The sum of overlapping windows, each put back where `windows` read it.",
    kind=MOVEMENT,
    shape=lambda g, shape, *rest: shape,
    numpy=_unwindow,
    vjp=lambda h, out, g, shape, dims, sizes, steps, gaps: h.windows(dims, sizes, steps, gaps),
    samples=(call((2, 3, 3), params=((2, 7), (1,), (3,), (2,), (1,))),),
)


def _as_strided(np: Any, x: Any, size: tuple, stride: tuple, offset: int) -> Any:
    flat = np.ascontiguousarray(x).reshape(-1)
    step = x.itemsize
    return np.lib.stride_tricks.as_strided(flat[offset:], size, tuple(s * step for s in stride))


as_strided = movement(
    "as_strided",
    "Elements of row-major x at offset + sum(i * stride): any view at all.",
    numpy=_as_strided,
    shape=lambda x, size, stride, offset: size,
    vjp=lambda g, out, x, size, stride, offset: g.as_strided_add(x.shape, size, stride, offset),
    layout=lambda sizes, strides, start, size, stride, offset: (size, stride, offset),
    write=lambda base, value, size, stride, offset: base.as_strided_scatter(value, size, stride, offset),
    samples=(call((3, 4), params=((2, 2), (5, 1), 1)), call((6,), params=((4, 3), (1, 1), 0))),
)


def _as_strided_add(np: Any, g: Any, shape: tuple, size: tuple, stride: tuple, offset: int) -> Any:
    out = np.zeros(math.prod(shape), g.dtype)
    np.add.at(out, _places(np, size, stride, offset), g)
    return out.reshape(shape)


def _places(np: Any, size: tuple, stride: tuple, offset: int) -> Any:
    place = np.full(size, offset, np.intp)
    for d, (n, s) in enumerate(zip(size, stride)):
        place += (np.arange(n) * s).reshape((n,) + (1,) * (len(size) - d - 1))
    return place


as_strided_add = Primitive(
    "as_strided_add",
    "Zeros of `shape` to which x is added where `as_strided` would read.",
    kind=MOVEMENT,
    shape=lambda g, shape, *rest: shape,
    numpy=_as_strided_add,
    vjp=lambda h, out, g, shape, size, stride, offset: h.as_strided(size, stride, offset),
    samples=(call((4, 3), params=((6,), (4, 3), (1, 1), 0)),),
)


def _as_strided_scatter(np: Any, base: Any, value: Any, size: tuple, stride: tuple, offset: int) -> Any:
    out = np.array(base, order="C")
    _as_strided(np, out, size, stride, offset)[...] = value
    return out


as_strided_scatter = Primitive(
    "as_strided_scatter",
    "The base with `value` where `as_strided` would read; positions must not repeat.",
    kind=MOVEMENT,
    arity=2,
    moves=True,
    shape=lambda base, value, *rest: base.shape,
    numpy=_as_strided_scatter,
    vjp=(
        lambda g, out, base, value, *at: g.as_strided_scatter(constant(0, g.dtype).expand(value.shape), *at),
        lambda g, out, base, value, *at: g.as_strided(*at),
    ),
    samples=(call((3, 4), (2, 2), params=((2, 2), (5, 1), 1)),),
)

# ---------------------------------------------------------------- reading memory as another type


def _bitcast_shape(x: Node, dtype: DType) -> tuple[int, ...]:
    if x.dtype.itemsize == dtype.itemsize:
        return x.shape
    return (*x.shape[:-1], x.shape[-1] * x.dtype.itemsize // dtype.itemsize)


def _bitcast_layout(sizes: tuple, strides: tuple, offset: int, dtype: DType) -> tuple:
    return sizes, strides, offset


bitcast = movement(
    "bitcast",
    "The same bytes read as another dtype; the last dimension takes up a change of width.",
    numpy=lambda np, x, dtype: (x if x.ndim and x.strides[-1] == x.itemsize else _packed(np, x)).view(
        dtype.numpy
    ),
    shape=_bitcast_shape,
    dtype=lambda x, dtype: dtype,
    layout=_bitcast_layout,
    write=lambda base, value, dtype: value.bitcast(base.dtype),
    samples=(),
)


def _packed(np: Any, x: Any) -> Any:
    return x if not x.ndim else np.ascontiguousarray(x)


view_as_real = movement(
    "view_as_real",
    "A complex tensor as pairs (real, imaginary) along a new last dimension.",
    numpy=lambda np, x: x[..., None].view(x.real.dtype),
    shape=lambda x: (*x.shape, 2),
    dtype=lambda x: x.dtype.to_real(),
    vjp=lambda g, out, x: g.view_as_complex(),
    layout=lambda sizes, strides, offset: ((*sizes, 2), (*(2 * s for s in strides), 1), 2 * offset),
    write=lambda base, value: value.view_as_complex(),
    samples=(call(Array((2, 3), dtype="complex128")),),
)


def _view_as_complex(np: Any, x: Any) -> Any:
    double = x.dtype == np.float64
    if x.strides[-1] != x.itemsize:
        x = np.ascontiguousarray(x)
    return x.view(np.complex128 if double else np.complex64)[..., 0]


view_as_complex = movement(
    "view_as_complex",
    "Pairs along the last dimension as complex numbers.",
    numpy=_view_as_complex,
    shape=lambda x: x.shape[:-1],
    dtype=lambda x: x.dtype.to_complex(),
    vjp=lambda g, out, x: g.view_as_real(),
    layout=lambda sizes, strides, offset: (sizes[:-1], tuple(s // 2 for s in strides[:-1]), offset // 2),
    write=lambda base, value: value.view_as_real(),
    samples=(call((3, 2)),),
)


def _iota_shape(x: Node, n: int) -> tuple[int, ...]:
    return (n,)


iota = Primitive(
    "iota",
    "start + 0, 1, ..., n - 1, in start's dtype.",
    kind=MOVEMENT,
    shape=_iota_shape,
    numpy=lambda np, start, n: (
        start + np.arange(n, dtype=start.dtype if start.dtype.kind != "V" else np.float32)
    ),
    moves=True,
    samples=(call(Array((), 0, 5, "int64"), params=(4,)),),
)
