"""Tables of vectors: embedding, embedding_bag, one_hot.

Gradients are dense tensors to which only the rows that were read are added; `sparse` is accepted and changes nothing.
An index outside the table is an error at the call when it is known by then, else when it is used.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..autograd.modes import no_grad
from ..autograd.record import operation, overwrite
from ..dtypes import int32, int64
from ..graph.node import Node, constant
from ..ops.indexing import put, take
from ..ops.ordering import searchsorted
from ..tensor import Tensor, array_of, dtype_of, node_of, shape_of, wrap
from .arguments import need_tensor, to_dtype
from .creation import arange, zeros
from .distance import lengths
from .known import known, need_within
from .opmath import widened
from .pointwise import where
from .register import FUNCTIONS, function


def _need_index(name: str, index: Tensor) -> Tensor:
    kind = dtype_of(index)
    if kind not in (int32, int64):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{kind} instead (while checking arguments for {name})"
        )
    return index


def _zeros_like(w: Node, dtype: Any) -> Node:
    return constant(0, dtype).expand(w.shape)


def _over_frequency(rows: Node, w: Node, at: Node) -> Node:
    """Each row over how often its index occurs."""
    one = constant(1, rows.dtype)
    counts = put((constant(0, rows.dtype).expand(w.shape[:1]), one, at), (0,), True)
    return rows / take((counts, at), (0,)).reshape((*at.shape, 1))


def _embedding_rule(g: Node, out: Node, ins: tuple, needs: tuple, padding: int, by_frequency: bool) -> tuple:
    w, at = ins
    if padding >= 0:
        g = at.eq(padding).reshape((*at.shape, 1)).where(0, g)
    if by_frequency:
        g = _over_frequency(g, w, at)
    return put((_zeros_like(w, g.dtype), g, at), (0,), True), None


_embedding = widened(
    "EmbeddingBackward0", lambda w, at, padding, by_frequency: take((w, at), (0,)), _embedding_rule
)


@function("embedding", method=False, out=False)
def top_embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """As nn.functional.embedding, with the table first. Source: torch.embedding."""
    need_tensor("embedding", weight, 1, "weight")
    _need_index("embedding", need_tensor("embedding", indices, 2, "indices"))
    if weight.dim() != 2:
        raise RuntimeError(f"'weight' must be 2-D, got {weight.dim()}-D (embedding)")
    n = shape_of(weight)[0]
    message = f"index out of range in self: embedding got {{}}, the table has {n} rows"
    at = need_within(indices, 0, n - 1, "IndexError", message)
    return operation(_embedding, (weight, at), (padding_idx, bool(scale_grad_by_freq)))


def embedding_renorm_(weight: Tensor, input: Tensor, max_norm: float, norm_type: float = 2.0) -> Tensor:
    """Scale the rows at `input` that are longer than max_norm down to it, in place; gives weight.

    Source: torch.embedding_renorm_.
    """
    message = "index out of range in self: embedding_renorm_ got {}"
    at = need_within(input.reshape(-1), 0, shape_of(weight)[0] - 1, "IndexError", message)
    with no_grad():
        rows = wrap(take((node_of(weight), node_of(at)), (0,)), weight.device)
        long = lengths(rows, norm_type, 1, True)
        scaled = where(long > max_norm, rows * (max_norm / (long + 1e-7)), rows)
        # An index that occurs twice is written twice, with the same numbers.
        table = put((node_of(weight), node_of(scaled), node_of(at)), (0,), False)
        overwrite(weight.detach(), wrap(table, weight.device))
    return weight


FUNCTIONS["embedding_renorm_"] = embedding_renorm_


def _padding(padding_idx: int | None, rows: int) -> int:
    """padding_idx counted from the start, or -1."""
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < max(rows, 1):
        raise AssertionError(f"Padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
    return padding_idx % rows if rows else padding_idx


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table at the given indices: (*) gives (*, D) from a weight of (rows, D).

    Args:
        padding_idx: a row that receives no gradient.
        max_norm: rows that are read and longer than this (by norm_type) are scaled down to it first, in place.
        scale_grad_by_freq: divide a row's gradient by how often the input holds it.
        sparse: accepted; gradients are dense.
    Raises: IndexError for an index outside the table; AssertionError for such a padding_idx.
    Source: torch.nn.functional.embedding.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[3., 4.],
                [1., 2.]])
    """
    need_tensor("embedding", input, 2, "indices")
    need_tensor("embedding", weight, 1, "weight")
    padding = _padding(padding_idx, shape_of(weight)[0] if weight.dim() else 0)
    if max_norm is not None:
        _need_index("embedding", input)
        embedding_renorm_(weight, input, max_norm, norm_type)
    return top_embedding(weight, input, padding, scale_grad_by_freq, sparse)


