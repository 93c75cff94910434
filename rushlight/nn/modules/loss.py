"""Losses as layers (torch.nn.modules.loss); the functions themselves are in nn/functional.py.

reduction: "none" gives the losses one by one, "mean" their mean (weighted where there are weights), "sum"
their sum. size_average and reduce are the two flags that stood for it before. LinearCrossEntropyLoss, which
has a layer of its own, is in linear_cross_entropy.py and handed on from here.
"""

from __future__ import annotations

import warnings

from .. import functional as F
from .distance import PairwiseDistance
from .linear_cross_entropy import LinearCrossEntropyLoss
from .loss_base import _Loss, _WeightedLoss

__all__ = [
    "L1Loss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "GaussianNLLLoss",
    "KLDivLoss",
    "MSELoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "HingeEmbeddingLoss",
    "MultiLabelMarginLoss",
    "SmoothL1Loss",
    "HuberLoss",
    "SoftMarginLoss",
    "CrossEntropyLoss",
    "LinearCrossEntropyLoss",
    "MultiLabelSoftMarginLoss",
    "CosineEmbeddingLoss",
    "MarginRankingLoss",
    "MultiMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "CTCLoss",
]


class L1Loss(_Loss):
    """|input - target|.

    Shape: (*), (*) -> () or (*).
    Source: torch.nn.L1Loss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.L1Loss()(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0]))
        tensor(2.)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class NLLLoss(_WeightedLoss):
    """-weight_c input_c with c the target class; input holds log-probabilities.

    Args:
        weight: a weight for each class, (C); the mean is then the weighted one.
        ignore_index: a target that counts for nothing.
    Shape: input (N, C, *), (C); target integers (N, *), () in [0, C) -> () or (N, *), ().
    Source: torch.nn.NLLLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.NLLLoss()(torch.tensor([[-1.0, -3.0]]), torch.tensor([1]))
        tensor(3.)
    """

    __constants__ = ["ignore_index", "reduction"]

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class NLLLoss2d(NLLLoss):
    """Deprecated name of NLLLoss."""

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class PoissonNLLLoss(_Loss):
    """exp(input) - target input, or with log_input=False input - target log(input + eps).

    Args:
        full: add Stirling's approximation of log(target!).
    Shape: (*), (*) -> () or (*).
    Source: torch.nn.PoissonNLLLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.PoissonNLLLoss()(torch.tensor([0.0]), torch.tensor([5.0]))
        tensor(1.)
    """

    __constants__ = ["log_input", "full", "eps", "reduction"]

    def __init__(
        self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(_Loss):
    """(log(var) + (input - target)^2 / var) / 2, var held above eps; full adds log(2 pi) / 2.

    Shape: input (*), target (*), var (*) or broadcast to it, or a number -> () or (*).
    Source: torch.nn.GaussianNLLLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.GaussianNLLLoss()(torch.tensor([2.0]), torch.tensor([0.0]), torch.tensor([1.0]))
        tensor(2.)
    """

    __constants__ = ["full", "eps", "reduction"]

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class KLDivLoss(_Loss):
    """target (log(target) - input), input being log-probabilities; 0 where target is 0.

    "batchmean" divides the sum by the batch size, which gives the Kullback-Leibler divergence; "mean"
    divides by the number of elements and warns.

    Args:
        log_target: target holds log-probabilities too.
    Shape: (*), (*) -> () or (*).
    Source: torch.nn.KLDivLoss.
    Example:
        >>> import rushlight as torch
        >>> p = torch.tensor([[0.5, 0.5]])
        >>> torch.nn.KLDivLoss(reduction="batchmean")(p.log(), p)
        tensor(0.)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class MSELoss(_Loss):
    """(input - target)^2.

    Shape: (*), (*) -> () or (*).
    Source: torch.nn.MSELoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.MSELoss()(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0]))
        tensor(5.)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class BCELoss(_WeightedLoss):
    """-weight (target log(input) + (1 - target) log(1 - input)), the logarithms held at -100 or above.

    Shape: input in [0, 1] (*), target (*) -> () or (*).
    Raises:
        RuntimeError: input is outside [0, 1].
        ValueError: the shapes differ.
    Source: torch.nn.BCELoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(input), computed without forming it.

    Args:
        weight: a factor for each element, broadcast.
        pos_weight: a factor of the positive term, broadcast to target: one for each column, say.
    Shape: (*), (*) -> () or (*).
    Source: torch.nn.BCEWithLogitsLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.BCEWithLogitsLoss()(torch.tensor([0.0]), torch.tensor([1.0]))
        tensor(0.6931)
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """input where target is 1, max(0, margin - input) where it is -1.

    Shape: (*), (*) -> () or (*).
    Source: torch.nn.HingeEmbeddingLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.HingeEmbeddingLoss()(torch.tensor([0.5, 0.25]), torch.tensor([1.0, -1.0]))
        tensor(0.6250)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """sum of max(0, 1 - (input_y - input_i)) / C over the target classes y and the other classes i.

    Shape: input (N, C) or (C), target integers of that shape: the classes, then -1 -> (), (N) or ().
    Source: torch.nn.MultiLabelMarginLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.MultiLabelMarginLoss()(torch.tensor([0.0, 0.0]), torch.tensor([0, -1]))
        tensor(0.5000)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """d^2 / (2 beta) where d = |input - target| < beta, else d - beta / 2 (Girshick 2015).

    Shape: (*), (*) -> () or (*).
    Source: torch.nn.SmoothL1Loss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.SmoothL1Loss()(torch.tensor([2.0]), torch.tensor([0.0]))
        tensor(1.5000)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """d^2 / 2 where d = |input - target| < delta, else delta (d - delta / 2) (Huber 1964).

    Shape: (*), (*) -> () or (*).
    Raises:
        TypeError: delta is no number.
    Source: torch.nn.HuberLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.HuberLoss(delta=2.0)(torch.tensor([3.0]), torch.tensor([0.0]))
        tensor(4.)
    """

    __constants__ = ["reduction", "delta"]

    def __init__(self, reduction="mean", delta=1.0):
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target input)), target being 1 or -1.

    Shape: (*), (*) -> () or (*).
    Source: torch.nn.SoftMarginLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.SoftMarginLoss()(torch.tensor([0.0]), torch.tensor([1.0]))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """-sum over c of weight_c q_c log softmax(input)_c, q the target distribution.

    Args:
        weight: a weight for each class, (C); the mean is then the weighted one.
        ignore_index: a target class that counts for nothing.
        label_smoothing: share of q spread evenly over the classes, in [0, 1].
    Shape: input, logits (N, C, *) or (C); target, classes (N, *) or () in [0, C), or probabilities of
        input's shape -> (), (N, *) or ().
    Source: torch.nn.CrossEntropyLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.CrossEntropyLoss()(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.6931)
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]

    def __init__(
        self,
        weight=None,
        size_average=None,
        ignore_index=-100,
        reduce=None,
        reduction="mean",
        label_smoothing=0.0,
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """BCEWithLogitsLoss averaged over the classes.

    Shape: (N, C) or (C), the same -> (), (N) or ().
    Source: torch.nn.MultiLabelSoftMarginLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(x1, x2) where target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Shape: (N, D), (N, D), (N) or (D), (D), () -> (), (N) or ().
    Source: torch.nn.CosineEmbeddingLoss.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor([[1.0, 0.0]])
        >>> torch.nn.CosineEmbeddingLoss()(x, x, torch.tensor([-1.0]))
        tensor(1.)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, -target (input1 - input2) + margin), target being 1 (input1 ranks higher) or -1.

    Shape: (N), (N), (N) -> () or (N).
    Source: torch.nn.MarginRankingLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.MarginRankingLoss()(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([1.0]))
        tensor(2.)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """sum of max(0, margin - input_y + input_i)^p / C over the classes i other than the target y.

    Shape: (N, C), (N) or (C), () -> (), (N) or ().
    Raises:
        ValueError: p is neither 1 nor 2, or weight is not one for each class.
    Source: torch.nn.MultiMarginLoss.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.MultiMarginLoss()(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.5000)
    """

    __constants__ = ["p", "margin", "reduction"]

    def __init__(self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D instead"
            )
        self.p = p
        self.margin = margin

    def forward(self, input, target):
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference plus eps.

    Args:
        swap: use d(positive, negative) where it is smaller than d(anchor, negative) (Balntas et al. 2016).
    Shape: (N, D) or (D), three times -> (), (N) or ().
    Raises:
        ValueError: margin is not positive.
    Source: torch.nn.TripletMarginLoss.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor([[0.0]])
        >>> torch.nn.TripletMarginLoss(margin=2.0)(x, x, x).item()
        2.0
    """

    __constants__ = ["margin", "p", "eps", "swap", "reduction"]

    def __init__(
        self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
    ):
        super().__init__(size_average, reduce, reduction)
        _check_margin(self, margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


def _check_margin(loss, margin):
    if margin <= 0:
        raise ValueError(f"{type(loss).__name__}: expected margin to be greater than 0, got {margin} instead")


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with any distance function, PairwiseDistance if None.

    Raises:
        ValueError: margin is not positive.
    Source: torch.nn.TripletMarginWithDistanceLoss.
    Example:
        >>> import rushlight as torch
        >>> def distance(a, b):
        ...     return (a - b).abs().sum(-1)
        >>> loss = torch.nn.TripletMarginWithDistanceLoss(distance_function=distance)
        >>> loss(torch.tensor([[0.0]]), torch.tensor([[2.0]]), torch.tensor([[1.0]]))
        tensor(2.)
    """

    __constants__ = ["margin", "swap", "reduction"]

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__(size_average=None, reduce=None, reduction=reduction)
        _check_margin(self, margin)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """-log of the probability that a sequence collapses to its target (Graves et al. 2006).

    Args:
        blank: the class of the blank label.
        zero_infinity: count impossible alignments as 0.
    Shape: log_probs (T, N, C) or (T, C); targets (N, S) or all in one (sum of target_lengths); input_lengths
        and target_lengths (N) -> (), (N). "mean" divides each loss by its target's length first.
    Source: torch.nn.CTCLoss.
    Example:
        >>> import rushlight as torch
        >>> steps = torch.zeros(3, 1, 2).log_softmax(2)
        >>> torch.nn.CTCLoss()(steps, torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1]))
        tensor(0.2877)
    """

    __constants__ = ["blank", "reduction"]

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


for _base in (_Loss, _WeightedLoss, LinearCrossEntropyLoss):
    _base.__module__ = __name__  # their place in torch.nn, which files of whole modules name
