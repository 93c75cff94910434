"""Losses that compare numbers with numbers: squared, absolute, Huber, and likelihoods (Bernoulli, Poisson, normal).

Losses over classes are in losses_classes.py, those with margins and rankings in losses_ranking.py, CTC in
losses_sequence.py. `reduction` is "none", "mean" or "sum"; size_average and reduce are the flags that stood for it.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..autograd.record import operation, title
from ..dtypes import FLOATING
from ..graph.node import Node
from ..shapes import broadcast
from ..tensor import Tensor, dtype_of, shape_of
from .activation import logsigmoid
from .arguments import lacking, need_tensor, operands, to_dtype
from .known import need_within
from .loss_reduction import read, reduce_node, reduce_tensor, share
from .opmath import widened


def _pair(name: str, kernel: str, input: Tensor, target: Tensor) -> list[Tensor]:
    """input and target in the floating dtype that they promote to."""
    need_tensor(name, input)
    need_tensor(name, target, 2, "target")
    found = operands(name, input, target)
    if dtype_of(found[0]).category != FLOATING:
        raise lacking(kernel, found[0])
    return found


def _warn_sizes(input: Tensor, target: Tensor) -> None:
    if shape_of(input) != shape_of(target):
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def _weighted(losses: Tensor, input: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses times their weights; the mean is over the weights."""
    if shape_of(weight) != shape_of(input):
        raise ValueError(
            f"Weights and input must have the same size. Got {tuple(weight.shape)} and {tuple(input.shape)}"
        )
    weighted = losses * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else reduce_tensor(weighted, reduction)


# ---------------------------------------------------------------- distances


def _mse_forward(x: Node, t: Node, reduction: str) -> Node:
    d = x - t
    return reduce_node(d * d, reduction)


def _mse_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str) -> tuple:
    d = ins[0] - ins[1]
    gx = d * share(g * 2, d.numel, reduction)
    return gx, -gx if needs[1] else None


_mse = widened("MseLossBackward0", _mse_forward, _mse_rule)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2.

    Args:
        weight: a factor for each element, of input's size; the mean is then over the weights.
    Source: torch.nn.functional.mse_loss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 3.0]), torch.zeros(2))
        tensor(5.)
    """
    _warn_sizes(input, target)
    reduction = read(reduction, size_average, reduce)
    pair = tuple(_pair("mse_loss", "mse_cpu", input, target))
    if weight is not None:
        return _weighted(operation(_mse, pair, ("none",)), input, weight, reduction)
    return operation(_mse, pair, (reduction,))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|, of real or complex numbers. Source: torch.nn.functional.l1_loss."""
    _warn_sizes(input, target)
    reduction = read(reduction, size_average, reduce)
    losses = (input - target).abs()
    if weight is not None:
        return _weighted(losses, input, weight, reduction)
    return reduce_tensor(losses, reduction)


def _smooth_l1_forward(x: Node, t: Node, reduction: str, beta: float) -> Node:
    d = x - t
    size = d.abs()
    return reduce_node(size.lt(beta).where(d * d * (0.5 / beta), size - 0.5 * beta), reduction)


def _smooth_l1_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str, beta: float) -> tuple:
    d = ins[0] - ins[1]
    gx = (d / beta).maximum(-1).minimum(1) * share(g, d.numel, reduction)
    return gx, -gx if needs[1] else None


_smooth_l1 = widened("SmoothL1LossBackward0", _smooth_l1_forward, _smooth_l1_rule)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) where d = |input - target| is below beta, else d - beta / 2.

    Raises: RuntimeError when beta is negative.
    Source: torch.nn.functional.smooth_l1_loss; Girshick 2015.
    """
    _warn_sizes(input, target)
    reduction = read(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta. Got {beta}")
    if beta == 0:
        return reduce_tensor((input - target).abs(), reduction)
    pair = _pair("smooth_l1_loss", "smooth_l1_cpu", input, target)
    return operation(_smooth_l1, tuple(pair), (reduction, beta))


def _huber_forward(x: Node, t: Node, reduction: str, delta: float) -> Node:
    d = x - t
    size = d.abs()
    return reduce_node(size.lt(delta).where(d * d * 0.5, (size - 0.5 * delta) * delta), reduction)


def _huber_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str, delta: float) -> tuple:
    d = ins[0] - ins[1]
    gx = d.maximum(-delta).minimum(delta) * share(g, d.numel, reduction)
    return gx, -gx if needs[1] else None


_huber = widened("HuberLossBackward0", _huber_forward, _huber_rule)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d^2 / 2 where d = |input - target| is below delta, else delta (d - delta / 2).

    Args:
        weight: a factor for each element, of input's size; the mean stays the plain one.
    Raises: RuntimeError when delta is not positive.
    Source: torch.nn.functional.huber_loss; Huber 1964.
    """
    _warn_sizes(input, target)
    reduction = read(reduction)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta. Got {delta}")
    pair = tuple(_pair("huber_loss", "huber_cpu", input, target))
    if weight is None:
        return operation(_huber, pair, (reduction, delta))
    if shape_of(weight) != shape_of(input):
        raise ValueError(
            f"Weights and input must have the same size. Got {tuple(weight.shape)} and {tuple(input.shape)}"
        )
    return reduce_tensor(operation(_huber, pair, ("none", delta)) * weight, reduction)


