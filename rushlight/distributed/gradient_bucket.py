"""GradBucket: what a communication hook of DistributedDataParallel is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor


class GradBucket:
    """Gradients of several parameters, one after another in a flat tensor.

    Source: torch.distributed.GradBucket.
    """

    def __init__(self, index: int, last: bool, buffer: Tensor, parameters: Sequence[Any]) -> None:
        self._index = index
        self._last = last
        self._buffer = buffer
        self._parameters = list(parameters)

    def index(self) -> int:
        """Which bucket this is; 0 is sent first."""
        return self._index

    def is_last(self) -> bool:
        """Whether it is the last of this backward pass."""
        return self._last

    def buffer(self) -> Tensor:
        """The flat tensor."""
        return self._buffer

    def set_buffer(self, tensor: Tensor) -> None:
        """Put another flat tensor in its place."""
        self._buffer = tensor

    def parameters(self) -> list:
        """The parameters, in the order of their gradients."""
        return list(self._parameters)

    def gradients(self) -> list[Tensor]:
        """Each parameter's part of the buffer, in its shape."""
        parts = self._buffer.split([parameter.numel() for parameter in self._parameters])
        return [part.view(parameter.shape) for part, parameter in zip(parts, self._parameters)]
