"""Losses over classes: cross_entropy, nll_loss, and cross entropy of a linear layer's outputs.

Classes are dimension 1 of input, or 0 when it has only one. Each loss is one tape entry; what it keeps for backward is
the input and, for each sample, the maximum and the logarithm of the sum of exponentials. A class outside [0, C) is an
IndexError: at the call when the target is known by then, else when the loss is computed.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..autograd.record import operation, title
from ..dtypes import FLOATING, int64, uint8
from ..errors import ShapeError
from ..graph.node import Node, constant
from ..ops.indexing import take
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, to_dtype
from .known import known
from .loss_reduction import read, reduce_node
from .opmath import need_floating, widened
from .products import linear

# ---------------------------------------------------------------- target classes


def _positions(t: Node, like: Node, dim: int, ignore: int) -> tuple[Node, Node]:
    """(whether each sample counts, its class or 0), both with the class dimension of size 1."""
    shape = like.shape
    at = t.reshape((*shape[:dim], 1, *shape[dim + 1 :]))
    counted = at.ne(ignore)
    return counted, counted.where(at, 0)


def _is_class(at: Node, like: Node, dim: int) -> Node:
    """Whether each element of `like` stands at its sample's class."""
    classes = constant(0, int64).iota(like.shape[dim])
    return classes.reshape((like.shape[dim],) + (1,) * (len(like.shape) - dim - 1)).eq(at)


def _weights(w: Node | None, counted: Node, at: Node, dtype: Any) -> Node:
    """The weight of each sample: its class's, and 0 where it does not count."""
    return counted.cast(dtype) if w is None else counted.where(take((w, at), (0,)), 0)


def _everything(x: Node) -> tuple[int, ...]:
    return tuple(range(len(x.shape)))


def _class_mean(losses: Node, weights: Node, shape: tuple, reduction: str) -> tuple[Node, ...]:
    """(result,) or, for the mean, (result, sum of weights)."""
    if reduction == "none":
        return (losses.reshape(shape),)
    total = losses.sum(_everything(losses), False)
    if reduction == "sum":
        return (total,)
    weight = weights.sum(_everything(weights), False)
    return total / weight, weight


def _cross_entropy_forward(
    x: Node, t: Node, w: Node | None, dim: int, reduction: str, ignore: int, smoothing: float
) -> tuple[Node, ...]:
    peak = x.amax((dim,), True)
    shifted = x - peak  # so that no exponential overflows, and logits of 1000 keep their digits
    logsum = shifted.exp().sum((dim,), True).log()
    counted, at = _positions(t, x, dim, ignore)
    weights = _weights(w, counted, at, x.dtype)
    losses = logsum - shifted.gather(at, dim)
    if w is not None:
        losses = losses * weights
    if smoothing:
        C = x.shape[dim]
        everywhere = logsum - shifted if w is None else (logsum - shifted) * _along(w, x, dim)
        losses = losses * (1 - smoothing) + everywhere.sum((dim,), True) * (smoothing / C)
    result, *weight = _class_mean(counted.where(losses, 0), weights, t.shape, reduction)
    return (result, peak, logsum, *weight)


def _along(w: Node, x: Node, dim: int) -> Node:
    """A vector of classes, so that it broadcasts against x."""
    return w.reshape((w.shape[0],) + (1,) * (len(x.shape) - dim - 1))


def _cross_entropy_rule(
    g: Node, outs: tuple, ins: tuple, needs: tuple, dim: int, reduction: str, ignore: int, smoothing: float
) -> tuple:
    x, t, w = ins
    counted, at = _positions(t, x, dim, ignore)
    hit = _is_class(at, x, dim)
    probability = (x - outs[1] - outs[2]).exp()
    g = counted.where(_for_each(g, outs, at, reduction), 0)
    keep = g if w is None else g * take((w, at), (0,))
    if not smoothing:
        return probability * keep - hit.where(keep, 0), None, None
    C = x.shape[dim]
    keep, spread = keep * (1 - smoothing), g * (smoothing / C)
    share = spread if w is None else spread * _along(w, x, dim)
    total = keep + (spread * C if w is None else share.sum((dim,), True))
    return probability * total - hit.where(keep, 0) - share, None, None


