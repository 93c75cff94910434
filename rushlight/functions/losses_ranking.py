"""Losses with a margin: between classes, between pairs and triplets, and hinges.

multi_margin_loss and multilabel_margin_loss are one tape entry each; the others are made of functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.record import operation, title
from ..dtypes import int64
from ..graph.node import Node, constant
from ..ops.indexing import take
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .arithmetic import minimum
from .distance import pairwise_distance
from .known import known
from .loss_reduction import read, reduce_node, reduce_tensor
from .opmath import need_floating, widened
from .pointwise import clamp_min, where

# ---------------------------------------------------------------- one class or several


def _multi_margin_forward(x: Node, t: Node, w: Node | None, reduction: str, p: int, margin: float) -> Node:
    N, C = x.shape if len(x.shape) == 2 else (1, x.numel)
    rows = x.reshape((N, C))
    at = t.reshape((N, 1))
    over = rows - rows.gather(at, 1) + margin
    classes = constant(0, int64).iota(C)
    over = (over.gt(0) & classes.ne(at)).where(over, 0)
    if p == 2:
        over = over * over
    losses = over.sum((1,), False) / C
    if w is not None:
        losses = losses * take((w, t.reshape((N,))), (0,))
    return reduce_node(losses.reshape(t.shape) if reduction == "none" else losses, reduction)


_multi_margin = widened("MultiMarginLossBackward0", _multi_margin_forward)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum over the other classes i of weight_y max(0, margin - input_y + input_i)^p / C, y being the target class.

    Args:
        input: (N, C) or (C). target: classes, (N) or (). p: 1 or 2. weight: (C).
    Raises: RuntimeError or ValueError for what does not fit, or a class outside [0, C).
    Source: torch.nn.functional.multi_margin_loss.
    """
    reduction = read(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported: multi_margin_loss got {p}")
    if weight is not None and weight.dim() != 1:
        raise ValueError(f"weight must be one-dimensional: multi_margin_loss got {weight.dim()} dimensions")
    need_floating("multi_margin_loss", input, "multi_margin_loss")
    a, b = shape_of(input), shape_of(need_tensor("multi_margin_loss", target, 2, "target"))
    if len(a) > 2 or (a and not a[-1]):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(a)} (multi_margin_loss)"
        )
    N, C = a if len(a) == 2 else (1, input.numel())
    if b != (N,) and not (len(b) == 0 and N == 1):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{N}], but got {list(b)}. Input has shape {list(a)}."
        )
    if weight is not None and shape_of(weight) != (C,):
        raise RuntimeError(
            f"inconsistent weight size, expected {C} but got {list(weight.shape)} (multi_margin_loss)"
        )
    _need_classes("multi_margin_loss", "target out of range", target, 0, C)
    return operation(_multi_margin, (input, target, weight), (reduction, int(p), margin))


def _need_classes(name: str, complaint: str, target: Tensor, low: int, C: int) -> None:
    """Integers within [low, C), as far as the target is known already."""
    if dtype_of(target) is not int64:
        raise RuntimeError(f"expected scalar type Long but found {title(dtype_of(target))} ({name}: target)")
    classes = known(target)
    if classes is not None and classes.size and (classes.min() < low or classes.max() >= C):
        bad = np.ravel(classes[(classes < low) | (classes >= C)])[0]
        raise RuntimeError(f"{complaint}: {name} got {bad}, but a class is in [0, {C - 1}]")


def _multilabel_margin_forward(x: Node, t: Node, reduction: str) -> Node:
    single = len(x.shape) < 2
    N, C = (1, x.numel) if single else x.shape
    rows, t = x.reshape((N, C)), t.reshape((N, C))
    # Classes are listed up to the first -1; what follows it does not count.
    listed = t.lt(0).cast(int64).cumsum(1).eq(0)
    at = listed.where(t, 0)
    marks = constant(0, int64).expand((N, C)).scatter(at, listed.cast(int64), 1, "sum")
    over = 1 - rows.gather(at, 1).reshape((N, C, 1)) + rows.reshape((N, 1, C))
    counts = listed.reshape((N, C, 1)) & marks.eq(0).reshape((N, 1, C)) & over.gt(0)
    losses = counts.where(over, 0).sum((1, 2), False) / C
    return reduce_node(losses.reshape(() if single else (N,)) if reduction == "none" else losses, reduction)


