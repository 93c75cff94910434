"""ctc_loss: label sequences without a known alignment. Its recursion over time is a primitive, in ops/ctc.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation
from ..dtypes import INTEGRAL, float32, float64, int64
from ..graph.node import Node
from ..ops.ctc import ctc
from ..tensor import Tensor, dtype_of, from_array, shape_of
from .arguments import lacking, need_tensor, to_dtype
from .loss_reduction import read, reduce_tensor
from .pointwise import clamp_min


def _forward(
    x: Node, targets: Node, steps: Node, lengths: Node, blank: int, zeroed: bool
) -> tuple[Node, Node]:
    losses = ctc(x, targets, steps, lengths, blank)
    return losses.isinf().where(0, losses) if zeroed else losses, losses


def _rule(g: Node, outs: tuple, ins: tuple, needs: tuple, blank: int, zeroed: bool) -> tuple:
    x = ins[0]
    slope = x.ctc_slope(*ins[1:], blank) * g.reshape((1, x.shape[1], 1))
    if zeroed:
        slope = outs[1].isfinite().reshape((1, x.shape[1], 1)).where(slope, 0)
    return slope, None, None, None


_ctc = Op("CtcLossBackward0", _forward, _rule, visible=1)


def _lengths(which: str, given: Any, N: int) -> Tensor:
    """Lengths, a tensor or a sequence of ints, as N int64 numbers."""
    found = given if isinstance(given, Tensor) else from_array(np.array(given, np.int64), int64)
    if dtype_of(found).category > INTEGRAL:
        raise RuntimeError(f"{which} must be integral, got {found.dtype} (ctc_loss)")
    if found.numel() != N:
        raise RuntimeError(
            f"{which} must be of size batch_size: ctc_loss got {found.numel()} for {N} samples"
        )
    return to_dtype(found, int64).reshape(N)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of each target under all its alignments to the input's steps.

    The gradient is meant for log-probabilities that log_softmax gave. "mean" divides each loss by its target's length
    first.

    Args:
        log_probs: (T, N, C) or (T, C), float32 or float64.
        targets: (N, S), or all of them one after another; classes other than blank.
        input_lengths, target_lengths: (N) or (), tensors or sequences of ints; at most T and S.
        blank: the class that stands for no label.
        zero_infinity: infinite losses, of targets too long for their input, and their gradients become 0.
    Raises: RuntimeError for sizes that do not fit; IndexError for a class outside [0, C).
    Source: torch.nn.functional.ctc_loss; Graves et al. 2006.
    """
    reduction = read(reduction)
    shape = shape_of(need_tensor("ctc_loss", log_probs))
    need_tensor("ctc_loss", targets, 2, "targets")
    if len(shape) not in (2, 3):
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {len(shape)}-dimensional tensor for argument #1 'log_probs' "
            "(ctc_loss: (T, N, C) or (T, C))"
        )
    if dtype_of(log_probs) not in (float32, float64):
        raise lacking("ctc_loss_cpu", log_probs)
    x = log_probs if len(shape) == 3 else log_probs.unsqueeze(1)
    N = shape[1] if len(shape) == 3 else 1
    if not 0 <= blank < shape[-1]:
        raise RuntimeError(f"blank must be in label range: ctc_loss got {blank} with {shape[-1]} classes")
    steps, lengths = (
        _lengths(which, given, N)
        for which, given in (("input_lengths", input_lengths), ("target_lengths", target_lengths))
    )
    if targets.dim() == 2 and shape_of(targets)[0] != N:
        raise RuntimeError(
            f"Expected tensor to have size {N} at dimension 0, but got size {shape_of(targets)[0]} for argument #2 "
            "'targets' (ctc_loss)"
        )
    losses = operation(_ctc, (x, to_dtype(targets, int64), steps, lengths), (int(blank), bool(zero_infinity)))
    if reduction == "mean":
        losses = losses / to_dtype(clamp_min(lengths, 1), dtype_of(x))
    return reduce_tensor(losses if len(shape) == 3 else losses.squeeze(0), reduction)