def _for_each(g: Node, outs: tuple, at: Node, reduction: str) -> Node:
    """The gradient of each sample's loss."""
    if reduction == "none":
        return g.reshape(at.shape)
    return g / outs[-1] if reduction == "mean" else g


def _nll_forward(x: Node, t: Node, w: Node | None, dim: int, reduction: str, ignore: int) -> tuple[Node, ...]:
    counted, at = _positions(t, x, dim, ignore)
    weights = _weights(w, counted, at, x.dtype)
    losses = -x.gather(at, dim)
    losses = counted.where(losses if w is None else losses * weights, 0)
    result, *weight = _class_mean(losses, weights, t.shape, reduction)
    return (result, *weight)


def _nll_rule(g: Node, outs: Any, ins: tuple, needs: tuple, dim: int, reduction: str, ignore: int) -> tuple:
    x, t, w = ins
    counted, at = _positions(t, x, dim, ignore)
    g = _for_each(g, outs if isinstance(outs, tuple) else (outs,), at, reduction)
    g = counted.where(-g if w is None else -g * take((w, at), (0,)), 0)
    return _is_class(at, x, dim).where(g, 0), None, None


_cross_entropy = widened("NllLossBackward0", _cross_entropy_forward, _cross_entropy_rule, visible=1)
_cross_entropy_2d = widened("NllLoss2DBackward0", _cross_entropy_forward, _cross_entropy_rule, visible=1)
_nll = widened("NllLossBackward0", _nll_forward, _nll_rule, visible=1)
_nll_2d = widened("NllLoss2DBackward0", _nll_forward, _nll_rule, visible=1)

# ---------------------------------------------------------------- target probabilities


def _probabilities_forward(
    x: Node, q: Node, w: Node | None, dim: int, reduction: str, smoothing: float
) -> tuple[Node, ...]:
    peak = x.amax((dim,), True)
    shifted = x - peak
    logsum = shifted.exp().sum((dim,), True).log()
    terms = (logsum - shifted) * _smoothed(q, w, dim, smoothing)
    losses = terms.sum((dim,), False)
    if reduction == "mean":
        return losses.sum(_everything(losses), False) / losses.numel, peak, logsum
    return reduce_node(losses, reduction), peak, logsum


def _smoothed(q: Node, w: Node | None, dim: int, smoothing: float) -> Node:
    """The target distribution, mixed with the even one and weighted by class."""
    if smoothing:
        q = q * (1 - smoothing) + smoothing / q.shape[dim]
    return q if w is None else q * _along(w, q, dim)


def _probabilities_rule(
    g: Node, outs: tuple, ins: tuple, needs: tuple, dim: int, reduction: str, smoothing: float
) -> tuple:
    x, q, w = ins
    count = x.numel // x.shape[dim] if x.shape[dim] else 0
    if reduction == "none":
        g = g.reshape((*x.shape[:dim], 1, *x.shape[dim + 1 :]))
    elif reduction == "mean":
        g = g / count
    mixed = _smoothed(q, w, dim, smoothing)
    logp = x - outs[1] - outs[2]
    gx = (logp.exp() * mixed.sum((dim,), True) - mixed) * g if needs[0] else None
    gq = gw = None
    if needs[1]:
        gq = -logp * g * (1 - smoothing)
        gq = gq if w is None else gq * _along(w, x, dim)
    if needs[2]:
        others = tuple(d for d in range(len(x.shape)) if d != dim)
        gw = (-logp * g * _smoothed(q, None, dim, smoothing)).sum(others, False)
    return gx, gq, gw


_probabilities = widened("DivBackward1", _probabilities_forward, _probabilities_rule, visible=1)

# ---------------------------------------------------------------- checks


