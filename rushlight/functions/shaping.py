"""Shapes: views of a tensor (view, transpose, expand, slices, ...), and joining and repeating.

A view shares its storage and history with its base. What strides cannot show is copied by `reshape` and refused by
`view`, as in PyTorch.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from ..autograd.entry import AccumulateGrad, Op
from ..autograd.record import edge_of, operation, primitive, view
from ..dtypes import DType
from ..errors import ShapeError
from ..graph.node import Node
from ..layouts import channels_last, channels_last_3d, contiguous_format, preserve_format
from ..memory import Storage
from ..ops import elementwise, movement
from ..ops.movement import view_strides
from ..shapes import Size, broadcast, broadcast_all, infer_size, is_contiguous, sizes_from, wrap_dim
from ..tensor import Tensor, View, contiguous_of, dtype_of, layout_of, node_of, on_storage, shape_of
from .arguments import need_tensor, operands, result_dtype, to_dtype
from .register import FUNCTIONS, alias, function


def count(shape: Sequence[int]) -> int:
    """How many elements a shape has."""
    return math.prod(shape)


# ---------------------------------------------------------------- view and reshape


def _viewable(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    if tensor._view is None and tensor._storage.node is not None:
        return True
    return view_strides(shape_of(tensor), layout_of(tensor)[0], shape) is not None


@function("view", top=False)
def view_as_shape(input: Tensor, *shape: Any) -> Tensor:
    """The same memory under other sizes (one may be -1), or read as another dtype. Source: torch.Tensor.view."""
    if len(shape) == 1 and isinstance(shape[0], DType):
        return view_dtype(input, shape[0])
    sizes = infer_size(sizes_from(shape), input.numel())
    if not _viewable(input, sizes):
        raise RuntimeError(
            f"view size is not compatible with input tensor's size {list(input.shape)} and stride "
            f"{list(input.stride())} (at least one dimension spans across two contiguous subspaces). "
            "Use .reshape(...) instead."
        )
    return view(movement.reshape, input, (sizes,), sizes)


def view_dtype(input: Tensor, dtype: DType) -> Tensor:
    """The same bytes read as `dtype`; a change of width is taken up by the last dimension."""
    before = dtype_of(input)
    if before is dtype:
        return view(movement.reshape, input, (shape_of(input),), shape_of(input))
    if before.itemsize != dtype.itemsize:
        if not input.dim():
            raise RuntimeError(
                f"self.dim() cannot be 0 to view {before} as {dtype} (different element sizes)"
            )
        last = input.shape[-1] * before.itemsize
        if last % dtype.itemsize:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {dtype.itemsize // before.itemsize} to view {before} as {dtype} "
                f"(different element sizes), but got {input.shape[-1]}"
            )
        if input.stride(-1) != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {before} as {dtype}, but got {input.stride(-1)}"
            )
    return view(movement.bitcast, input, (dtype,))


@function()
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order under other sizes: a view where strides allow it, else a copy.

    Source: torch.reshape.
    Example:
        >>> import rushlight as torch
        >>> torch.arange(6).reshape(2, -1).shape
        torch.Size([2, 3])
    """
    sizes = infer_size(sizes_from(shape), input.numel())
    if _viewable(input, sizes):
        return view(movement.reshape, input, (sizes,), sizes)
    return primitive(movement.reshape, (input,), (sizes,))


def _reshape_keyword(input: Tensor, *args: Any, shape: Any = None) -> Tensor:
    return reshape(input, *args) if shape is None else reshape(input, shape)


FUNCTIONS["reshape"] = _reshape_keyword
Tensor.reshape = _reshape_keyword  # type: ignore[attr-defined]


@function(method=True, top=False)
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """input.view(other.size())."""
    return view_as_shape(input, other.shape)


@function(top=False)
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """input.reshape(other.size())."""
    return reshape(input, other.shape)


@function()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim as one. Source: torch.flatten."""
    shape = shape_of(input)
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if first == last:
        return input
    return reshape(input, (*shape[:first], count(shape[first : last + 1]), *shape[last + 1 :]))


@function()
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension. Source: torch.ravel."""
    return reshape(input, (-1,)) if input.numel() else reshape(input, (0,))