# ---------------------------------------------------------------- Bernoulli


def _bce_forward(x: Node, t: Node, w: Node | None, reduction: str) -> Node:
    # log held at -100: a prediction of exactly 0 or 1 costs 100, not infinity.
    losses = (t - 1) * (-x).log1p().maximum(-100) - t * x.log().maximum(-100)
    return reduce_node(losses if w is None else losses * w, reduction)


def _bce_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str) -> tuple:
    x, t, w = ins
    g = share(g, math.prod(broadcast(x.shape, () if w is None else w.shape)), reduction)
    if w is not None:
        g = g * w
    gx = g * (x - t) / ((1 - x) * x).maximum(1e-12)
    gt = g * ((-x).log1p().maximum(-100) - x.log().maximum(-100)) if needs[1] else None
    return gx, gt, None


_bce = widened("BinaryCrossEntropyBackward0", _bce_forward, _bce_rule)


def _need_probabilities(name: str, x: Tensor) -> Tensor:
    """x, refused when an element is outside [0, 1]: at once if it is known already, else when it is computed."""
    message = f"all elements of {name} should be between 0 and 1: binary_cross_entropy got {{}}"
    return need_within(x, 0.0, 1.0, "RuntimeError", message)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight (target log(input) + (1 - target) log(1 - input)), the logarithms held at -100 or above.

    Args:
        input: probabilities. target: the same, of input's size and dtype.
        weight: a factor that broadcasts to target.
    Raises:
        ValueError: the sizes differ.
        RuntimeError: the dtypes differ; a number is outside [0, 1].
    Source: torch.nn.functional.binary_cross_entropy.
    """
    reduction = read(reduction, size_average, reduce)
    need_tensor("binary_cross_entropy", input)
    need_tensor("binary_cross_entropy", target, 2, "target")
    if shape_of(target) != shape_of(input):
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is "
            "deprecated. Please ensure they have the same size."
        )
    _same_dtype(input, target)
    if weight is not None:
        _same_dtype(input, weight)
    if dtype_of(input).category != FLOATING:
        raise lacking("binary_cross_entropy", input)
    given = (_need_probabilities("input", input), _need_probabilities("target", target), weight)
    return operation(_bce, given, (reduction,))


def _same_dtype(input: Tensor, other: Tensor) -> None:
    if dtype_of(input) is not dtype_of(other):
        raise RuntimeError(
            f"Found dtype {title(dtype_of(other))} but expected {title(dtype_of(input))} (binary_cross_entropy)"
        )


def _log_sigmoid(x: Node) -> Node:
    return x.minimum(0) - (-x.abs()).exp().log1p()


def _positive_weight(t: Node, p: Node | None) -> Node | None:
    """The factor of the logarithm: 1 where the target is 0, pos_weight where it is 1."""
    return None if p is None else (p - 1) * t + 1


def _bce_logits_forward(x: Node, t: Node, w: Node | None, p: Node | None, reduction: str) -> Node:
    factor = _positive_weight(t, p)
    log = _log_sigmoid(x)
    losses = (1 - t) * x - (log if factor is None else factor * log)
    return reduce_node(losses if w is None else losses * w, reduction)


def _bce_logits_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str) -> tuple:
    x, t, w, p = ins
    g = share(g, math.prod(_logits_shape(x, w, p)), reduction)
    if w is not None:
        g = g * w
    if p is None:
        return g * (x.sigmoid() - t), -g * x if needs[1] else None, None, None
    factor = _positive_weight(t, p)
    gx = g * ((1 - t) - factor * (-x).sigmoid())
    gt = -g * (x + (p - 1) * _log_sigmoid(x)) if needs[1] else None
    return gx, gt, None, None


def _logits_shape(x: Node, w: Node | None, p: Node | None) -> tuple[int, ...]:
    shape = x.shape
    for other in (w, p):
        if other is not None:
            shape = broadcast(shape, other.shape)
    return shape


_bce_logits = widened("BinaryCrossEntropyWithLogitsBackward0", _bce_logits_forward, _bce_logits_rule)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), computed without forming it.

    Args:
        weight: a factor that broadcasts to target.
        pos_weight: a factor of the positive term, which broadcasts to target: one for each column, say.
    Raises:
        ValueError: the sizes differ.
        RuntimeError: weight or pos_weight requires grad.
    Source: torch.nn.functional.binary_cross_entropy_with_logits.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 1.0]))
        tensor(0.6931)
    """
    reduction = read(reduction, size_average, reduce)
    need_tensor("binary_cross_entropy_with_logits", input)
    need_tensor("binary_cross_entropy_with_logits", target, 2, "target")
    if shape_of(target) != shape_of(input):
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    if dtype_of(input).category != FLOATING:
        raise lacking("log_sigmoid_cpu", input)
    if dtype_of(target).category != FLOATING:
        raise RuntimeError(
            f"result type {title(dtype_of(input))} can't be cast to the desired output type "
            f"{title(dtype_of(target))}: binary_cross_entropy_with_logits needs a floating target. Call .float() first."
        )
    given = [input, target]
    for name, factor in (("weight", weight), ("pos_weight", pos_weight)):
        if factor is not None:
            if factor.requires_grad:
                raise RuntimeError(
                    "The function 'binary_cross_entropy_with_logits' is not differentiable with respect to argument "
                    f"'{name}'. This input cannot have requires_grad True."
                )
            given.append(factor)
    given = operands("binary_cross_entropy_with_logits", *given)
    w = given[2] if weight is not None else None
    p = given[-1] if pos_weight is not None else None
    return operation(_bce_logits, (given[0], given[1], w, p), (reduction,))


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """binary_cross_entropy_with_logits averaged over the classes, the last dimension: (N, C) or (C) gives (N) or ().

    Args:
        weight: a factor for each class, (C).
    Source: torch.nn.functional.multilabel_soft_margin_loss.
    """
    reduction = read(reduction, size_average, reduce)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduce_tensor(losses.sum(-1) / input.size(-1), reduction)