def _check_classes(name: str, x: Tensor, target: Tensor, ignore: int) -> None:
    """IndexError for a class outside [0, C) that is not to be ignored, when the target is known already."""
    classes = known(target)
    if classes is None or not classes.size:
        return
    C = shape_of(x)[1 if x.dim() > 1 else 0]
    if classes.min() >= 0 and classes.max() < C:
        return
    bad = classes[((classes < 0) | (classes >= C)) & (classes != ignore)]
    if bad.size:
        raise IndexError(
            f"Target {np.ravel(bad)[0]} is out of bounds. ({name}: with {C} classes a target is in [0, {C - 1}], "
            f"or ignore_index, {ignore})"
        )


def _check_target(name: str, x: Tensor, target: Tensor) -> Tensor:
    """The target as int64, of sizes that fit x."""
    a, b = shape_of(x), shape_of(target)
    if not a:
        raise ValueError(
            f"Expected 1 or more dimensions (got 0): {name} needs an input of (C), (N, C) or (N, C, ...)"
        )
    if len(a) == 1:
        if len(b) > 1:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported ({name}: {list(b)})"
            )
        if b not in ((), (1,)):
            raise ValueError(
                f"For 1D input, 1D target must have size 1, but got target size: {b[0]} ({name})"
            )
    elif (b[0] if b else 0) != a[0]:
        raise ValueError(
            f"Expected input batch_size ({a[0]}) to match target batch_size ({b[0] if b else 0}). ({name})"
        )
    elif len(a) == 2 and len(b) != 1:
        raise RuntimeError(
            f"0D or 1D target tensor expected, multi-target not supported ({name}: target {list(b)} for input {list(a)})"
        )
    elif len(a) == 4 and len(b) != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(b)} ({name})"
        )
    elif b[1:] != a[2:]:
        wanted = [a[0], *a[2:]]
        if len(a) == 4:
            raise ShapeError(
                f"size mismatch (got input: {list(a)} , target: {list(b)}): {name} expected {wanted}"
            )
        raise ShapeError(f"Expected target size {wanted}, got {list(b)} ({name})")
    if dtype_of(target) not in (int64, uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {title(dtype_of(target))} ({name}). "
            "Call .long() if it holds classes."
        )
    target = to_dtype(target, int64)
    return target.reshape(()) if len(a) == 1 and b else target


def _check_weight(name: str, x: Tensor, weight: Tensor | None) -> None:
    if weight is None:
        return
    C = shape_of(x)[1 if x.dim() > 1 else 0]
    if shape_of(weight) != (C,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {C} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)} ({name})"
        )
    if dtype_of(weight) is not dtype_of(x):
        raise RuntimeError(
            f"expected scalar type {title(dtype_of(x))} but found {title(dtype_of(weight))} ({name}: weight)"
        )