@function()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` as several, of `sizes` (one may be -1). Source: torch.unflatten."""
    shape = shape_of(input)
    dim = wrap_dim(dim, len(shape))
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        inner = infer_size(sizes, shape[dim])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) "
            "in the input tensor"
        ) from None
    return view_as_shape(input, (*shape[:dim], *inner, *shape[dim + 1 :]))


# ---------------------------------------------------------------- permutations


def permuted(input: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The view whose dimension i is dimension dims[i]."""
    shape = shape_of(input)
    return view(movement.permute, input, (dims,), tuple([shape[d] for d in dims]))


@function()
def permute(input: Tensor, *dims: Any) -> Tensor:
    """Dimensions in another order. Source: torch.permute."""
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = tuple(dims[0])
    rank = input.dim()
    if len(dims) != rank:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple([wrap_dim(d, rank) for d in dims])
    if len(set(order)) != rank:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return permuted(input, order)


@function(inplace=False)
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Dimensions dim0 and dim1 exchanged. Source: torch.transpose."""
    rank = input.dim()
    dim0, dim1 = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
    if dim0 == dim1:
        return view(movement.reshape, input, (shape_of(input),), shape_of(input))
    order = list(range(rank))
    order[dim0], order[dim1] = dim1, dim0
    return permuted(input, tuple(order))


alias("swapaxes", "transpose")
alias("swapdims", "transpose")


@function()
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector as it is. Source: torch.t."""
    if input.dim() > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.dim()}D")
    return (
        transpose(input, 0, 1)
        if input.dim() == 2
        else view(movement.reshape, input, (shape_of(input),), shape_of(input))
    )


@function()
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places, the rest in order. Source: torch.movedim."""
    rank = input.dim()
    src = [wrap_dim(d, rank) for d in ((source,) if isinstance(source, int) else source)]
    dst = [wrap_dim(d, rank) for d in ((destination,) if isinstance(destination, int) else destination)]
    if len(src) != len(dst):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({src} dims) should contain the same number of dims "
            f"as destination ({dst} dims)"
        )
    if len(set(src)) != len(src) or len(set(dst)) != len(dst):
        raise RuntimeError(f"movedim: repeated dim in `source` ({src}) or `destination` ({dst})")
    rest = iter([d for d in range(rank) if d not in src])
    order = [src[dst.index(i)] if i in dst else next(rest) for i in range(rank)]
    return permuted(input, tuple(order))


alias("moveaxis", "movedim")


@function()
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions. Source: torch.adjoint."""
    return transpose(input, -2, -1).conj()


def _transposed_property(self: Tensor) -> Tensor:
    return permuted(self, tuple(reversed(range(self.dim()))))


def _matrix_transposed(self: Tensor) -> Tensor:
    if self.dim() < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self.dim()}-D tensor."
        )
    return transpose(self, -2, -1)


Tensor.T = property(_transposed_property)  # type: ignore[attr-defined]
Tensor.mT = property(_matrix_transposed)  # type: ignore[attr-defined]
Tensor.mH = property(lambda self: _matrix_transposed(self).conj())  # type: ignore[attr-defined]
Tensor.H = property(  # type: ignore[attr-defined]
    lambda self: _matrix_transposed(self).conj() if self.dim() else self
)

# ---------------------------------------------------------------- squeezing and expanding


@function()
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of size 1 (all, or those named). Source: torch.squeeze."""
    shape = shape_of(input)
    if dim is None:
        kept = tuple([n for n in shape if n != 1])
    else:
        dims = {wrap_dim(d, len(shape)) for d in ((dim,) if isinstance(dim, int) else dim)}
        kept = tuple([n for d, n in enumerate(shape) if d not in dims or n != 1])
    return _same_elements(input, kept, "SqueezeBackward0")


@function()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 at `dim`. Source: torch.unsqueeze."""
    shape = shape_of(input)
    dim = wrap_dim(dim, len(shape) + 1)
    return _same_elements(input, (*shape[:dim], 1, *shape[dim:]), "UnsqueezeBackward0")


def _same_elements(input: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    return view(movement.reshape, input, (shape,), shape)


@function(top=False)
def expand(input: Tensor, *sizes: Any, implicit: bool = False) -> Tensor:
    """Repeated along dimensions of size 1 and new leading ones, without copying; -1 keeps a size.

    Source: torch.Tensor.expand.
    """
    wanted = sizes_from(sizes)
    shape = shape_of(input)
    new = len(wanted) - len(shape)
    if new < 0:
        raise RuntimeError(
            f"expand(torch.{dtype_of(input).name}{{{list(shape)}}}, size={list(wanted)}): the number of sizes provided "
            f"({len(wanted)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    out = []
    for i, n in enumerate(wanted):
        have = shape[i - new] if i >= new else None
        if n == -1:
            if have is None:
                raise RuntimeError(
                    f"expand(torch.{dtype_of(input).name}{{{list(shape)}}}, size={list(wanted)}): the expanded size of "
                    f"the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
                )
            n = have
        elif have is not None and have not in (1, n):
            raise ShapeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(shape)}"
            )
        out.append(n)
    return view(movement.expand, input, (tuple(out),), tuple(out))


def _expand_size(input: Tensor, *args: Any, size: Any = None, implicit: bool = False) -> Tensor:
    return expand(input, *args) if size is None else expand(input, size)


Tensor.expand = _expand_size  # type: ignore[attr-defined]


@function(top=False)
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """input.expand(other.size())."""
    return expand(input, other.shape)


@function()
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """input expanded to `size`. Source: torch.broadcast_to."""
    return expand(input, tuple(size))


@function(method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to the sizes they broadcast to. Source: torch.broadcast_tensors."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast_all([shape_of(x) for x in tensors])
    return tuple(expand(x, shape) for x in tensors)


@function(method=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The sizes that shapes broadcast to. Source: torch.broadcast_shapes."""
    return Size(broadcast_all([(s,) if isinstance(s, int) else tuple(s) for s in shapes]))


# ---------------------------------------------------------------- slices


def sliced(input: Tensor, index: tuple) -> Tensor:
    """The basic-indexing view: a position or (start, stop, step) for each leading dimension."""
    return view(movement.slice_, input, (index,))


def whole(shape: Sequence[int]) -> tuple:
    """The index that takes everything along dimensions of these sizes."""
    return tuple([(0, n, 1) for n in shape])


@function()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """input at one position of `dim`, which is dropped. Source: torch.select."""
    shape = shape_of(input)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = wrap_dim(dim, len(shape)), operator.index(index)
    if not -shape[dim] <= index < shape[dim]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}"
        )
    return sliced(input, (*whole(shape[:dim]), index % shape[dim]))


@function()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` positions of `dim` from `start` on. Source: torch.narrow."""
    shape = shape_of(input)
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim, start = wrap_dim(dim, len(shape)), int(start)
    n = shape[dim]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return sliced(input, (*whole(shape[:dim]), (start, start + length, 1)))


@function()
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """As narrow, in memory of its own. Source: torch.narrow_copy."""
    return clone(narrow(input, dim, start, length))


def _pieces(input: Tensor, dim: int, bounds: Sequence[tuple[int, int]]) -> tuple[Tensor, ...]:
    before = whole(shape_of(input)[:dim])
    return tuple([sliced(input, (*before, (a, b, 1))) for a, b in bounds])


@function()
def split(
    input: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """Consecutive views of one size (the last may be smaller), or of given sizes. Source: torch.split.

    >>> import rushlight as torch
    >>> [len(x) for x in torch.split(torch.arange(5), 2)]
    [2, 2, 1]
    """
    size = split_size if split_size_or_sections is None else split_size_or_sections
    shape = shape_of(input)
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    if isinstance(size, (tuple, list)):
        if sum(size) != n or any(s < 0 for s in size):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), "
                f"but got split_sizes={list(size)}"
            )
        ends = [sum(size[: i + 1]) for i in range(len(size))]
        return _pieces(input, dim, [(e - s, e) for e, s in zip(ends, size)])
    size = operator.index(size)
    if size < 0 or (size == 0 and n):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    return _pieces(input, dim, [(i, min(i + size, n)) for i in range(0, max(n, 1), max(size, 1))])


@function()
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """As split with a list of sizes. Source: torch.split_with_sizes."""
    return split(input, list(split_sizes), dim)


@function()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of one size; the last may be smaller. Source: torch.chunk."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.size(dim)
    if n == 0:
        return _pieces(input, wrap_dim(dim, input.dim()), [(0, 0)] * chunks)
    return split(input, -(-n // chunks), dim)


@function()
def tensor_split(
    input: Tensor, indices_or_sections: Any, dim: int = 0, *, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """Views cut at positions, or into nearly equal sections. Source: torch.tensor_split."""
    shape = shape_of(input)
    if not shape:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    at = indices_or_sections
    if isinstance(at, Tensor):
        at = at.tolist()
    if isinstance(at, int):
        if at <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {at}")
        small, extra = divmod(n, at)
        ends = [(i + 1) * small + min(i + 1, extra) for i in range(at)]
        return _pieces(input, dim, list(zip([0, *ends[:-1]], ends)))
    cuts = [min(max(i + n if i < 0 else i, 0), n) for i in at]
    return _pieces(input, dim, [(a, max(a, b)) for a, b in zip([0, *cuts], [*cuts, n])])


def _split_by(name: str, dim_of: Any, least: int) -> None:
    def compute(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.dim() < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.dim()} dimensions!"
            )
        dim = dim_of(input)
        if isinstance(indices_or_sections, int) and input.size(dim) % indices_or_sections:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.size(dim)} "
                f"is not divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, dim)

    compute.__doc__ = f"tensor_split along one dimension, by NumPy's rule. Source: torch.{name}."
    function(name)(compute)


_split_by("hsplit", lambda x: 0 if x.dim() == 1 else 1, 1)
_split_by("vsplit", lambda x: 0, 2)
_split_by("dsplit", lambda x: 2, 3)


@function()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The views at every position of `dim`. Source: torch.unbind."""
    if not input.dim():
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return tuple([select(input, dim, i) for i in range(input.size(dim))])


