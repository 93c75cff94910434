"""Softmax over many classes in clusters (torch.nn.AdaptiveLogSoftmaxWithLoss)."""

from __future__ import annotations

from collections import namedtuple

from ... import functions as fn
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over n_classes ordered by frequency, rare classes through smaller projections (Grave et
    al. 2017).

    The head tells the first cutoffs[0] classes and the clusters apart; cluster i, the classes in [cutoffs[i],
    cutoffs[i + 1]), has a projection to in_features / div_value^(i + 1) numbers.

    Args:
        cutoffs: increasing class numbers in [1, n_classes - 1].
        head_bias: a bias in the head.
    Shape: input (N, in_features) or (in_features), target classes (N) or () -> (output (N) or (), loss ()),
        output the log-probability of the target, loss minus its mean.
    Raises:
        ValueError: cutoffs that are not unique, increasing and within range.
        RuntimeError: a target outside [0, n_classes), or shapes that do not fit.
    Source: torch.nn.AdaptiveLogSoftmaxWithLoss.
    Example:
        >>> import rushlight as torch
        >>> m = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])
        >>> m(torch.ones(3, 16), torch.tensor([0, 6, 19])).output.shape
        torch.Size([3])
    """

    def __init__(
        self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        _check_cutoffs(cutoffs, n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // div_value ** (i + 1))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, device=device, dtype=dtype),
                    Linear(hidden, classes, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self):
        """Draw all weights anew."""
        self.head.reset_parameters()
        for projection, output in self.tail:
            projection.reset_parameters()
            output.reset_parameters()

    def forward(self, input_, target_):
        _check_shapes(input_, target_)
        batched = target_.dim() > 0
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        # The log-probability of a rare class is that of its cluster in the head plus its own within the
        # cluster.
        head_column = fn.where(target < self.shortlist_size, target, fn.full_like(target, -1))
        output = input.new_zeros(target.size(0))
        for i in range(self.n_clusters):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            head_column[rows] = self.shortlist_size + i
            log_prob = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
            column = (target.index_select(0, rows) - low).unsqueeze(1)
            output = output.index_copy(0, rows, log_prob.gather(1, column).squeeze(1))
        if bool(((target < 0) | (target >= self.n_classes)).any()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head_log_prob = F.log_softmax(self.head(input), dim=1)
        output = output + head_log_prob.gather(1, head_column.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input, head_output):
        head_log_prob = F.log_softmax(head_output, dim=1)
        parts = [head_log_prob[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            of_cluster = head_log_prob[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), dim=1) + of_cluster)
        return fn.cat(parts, dim=1)

    def log_prob(self, input):
        """Log-probabilities of all classes: (N, in_features) -> (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input):
        """The most probable class of each sample: (N, in_features) -> (N)."""
        head_output = self.head(input)
        output = fn.argmax(head_output, dim=1)
        in_cluster = output >= self.shortlist_size
        if in_cluster.any():
            log_prob = self._get_full_log_prob(input[in_cluster], head_output[in_cluster])
            output[in_cluster] = fn.argmax(log_prob, dim=1)
        return output


def _check_cutoffs(cutoffs, n_classes):
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    increasing = all(low < high for low, high in zip(cutoffs, cutoffs[1:], strict=False))
    whole = all(int(cutoff) == cutoff for cutoff in cutoffs)
    if not (increasing and whole and min(cutoffs) > 0 and max(cutoffs) <= n_classes - 1):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, "
            "where each value is between 1 and n_classes-1"
        )


def _check_shapes(input, target):
    if target.dim() == 1:
        if input.size(0) != target.size(0):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input.dim() != 2:
            raise RuntimeError(
                f"1D target tensor expects 2D input tensors, but found inputs with size {input.size()}"
            )
    elif target.dim() == 0:
        if input.dim() != 1:
            raise RuntimeError(
                f"0D target tensor expects 1D input tensors, but found inputs with size {input.size()}"
            )
    else:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