# ---------------------------------------------------------------- bags
# A bag is a run of indices. `width` is their common length, or 0 when `starts` says where each begins.


def _bag_of(at: Node, starts: Node | None, width: int) -> Node:
    """The bag of each index; those after the last bag's end get the number of bags, one too many."""
    place = constant(0, int64).iota(at.shape[0])
    if starts is None:
        return place.floor_divide(width)
    return searchsorted(starts, place, True, False) - 1


def _bag_sum(rows: Node, bag: Node, width: int, bags: int) -> Node:
    if width:
        return rows.reshape((bags, width, *rows.shape[1:])).sum((1,), False)
    # One bag more than there are, for what no bag holds.
    total = put((constant(0, rows.dtype).expand((bags + 1, *rows.shape[1:])), rows, bag), (0,), True)
    return total.slice(((0, bags, 1),))


def _of_bag(g: Node, bag: Node, width: int, bags: int) -> Node:
    """What each index gets of its bag's value; 0 for those in no bag."""
    if width:
        shape = (bags, width, *g.shape[1:])
        return g.reshape((bags, 1, *g.shape[1:])).expand(shape).reshape((bags * width, *g.shape[1:]))
    return take((g.unslice((bags + 1, *g.shape[1:]), ((0, bags, 1),)), bag), (0,))


def _counted(at: Node, padding: int, dtype: Any) -> Node:
    """1 for each index that counts, as a column."""
    if padding < 0:
        return constant(1, dtype).expand((at.shape[0], 1))
    return at.ne(padding).cast(dtype).reshape((at.shape[0], 1))


def _sizes(at: Node, bag: Node, width: int, bags: int, padding: int, dtype: Any) -> Node:
    """How many indices count in each bag, at least 1, as a column."""
    return _bag_sum(_counted(at, padding, dtype), bag, width, bags).maximum(1)


def _bag_forward(
    w: Node,
    at: Node,
    starts: Node | None,
    scale: Node | None,
    mode: str,
    width: int,
    bags: int,
    padding: int,
    *_: Any,
) -> Node:
    bag = _bag_of(at, starts, width)
    rows = take((w, at), (0,))
    if scale is not None:
        rows = rows * scale.reshape((at.shape[0], 1))
    if padding >= 0:
        rows = at.ne(padding).reshape((at.shape[0], 1)).where(rows, 0)
    total = _bag_sum(rows, bag, width, bags)
    return total / _sizes(at, bag, width, bags, padding, w.dtype) if mode == "mean" else total


def _bag_rule(
    g: Node,
    out: Node,
    ins: tuple,
    needs: tuple,
    mode: str,
    width: int,
    bags: int,
    padding: int,
    by_frequency: bool,
) -> tuple:
    w, at, starts, scale = ins
    bag = _bag_of(at, starts, width)
    if mode == "mean":
        g = g / _sizes(at, bag, width, bags, padding, g.dtype)
    each = _of_bag(g, bag, width, bags)
    if padding >= 0:
        each = at.ne(padding).reshape((at.shape[0], 1)).where(each, 0)
    gw = gscale = None
    if needs[0]:
        rows = each if scale is None else each * scale.reshape((at.shape[0], 1))
        if by_frequency:
            rows = _over_frequency(rows, w, at)
        gw = put((_zeros_like(w, g.dtype), rows, at), (0,), True)
    if needs[3]:
        gscale = (each * take((w, at), (0,))).sum((1,), False).reshape(scale.shape)
    return gw, None, None, gscale


def _bag_maximum(w: Node, at: Node, starts: Node | None, width: int, bags: int, padding: int) -> Node:
    """The largest of each bag's rows, element by element; an empty bag gives 0. The gradient goes to the first."""
    n, D = at.shape[0], w.shape[1]
    if not n:
        return constant(0, w.dtype).expand((bags, D))
    bag = _bag_of(at, starts, width)
    rows = take((w, at), (0,))
    counts = _counted(at, padding, w.dtype).gt(0)
    wide = bag.reshape((n, 1)).expand((n, D))
    low = constant(-float("inf"), w.dtype).expand((bags + 1, D))
    best = low.scatter(wide, counts.where(rows, -float("inf")), 0, "amax")
    place = (rows.eq(take((best, bag), (0,))) & counts).where(constant(0, int64).iota(n).reshape((n, 1)), n)
    first = constant(n, int64).expand((bags + 1, D)).scatter(wide, place, 0, "amin").slice(((0, bags, 1),))
    there = first.lt(n)
    return there.where(rows.gather(there.where(first, 0), 0), 0)


_bag = widened("EmbeddingBagBackward0", _bag_forward, _bag_rule)
_bag_max = widened("EmbeddingBagBackward0", _bag_maximum)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of a table's rows within each bag of indices; an empty bag gives 0.

    Args:
        input: (B, n), bags of n indices; or (n) with offsets (B), the start of each bag.
        mode: "sum", "mean" or "max".
        per_sample_weights: a factor for each index, of input's size; for "sum" alone.
        include_last_offset: the last of offsets is the end of the last bag.
        padding_idx: a row that is left out of every bag.
        The others are embedding's.
    Raises: ValueError or RuntimeError for what does not fit; NotImplementedError for per_sample_weights beside another mode.
    Source: torch.nn.functional.embedding_bag.
    """
    if dtype_of(weight) is int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    _check_bags(input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights)
    rows, shape = shape_of(weight)[0], shape_of(input)
    width = shape[1] if len(shape) == 2 else 0
    if len(shape) == 2:
        starts = None if width else zeros(shape[0], dtype=int64)
        bags, at = shape[0], input.reshape(-1)
    else:
        assert offsets is not None
        at = input
        starts = to_dtype(_checked_offsets(offsets, shape[0]), int64)
        bags = offsets.numel() - (1 if include_last_offset else 0)
    if max_norm is not None:
        embedding_renorm_(weight, at, max_norm, norm_type)
    message = f"embedding_bag: input takes value {{}} which is not in the valid range [0, {rows})"
    at = need_within(at, 0, rows - 1, "RuntimeError", message)
    padding = -1 if padding_idx is None else padding_idx % rows
    if mode == "max":
        return operation(_bag_max, (weight, at, starts), (width, bags, padding))
    given = (mode, width, bags, padding, bool(scale_grad_by_freq))
    return operation(_bag, (weight, at, starts, per_sample_weights), given)


def _check_bags(
    input: Tensor,
    weight: Tensor,
    offsets: Any,
    by_frequency: bool,
    mode: str,
    sparse: bool,
    scale: Tensor | None,
) -> None:
    if scale is not None and shape_of(scale) != shape_of(input):
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({scale.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if input.dim() == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
            f"sequences. However, found offsets of type {type(offsets)}"
        )
    if input.dim() == 1 and (offsets is None or offsets.dim() != 1):
        raise ValueError(f"offsets has to be a 1D Tensor{' but got None' if offsets is None else ''}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and by_frequency:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if scale is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Multiply the rows of embedding() instead."
        )
    _need_index("embedding_bag", input)
    if scale is not None and dtype_of(scale) is not dtype_of(weight):
        raise RuntimeError(
            f"embedding_bag: per_sample_weights must have weight's dtype, {weight.dtype}, got {scale.dtype}"
        )


def _checked_offsets(offsets: Tensor, n: int) -> Tensor:
    """Offsets, looked at when they are known: they begin with 0 and stay within the input."""
    buffer = known(offsets)
    if buffer is not None and buffer.size:
        if buffer[0] != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                f"However, got {buffer[0]}"
            )
        if buffer[-1] > n:
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length {n} but got offsets[-1] of {buffer[-1]}"
            )
    return offsets


# ---------------------------------------------------------------- one-hot


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Vectors of 0 with a 1 at each class: (*) gives (*, num_classes), int64.

    Args:
        num_classes: by default one more than the largest class, for which the tensor is read.
    Raises: RuntimeError for a class outside [0, num_classes), or a dtype other than int64.
    Source: torch.nn.functional.one_hot.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.one_hot(torch.tensor([1, 0]))
        tensor([[0, 1],
                [1, 0]])
    """
    if dtype_of(need_tensor("one_hot", tensor)) is not int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor. Got {tensor.dtype}: call .long() first"
        )
    if num_classes == -1:
        classes = array_of(tensor)
        if not classes.size:
            raise RuntimeError(
                "Can not infer total number of classes from empty tensor. (one_hot: give num_classes)"
            )
        num_classes = int(classes.max()) + 1 if classes.min() >= 0 else 1
    if num_classes < 1 and (tensor.numel() or num_classes < 0):
        raise RuntimeError(
            f"Class values must be smaller than num_classes. (one_hot got num_classes={num_classes})"
        )
    tensor = need_within(
        tensor, 0, math.inf, "RuntimeError", "Class values must be non-negative. (one_hot got {})"
    )
    message = (
        f"Class values must be smaller than num_classes. (one_hot got {{}} with num_classes={num_classes})"
    )
    tensor = need_within(tensor, 0, num_classes - 1, "RuntimeError", message)
    return to_dtype(tensor.unsqueeze(-1) == arange(num_classes), int64)