@function()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The view of a diagonal, as a last dimension. Source: torch.diagonal."""
    rank = input.dim()
    dim1, dim2 = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return view(movement.diagonal, input, (int(offset), dim1, dim2))


@function("unfold", top=False)
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Sliding windows along a dimension, as a last dimension. Source: torch.Tensor.unfold."""
    shape = shape_of(input)
    dim = wrap_dim(dimension, len(shape))
    n = shape[dim] if shape else 1
    if size < 0 or size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape:
        return view(movement.reshape, input, ((size,),), (size,))
    return view(movement.windows, input, ((dim,), (size,), (step,), (1,)))


@function()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Any view of the storage, by sizes, strides and offset. Source: torch.as_strided."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}"
        )
    offset = input.storage_offset() if storage_offset is None else storage_offset
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    held = count(input._storage.shape()) * input._storage.kind().itemsize // dtype_of(input).itemsize
    if count(size) and (offset < 0 or last >= held):
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{dtype_of(input).itemsize} requiring a storage size of {(last + 1) * dtype_of(input).itemsize} are out of "
            f"bounds for storage of size {held * dtype_of(input).itemsize}"
        )
    return _strided_view(input, size, stride, offset)


def _strided_view(input: Tensor, size: tuple, stride: tuple, offset: int) -> Tensor:
    """as_strided is a view of the whole storage, so it starts from the base, not from the view."""
    seen = input._view
    if seen is None:
        return view(movement.as_strided, input, (size, stride, offset))
    if seen.base is not None and seen.base._view is None and seen.dtype is dtype_of(seen.base):
        return view(movement.as_strided, seen.base, (size, stride, offset))
    flat = on_storage(input._storage)
    made = view(movement.as_strided, flat, (size, stride, offset))
    made._view.base = None  # type: ignore[union-attr]
    return made