_multilabel_margin = widened("MultilabelMarginLossBackward0", _multilabel_margin_forward)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum of max(0, 1 - (input_y - input_i)) / C over the target classes y and the other classes i.

    Args:
        input: (N, C) or (C). target: of that shape, the classes, then -1.
    Raises: RuntimeError for what does not fit, or a class outside [-1, C).
    Source: torch.nn.functional.multilabel_margin_loss.
    """
    reduction = read(reduction, size_average, reduce)
    need_floating("multilabel_margin_loss", input, "multilabel_margin_loss_forward_out_frame")
    a, b = shape_of(input), shape_of(need_tensor("multilabel_margin_loss", target, 2, "target"))
    if len(a) > 2 or (a and not a[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(a)} (multilabel_margin_loss)"
        )
    if a != b and not (len(a) < 2 and len(b) < 2 and input.numel() == target.numel()):
        raise RuntimeError(
            f"inconsistent target size: {list(b)} for input of size: {list(a)} (multilabel_margin_loss)"
        )
    _need_classes(
        "multilabel_margin_loss", "argument #2 'target' is out of range", target, -1, a[-1] if a else 1
    )
    return operation(_multilabel_margin, (input, target), (reduction,))


# ---------------------------------------------------------------- hinges and pairs


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1. Source: torch.nn.functional.hinge_embedding_loss."""
    reduction = read(reduction, size_average, reduce)
    apart = where(target != 1, clamp_min(margin - input, 0), 0.0)
    return reduce_tensor(apart + where(target != -1, input, 0.0), reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2)): target 1 ranks input1 higher, -1 input2.

    Raises: RuntimeError when the numbers of dimensions differ.
    Source: torch.nn.functional.margin_ranking_loss.
    """
    reduction = read(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduce_tensor(clamp_min(-target * (input1 - input2) + margin, 0), reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where target is 1, max(0, cos(input1, input2) - margin) where it is -1.

    Args:
        input1, input2: (N, D) or (D). target: (N) or ().
    Raises: RuntimeError for numbers of dimensions that do not fit.
    Source: torch.nn.functional.cosine_embedding_loss.
    """
    reduction = read(reduction, size_average, reduce)
    rank = target.dim()
    if rank > 1:
        raise RuntimeError(
            f"0D or 1D target tensor expected, multi-target not supported (cosine_embedding_loss: {rank}D)"
        )
    if not input1.dim() == input2.dim() == rank + 1:
        raise RuntimeError(
            f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    # 1e-12 keeps the root's derivative finite for vectors of zeros.
    squares = ((x * x).sum(-1) + 1e-12 for x in (input1, input2))
    cosine = (input1 * input2).sum(-1) / (next(squares) * next(squares)).sqrt()
    alike = where(target == 1, 1 - cosine, 0.0)
    return reduce_tensor(alike + where(target == -1, clamp_min(cosine - margin, 0), 0.0), reduction)


# ---------------------------------------------------------------- triplets


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|), in p-norms along the last dimension.

    Args:
        swap: take the smaller of the negative's distances from anchor and from positive.
    Raises: ValueError when margin is not positive; RuntimeError when the numbers of dimensions differ.
    Source: torch.nn.functional.triplet_margin_loss; Balntas et al. 2016.
    """
    reduction = read(reduction, size_average, reduce)
    distance = lambda a, b: pairwise_distance(a, b, p, eps)
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own, pairwise_distance by default.

    Source: torch.nn.functional.triplet_margin_with_distance_loss.
    """
    reduction = read(reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Any,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduce_tensor(clamp_min(near + margin - far, 0), reduction)
