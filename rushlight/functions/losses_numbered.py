"""The losses of torch's top namespace, whose `reduction` is a number: 0 for "none", 1 for "mean", 2 for "sum".

Each hands on to the function of the same name in torch.nn.functional, without its warnings about reductions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .losses import binary_cross_entropy_with_logits, kl_div, poisson_nll_loss
from .losses_ranking import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from .losses_sequence import ctc_loss
from .register import FUNCTIONS

_NAMES = ("none", "mean", "sum")


def _numbered(fn: Callable, arguments: str) -> None:
    """Publish `fn` with its arguments in torch's order; those that are missing keep their defaults."""
    order = arguments.split()

    def loss(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(order):
            raise TypeError(f"{fn.__name__}() takes at most {len(order)} arguments, got {len(args)}")
        given = dict(zip(order, args)) | kwargs
        number = given.get("reduction", 1)
        if number not in (0, 1, 2):
            raise ValueError(f"{fn.__name__}: reduction is 0 (none), 1 (mean) or 2 (sum), got {number!r}")
        given["reduction"] = _NAMES[number]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "reduction: 'mean' divides")
            return fn(**given)

    loss.__name__ = loss.__qualname__ = fn.__name__
    loss.__doc__ = (
        f"As torch.nn.functional.{fn.__name__}, with ({', '.join(order)}); reduction is 0, 1 or 2 for none, mean or sum. "
        f"Source: torch.{fn.__name__}."
    )
    FUNCTIONS[fn.__name__] = loss


_numbered(binary_cross_entropy_with_logits, "input target weight pos_weight reduction")
_numbered(kl_div, "input target reduction")
_numbered(poisson_nll_loss, "input target log_input full eps reduction")
_numbered(hinge_embedding_loss, "input target margin reduction")
_numbered(cosine_embedding_loss, "input1 input2 target margin reduction")
_numbered(margin_ranking_loss, "input1 input2 target margin reduction")
_numbered(triplet_margin_loss, "anchor positive negative margin p eps swap reduction")
_numbered(ctc_loss, "log_probs targets input_lengths target_lengths blank reduction zero_infinity")