def _soft_margin_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str) -> tuple:
    x, t = ins
    z = -(x * t)
    return -t * z.sigmoid() * share(g, z.numel, reduction), None


def _soft_margin_forward(x: Node, t: Node, reduction: str) -> Node:
    z = -(x * t)
    return reduce_node(z.maximum(0) + (-z.abs()).exp().log1p(), reduction)


_soft_margin = widened("SoftMarginLossBackward0", _soft_margin_forward, _soft_margin_rule)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input)) with a target of 1 or -1; finite for inputs of any size.

    Source: torch.nn.functional.soft_margin_loss.
    """
    reduction = read(reduction, size_average, reduce)
    need_tensor("soft_margin_loss", input)
    if dtype_of(input).category != FLOATING:
        raise RuntimeError(
            f"soft_margin_loss: result type Float can't be cast to the desired output type {title(dtype_of(input))}"
        )
    target = to_dtype(need_tensor("soft_margin_loss", target, 2, "target"), dtype_of(input))
    return operation(_soft_margin, (input, target), (reduction,))


# ---------------------------------------------------------------- divergence, Poisson, normal


def _kl_forward(x: Node, t: Node, reduction: str, log_target: bool) -> Node:
    if log_target:
        return reduce_node(t.exp() * (t - x), reduction)
    return reduce_node(t.eq(0).where(0, t * t.log()) - t * x, reduction)


def _kl_rule(g: Node, out: Node, ins: tuple, needs: tuple, reduction: str, log_target: bool) -> tuple:
    x, t = ins
    g = share(g, math.prod(broadcast(x.shape, t.shape)), reduction)
    q = t.exp() if log_target else t
    gt = None
    if needs[1] and log_target:
        gt = g * q * (t - x + 1)
    elif needs[1]:
        # 0 times the logarithm of any number is 0, so that what has no weight in the result passes no NaN on.
        gt = g * (1 - x) + (g.eq(0) | t.eq(0)).where(t * 0, g * t.log())
    return -g * q, gt


_kl = widened("KlDivBackward0", _kl_forward, _kl_rule)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log(target) - input), input being log-probabilities; 0 where target is 0.

    "batchmean" divides the sum by the batch size, which gives the divergence; "mean" divides it by the number of
    elements, and warns.

    Args:
        log_target: target holds log-probabilities too.
    Raises: RuntimeError for integers.
    Source: torch.nn.functional.kl_div.
    """
    if size_average is not None or reduce is not None:
        reduction = read(reduction, size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    elif reduction != "batchmean":
        reduction = read(reduction)
    x, t = operands("kl_div", need_tensor("kl_div", input), need_tensor("kl_div", target, 2, "target"))
    if dtype_of(input).category < FLOATING or dtype_of(target).category < FLOATING:
        raise RuntimeError(f"kl_div: Integral inputs not supported. Got {input.dtype} and {target.dtype}")
    if reduction != "batchmean":
        return operation(_kl, (x, t), (reduction, log_target))
    total = operation(_kl, (x, t), ("sum", log_target))
    return total / shape_of(input)[0] if input.dim() else total


def _poisson_forward(x: Node, t: Node, reduction: str, log_input: bool, full: bool, eps: float) -> Node:
    losses = x.exp() - t * x if log_input else x - t * (x + eps).log()
    if full:
        above = t.gt(1)
        held = above.where(
            t, 1
        )  # the approximation is for counts above 1; below, its logarithms are not taken
        stirling = held * held.log() - held + (held * (2 * math.pi)).log() * 0.5
        losses = losses + above.where(stirling, 0)
    return reduce_node(losses, reduction)


_poisson = widened("PoissonNllLossBackward0", _poisson_forward)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target input, or with log_input=False input - target log(input + eps).

    Args:
        full: add Stirling's approximation of log(target!) where target is above 1.
    Source: torch.nn.functional.poisson_nll_loss.
    """
    reduction = read(reduction, size_average, reduce)
    pair = operands("poisson_nll_loss", input, target, floating=True)
    return operation(_poisson, tuple(pair), (reduction, bool(log_input), bool(full), eps))


def _gaussian_forward(x: Node, t: Node, v: Node, reduction: str, full: bool, eps: float) -> Node:
    v = v.maximum(eps)
    d = x - t
    losses = (v.log() + d * d / v) * 0.5
    return reduce_node(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _gaussian_rule(
    g: Node, out: Node, ins: tuple, needs: tuple, reduction: str, full: bool, eps: float
) -> tuple:
    x, t, v = ins
    v = v.maximum(eps)
    d = x - t
    g = share(g, math.prod(broadcast(d.shape, v.shape)), reduction)
    gx = g * d / v
    # As in PyTorch, a variance that was held at eps gets the gradient of the one it was held at.
    gv = g * (1 - d * d / v) * 0.5 / v if needs[2] else None
    return gx, -gx if needs[1] else None, gv


_gaussian = widened("GaussianNllLossBackward0", _gaussian_forward, _gaussian_rule)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log(var) + (input - target)^2 / var) / 2, var held above eps; full adds log(2 pi) / 2.

    Args:
        var: variances of input's size, or with 1 for (or without) its last dimension, or a number.
    Raises: ValueError when var is negative, or its size fits not.
    Source: torch.nn.functional.gaussian_nll_loss.
    """
    need_tensor("gaussian_nll_loss", input)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid: use 'none', 'mean' or 'sum'")
    if isinstance(var, Tensor):
        var = _checked_variance(input, var)
    elif var < 0:
        raise ValueError(f"var has negative entry/entries: gaussian_nll_loss got {var}")
    given = operands("gaussian_nll_loss", input, target, var, floating=True)
    return operation(_gaussian, tuple(given), (reduction, bool(full), eps))


def _checked_variance(input: Tensor, var: Tensor) -> Tensor:
    """var, with a last dimension of 1 where it lacks one."""
    message = "var has negative entry/entries: gaussian_nll_loss got {}"
    var = need_within(var, 0.0, math.inf, "ValueError", message, nan=True)
    a, b = shape_of(input), shape_of(var)
    if a == b:
        return var
    if a[:-1] == b:
        return var.unsqueeze(-1)
    if len(a) == len(b) and sum(m for n, m in zip(a, b) if n != m) == 1:
        return var
    raise ValueError(f"var is of incorrect size: gaussian_nll_loss got {list(b)} for an input of {list(a)}")