# ---------------------------------------------------------------- copies and memory formats


@function()
def clone(input: Tensor, *, memory_format: Any = preserve_format) -> Tensor:
    """The same numbers in memory of their own, on the tape. Source: torch.clone."""
    order = _order_of(memory_format, input)
    if order is None and memory_format is preserve_format and input._view is not None:
        order = _dense_order(input)
    made = primitive(elementwise.copy, (input,))
    return made if order is None else _in_order(made, order)


def _order_of(memory_format: Any, input: Tensor) -> tuple[int, ...] | None:
    """The order of dimensions in memory for a channels-last format."""
    if memory_format is channels_last:
        if input.dim() != 4:
            raise RuntimeError("required rank 4 tensor to use channels_last format")
        return (0, 2, 3, 1)
    if memory_format is channels_last_3d:
        if input.dim() != 5:
            raise RuntimeError("required rank 5 tensor to use channels_last_3d format")
        return (0, 2, 3, 4, 1)
    return None


def _dense_order(input: Tensor) -> tuple[int, ...] | None:
    """The order of dimensions of a view that fills its memory without gaps, when it is not row-major."""
    shape, strides = shape_of(input), layout_of(input)[0]
    order = sorted(range(len(shape)), key=lambda d: (-strides[d], d))
    if order == list(range(len(shape))):
        return None
    inner = tuple(shape[d] for d in order)
    return tuple(order) if is_contiguous(inner, [strides[d] for d in order]) else None