# ---------------------------------------------------------------- public


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight_c input_c with c the target class; input holds log-probabilities.

    Args:
        input: (N, C), (N, C, d1, ...) or (C). target: classes, (N), (N, d1, ...) or ().
        weight: a weight for each class, (C); the mean is then the weighted one.
        ignore_index: a target that counts for nothing.
    Raises: IndexError for a class outside [0, C); ValueError or RuntimeError for sizes or dtypes that do not fit.
    Source: torch.nn.functional.nll_loss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -3.0]]), torch.tensor([1]))
        tensor(3.)
    """
    reduction = read(reduction, size_average, reduce)
    need_tensor("nll_loss_nd", input)
    target = _check_target("nll_loss", input, need_tensor("nll_loss_nd", target, 2, "target"))
    _check_weight("nll_loss", input, weight)
    need_floating("nll_loss", input, "nll_loss_out_frame")
    _check_classes("nll_loss", input, target, ignore_index)
    op = _nll if input.dim() <= 2 else _nll_2d
    return operation(op, (input, target, weight), (min(input.dim() - 1, 1), reduction, ignore_index))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-sum over c of weight_c q_c log softmax(input)_c, q the target distribution.

    Args:
        input: logits, (N, C), (N, C, d1, ...) or (C).
        target: classes, (N), (N, d1, ...) or (); or probabilities of input's shape.
        weight: a weight for each class, (C); for target classes the mean is then the weighted one.
        ignore_index: a target class that counts for nothing.
        label_smoothing: share of q spread evenly over the classes, in [0, 1].
    Raises: IndexError for a class outside [0, C); ValueError or RuntimeError for sizes or dtypes that do not fit.
    Source: torch.nn.functional.cross_entropy; smoothing after Szegedy et al. 2016.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.6931)
    """
    reduction = read(reduction, size_average, reduce)
    need_tensor("cross_entropy_loss", input)
    need_tensor("cross_entropy_loss", target, 2, "target")
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = min(input.dim() - 1, 1)
    if shape_of(target) == shape_of(input):
        return _of_probabilities(input, target, weight, dim, reduction, ignore_index, float(label_smoothing))
    target = _check_target("cross_entropy", input, target)
    _check_weight("cross_entropy", input, weight)
    need_floating("cross_entropy", input, "log_softmax_lastdim_kernel_impl")
    _check_classes("cross_entropy", input, target, ignore_index)
    op = _cross_entropy if input.dim() <= 2 else _cross_entropy_2d
    return operation(op, (input, target, weight), (dim, reduction, ignore_index, float(label_smoothing)))


def _of_probabilities(
    x: Tensor, q: Tensor, weight: Tensor | None, dim: int, reduction: str, ignore: int, smoothing: float
) -> Tensor:
    if dtype_of(q).category != FLOATING:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {title(dtype_of(q))} "
            "(cross_entropy: the target has input's shape, so it is read as probabilities)"
        )
    if ignore >= 0:
        raise RuntimeError(
            f"ignore_index is not supported for floating point target (cross_entropy got {ignore})"
        )
    _check_weight("cross_entropy", x, weight)
    need_floating("cross_entropy", x, "log_softmax_lastdim_kernel_impl")
    return operation(_probabilities, (x, to_dtype(q, dtype_of(x)), weight), (dim, reduction, smoothing))


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy of input @ linear_weight.T + linear_bias: a classifier's last layer and its loss in one.

    Args:
        input: (N, in_features) or (in_features).
        linear_weight: (C, in_features), or (C, d1, ..., in_features) for outputs (N, C, d1, ...).
        target, weight, reduction, label_smoothing: as in cross_entropy.
        options: a LinearCrossEntropyOptions; it changes no result here.
    Raises: RuntimeError for sizes that do not fit, or ignore_index beside a target of probabilities.
    Source: torch.nn.functional.linear_cross_entropy.
    """
    a, b = shape_of(input), shape_of(linear_weight)
    if len(a) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(a)}")
    if len(b) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(b)}")
    if a[-1] != b[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {a[-1]} and {b[-1]}, respectively"
        )
    if linear_bias is not None and shape_of(linear_bias) != b[:-1]:
        raise RuntimeError(f"expected linear_bias shape {b[:-1]}, got {tuple(linear_bias.shape)}")
    if len(b) > 2 and len(a) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {b} requires batched input, (N, {a[-1]}), "
            f"got unbatched input with shape {a}"
        )
    outputs = (*a[:-1], *b[:-1])
    if shape_of(target) == outputs and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    plain = len(b) == 2 and reduction in ("mean", "sum", "none") and label_smoothing == 0.0
    if options is not None and not (plain and dtype_of(target) is int64):
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; they need int64 targets, label_smoothing 0, a linear_weight of "
            f"2 dimensions. Got {target.dtype}, {label_smoothing}, {len(b)}.",
            stacklevel=2,
        )
    flat = (math.prod(b[:-1]), b[-1])
    bias = None if linear_bias is None else linear_bias.reshape(flat[0])
    logits = linear(input, linear_weight.reshape(flat), bias).reshape(outputs)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )
