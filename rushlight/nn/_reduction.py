"""The three reductions of a loss by name, and what the two flags before them meant (torch.nn._reduction)."""

from __future__ import annotations

import warnings

_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction):
    """0 for "none", 1 for "mean", 2 for "sum".

    Raises:
        ValueError: any other name.
    """
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2
        )
        reduction = "mean"
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _NUMBERS[reduction]


def legacy_get_string(size_average, reduce, emit_warning=True):
    """The reduction that the flags size_average and reduce (each True if None) stand for."""
    average = size_average is None or bool(size_average)
    reduced = reduce is None or bool(reduce)
    name = "none" if not reduced else "mean" if average else "sum"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
            stacklevel=2,
        )
    return name


def legacy_get_enum(size_average, reduce, emit_warning=True):
    """get_enum of legacy_get_string."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