def _in_order(input: Tensor, order: tuple[int, ...]) -> Tensor:
    """The same values, with dimensions in memory in another order; no view of anything."""
    back = [0] * len(order)
    for i, d in enumerate(order):
        back[d] = i
    storage = Storage(movement.permute(node_of(input), order), input._storage.device)
    seen = View(None, ((movement.permute, (tuple(back),)),), shape_of(input), dtype_of(input))
    made = on_storage(storage, seen)
    made._edge = edge_of(input)
    return made


@function(top=False)
def contiguous(input: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    """input itself when its memory is in this order already, else a copy that is. Source: torch.Tensor.contiguous."""
    if is_contiguous_in(input, memory_format):
        return input
    order = _order_of(memory_format, input)
    made = primitive(elementwise.copy, (input,))
    return made if order is None else _in_order(made, order)


@function("is_contiguous", top=False)
def is_contiguous_in(input: Tensor, memory_format: Any = contiguous_format) -> bool:
    """Whether the elements stand in memory in this order, without gaps."""
    order = (
        _order_of(memory_format, input)
        if memory_format is not contiguous_format and input.dim() in (4, 5)
        else None
    )
    if memory_format in (channels_last, channels_last_3d) and order is None:
        return False
    if order is None:
        return contiguous_of(input)
    shape, strides = shape_of(input), layout_of(input)[0]
    return is_contiguous([shape[d] for d in order], [strides[d] for d in order])


# ---------------------------------------------------------------- joining and repeating


def _joined(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError(f"{name}(): expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    first = dtype_of(tensors[0])
    if any(dtype_of(x) is not first for x in tensors):
        dtype = result_dtype(*tensors)
        tensors = [to_dtype(x, dtype) for x in tensors]
    return tensors


@function(method=False)
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after another along `dim`; other sizes have to agree. Source: torch.cat.

    >>> import rushlight as torch
    >>> torch.cat([torch.zeros(1, 2), torch.ones(2, 2)]).shape
    torch.Size([3, 2])
    """
    items = _joined("cat", tensors)
    # PyTorch's exception: empty vectors are left out whatever the rank of the others is.
    parts = [x for x in items if shape_of(x) != (0,)] or items[:1]
    shape = shape_of(parts[0])
    if not shape:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    dim = wrap_dim(dim, len(shape))
    for i, x in enumerate(parts[1:], 1):
        other = shape_of(x)
        if len(other) != len(shape):
            raise ShapeError(
                f"Tensors must have same number of dimensions: got {len(shape)} and {len(other)}"
            )
        for d, (a, b) in enumerate(zip(shape, other)):
            if a != b and d != dim:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {a} but got size {b} for "
                    f"tensor number {i} in the list."
                )
    return primitive(movement.concat, tuple(parts), (dim,))


for _name in ("concat", "concatenate"):
    alias(_name, "cat", method=False)


@function(method=False)
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension. Source: torch.stack."""
    items = _joined("stack", tensors)
    shape = shape_of(items[0])
    dim = wrap_dim(dim, len(shape) + 1)
    for i, x in enumerate(items):
        if shape_of(x) != shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(shape_of(x))} at entry {i}"
            )
    tall = (*shape[:dim], 1, *shape[dim:])
    return operation(_stack, tuple(items), (tall, dim))


_stack = Op(
    "StackBackward0",
    lambda *args: movement.concat([x.reshape(args[-2]) for x in args[:-2]], args[-1]),
    lambda g, out, ins, needs, tall, dim: tuple(
        g.slice((*whole(tall[:dim]), i)) if need else None for i, need in enumerate(needs)
    ),
)


@function(top=False)
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """input repeated along its dimensions, copied. Source: torch.Tensor.repeat."""
    times = sizes_from(repeats)
    shape = shape_of(input)
    if len(times) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(k < 0 for k in times):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(times)}: {list(times)}")
    return operation(_repeat, (input,), (times,))


def _repeated(x: Node, times: tuple) -> Node:
    shape = (1,) * (len(times) - len(x.shape)) + x.shape
    paired = tuple(n for pair in zip([1] * len(shape), shape) for n in pair)
    wide = tuple(n for pair in zip(times, shape) for n in pair)
    return x.reshape(paired).expand(wide).reshape(tuple(k * n for k, n in zip(times, shape)))


_repeat = Op("RepeatBackward0", _repeated)


def _repeat_keyword(input: Tensor, *args: Any, repeats: Any = None) -> Tensor:
    return repeat(input, *args) if repeats is None else repeat(input, repeats)


