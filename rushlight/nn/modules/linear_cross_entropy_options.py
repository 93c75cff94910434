"""LinearCrossEntropyOptions: how linear_cross_entropy may trade memory for time (torch.nn.modules).

In rushlight the loss and its layer are fused by the compiler whatever is chosen, so the options are checked
and kept, and change no result.
"""

from __future__ import annotations

import dataclasses

from ...dtypes import DType, bfloat16, float16, float32, float64

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """Wishes about memory and precision of linear_cross_entropy.

    Attributes:
        allow_retain_graph: whether backward may run twice.
        batch_chunk_size: rows that are computed at a time; None: all.
        chunking_method: "auto", "aspect_ratio", "aspect_ratio:N" or None, the ways to choose
            batch_chunk_size.
        acc_policy: "auto", "accurate", "balanced" or "compact".
        acc_dtype: dtype of sums; None: chosen by input.
    Raises:
        ValueError: a value outside these.
    Source: torch.nn.modules.linear_cross_entropy_options.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self):
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, separator, factor = self.chunking_method.partition(":")
            positive = not separator or (factor.isdigit() and int(factor) > 0)
            if name != "aspect_ratio" or not positive:
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype not in (None, float16, bfloat16, float32, float64):
            raise ValueError(f"acc_dtype must be None or a floating-point dtype, got {self.acc_dtype!r}")
