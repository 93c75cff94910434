"""How the losses of single elements become the result: reduction="none", "mean" or "sum".

For nodes and for tensors; and the reading of `reduction=` with the two flags that stood for it before.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..graph.node import Node
from ..tensor import Tensor

_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """0 for "none", 1 for "mean", 2 for "sum".

    Raises: ValueError for any other name.
    """
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2
        )
        reduction = "mean"
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'none', 'mean' or 'sum'")
    return _NUMBERS[reduction]


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True, stacklevel: int = 2
) -> str:
    """The reduction that the flags size_average and reduce (each True if None) stand for."""
    average = size_average is None or bool(size_average)
    reduced = reduce is None or bool(reduce)
    name = "none" if not reduced else "mean" if average else "sum"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
            stacklevel=stacklevel,
        )
    return name


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """get_enum of legacy_get_string."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning, 3))


def read(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction that a loss was asked for; its caller is two frames up.

    Raises: ValueError for a name that is none of the three.
    """
    if size_average is not None or reduce is not None:
        return legacy_get_string(size_average, reduce, stacklevel=4)
    if reduction not in _NUMBERS:
        get_enum(reduction)
        return "mean"
    return reduction


def reduce_node(losses: Node, reduction: str) -> Node:
    """The losses themselves, their sum, or their mean."""
    if reduction == "none":
        return losses
    total = losses.sum(tuple(range(len(losses.shape))), False)
    return total if reduction == "sum" else total / losses.numel


def share(g: Node, count: int, reduction: str) -> Node:
    """The gradient of each of `count` losses from the gradient of what reduce_node gave; it broadcasts."""
    return g / count if reduction == "mean" else g


def reduce_tensor(losses: Tensor, reduction: str) -> Any:
    """As reduce_node, for a tensor."""
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