Tensor.repeat = _repeat_keyword  # type: ignore[attr-defined]


@function()
def tile(input: Tensor, *dims: Any) -> Tensor:
    """As repeat, with missing leading counts taken as 1. Source: torch.tile."""
    times = sizes_from(dims)
    return repeat(input, (1,) * (input.dim() - len(times)) + times)


@function()
def flip(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """The order along `dims` turned round. Source: torch.flip."""
    dims = args if dims is None else (dims,)
    chosen = tuple([wrap_dim(d, input.dim()) for d in sizes_from(dims)])
    if len(set(chosen)) != len(chosen):
        raise RuntimeError(
            f"dim {next(d for d in chosen if chosen.count(d) > 1)} appears multiple times in the list of dims"
        )
    return primitive(movement.flip, (input,), (chosen if input.dim() else (),))


@function()
def fliplr(input: Tensor) -> Tensor:
    """The order of columns turned round. Source: torch.fliplr."""
    if input.dim() < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@function()
def flipud(input: Tensor) -> Tensor:
    """The order of rows turned round. Source: torch.flipud."""
    if input.dim() < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@function()
def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    """input shifted round along dims (flattened first when none is given). Source: torch.roll."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims or ())
    if not dims:
        if len(shifts) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return reshape(primitive(movement.roll, (reshape(input, (-1,)),), (shifts, (0,))), input.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    at = tuple([wrap_dim(d, input.dim()) for d in dims])
    return primitive(movement.roll, (input,), (shifts, at)) if input.dim() else clone(input)


@function(method=True)
def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor's memory as (real, imaginary) pairs along a last dimension. Source: torch.view_as_real."""
    if not dtype_of(input).is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return view(movement.view_as_real, input, ())


@function(method=True)
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs along the last dimension as complex numbers, sharing memory. Source: torch.view_as_complex."""
    if dtype_of(input).is_complex or not dtype_of(input).is_floating_point:
        raise RuntimeError(
            f"view_as_complex is only supported for half, float and double tensors, but got {input.dtype}"
        )
    if not input.dim() or input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return view(movement.view_as_complex, input, ())


@function(method=False)
def real(input: Tensor) -> Tensor:
    """The real part: a view of a complex tensor, a real one itself. Source: torch.real."""
    return select(view_as_real(input), -1, 0) if dtype_of(input).is_complex else input


@function(method=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary part, a view of a complex tensor. Source: torch.imag."""
    if not dtype_of(input).is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select(view_as_real(input), -1, 1)


Tensor.real = property(real, lambda self, value: real(self).copy_(value))  # type: ignore[attr-defined]
Tensor.imag = property(imag, lambda self, value: imag(self).copy_(value))  # type: ignore[attr-defined]


@function(method=False)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + 1j * imag. Source: torch.complex."""
    if dtype_of(need_tensor("complex", real)) is not dtype_of(need_tensor("complex", imag, 2, "imag")):
        raise RuntimeError(
            f"Expected object of scalar type {real.dtype} but got scalar type {imag.dtype} for second argument"
        )
    return primitive(elementwise.complex_, (real, imag))


def broadcast_operands(name: str, *values: Any) -> list[Tensor]:
    """Values promoted to one dtype and expanded to one shape."""
    made = operands(name, *values)
    shape: tuple[int, ...] = ()
    for x in made:
        shape = broadcast(shape, shape_of(x))
    return [expand(x, shape) if shape_of(x) != shape else x for x in made]


# ---------------------------------------------------------------- views in place


def _seen_as(name: str) -> None:
    """`name_`: the tensor itself is seen differently from now on; its memory stays."""
    compute = getattr(Tensor, name)

    def written(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if isinstance(self._edge, AccumulateGrad):
            raise RuntimeError(
                f"a leaf Variable that requires grad is being used in an in-place operation. ({name}_)"
            )
        made = compute(self, *args, **kwargs)
        seen = made._view
        base = None if self._view is None else self._view.base
        self._view = View(base, seen.steps, seen.shape, seen.dtype)
        self._edge = made._edge
        return self

    written.__name__ = written.__qualname__ = name + "_"
    written.__doc__ = f"As `{name}`, of the tensor itself. Source: torch.Tensor.{name}_."
    setattr(Tensor, name + "_", written)
    FUNCTIONS[name + "_"] = written


for _name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims", "as_strided"):
    _seen_as(_name)
