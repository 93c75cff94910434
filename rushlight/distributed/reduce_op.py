"""What a reduction does with the ranks' numbers, and in which type it is computed.

MPI reduces the common types. Narrow floats are summed in float32 and rounded once; booleans are 0 and 1, so that SUM is
"any" and PRODUCT "all". AVG is a sum and a division.
"""

from __future__ import annotations

import enum
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import FLOATING, DType


class RedOpType(enum.Enum):
    """The reductions, with PyTorch's numbers."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    def __str__(self) -> str:
        return f"RedOpType.{self.name}"


class _ReduceOpMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, RedOpType)


class ReduceOp(metaclass=_ReduceOpMeta):
    """What a reduction does: SUM, AVG, PRODUCT, MIN, MAX, and BAND, BOR, BXOR on integers.

    Source: torch.distributed.ReduceOp.
    Example:
        >>> import rushlight.distributed as dist
        >>> dist.ReduceOp.SUM
        <RedOpType.SUM: 0>
    """

    RedOpType = RedOpType
    SUM = RedOpType.SUM
    AVG = RedOpType.AVG
    PRODUCT = RedOpType.PRODUCT
    MIN = RedOpType.MIN
    MAX = RedOpType.MAX
    BAND = RedOpType.BAND
    BOR = RedOpType.BOR
    BXOR = RedOpType.BXOR
    PREMUL_SUM = RedOpType.PREMUL_SUM

    def __new__(cls, op: Any) -> Any:
        return RedOpType(op)


class _OldReduceOp:
    """`torch.distributed.reduce_op`, the old name of ReduceOp."""

    def __getattr__(self, name: str) -> Any:
        if name not in RedOpType.__members__:
            raise AttributeError(f"torch.distributed.reduce_op has no {name!r}")
        warnings.warn(
            "`torch.distributed.reduce_op` is deprecated, please use `torch.distributed.ReduceOp` instead",
            FutureWarning,
            stacklevel=2,
        )
        return getattr(ReduceOp, name)


reduce_op = _OldReduceOp()

_BITWISE = (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR)
_ON_BOOL = {
    RedOpType.SUM: "MAX", RedOpType.MAX: "MAX", RedOpType.BOR: "MAX", RedOpType.PRODUCT: "MIN",
    RedOpType.MIN: "MIN", RedOpType.BAND: "MIN", RedOpType.BXOR: "BXOR",
}  # fmt: skip
_NAMES = {RedOpType.PRODUCT: "PROD", RedOpType.AVG: "SUM"}


def supports_complex(reduceOp: Any) -> bool:
    """Whether the reduction has a meaning for complex numbers."""
    return reduceOp not in (RedOpType.MAX, RedOpType.MIN, RedOpType.PRODUCT, *_BITWISE)


class Reduction:
    """How tensors of one dtype are reduced: `name`, MPI's operation, on arrays of type `wire`.

    Raises: TypeError, ValueError or RuntimeError for a reduction that the dtype does not have.
    """

    def __init__(self, op: Any, dtype: DType, caller: str) -> None:
        if not isinstance(op, RedOpType):
            raise TypeError(f"{caller}: op must be a ReduceOp such as ReduceOp.SUM, got {op!r}")
        if op is RedOpType.PREMUL_SUM:
            raise ValueError(f"{caller}: PREMUL_SUM is NCCL's own; multiply the tensor and use ReduceOp.SUM")
        if dtype.is_complex and not supports_complex(op):
            raise ValueError(f"{caller} does not support {op} on complex tensors")
        if op in _BITWISE and dtype.category >= FLOATING:
            raise RuntimeError(f"Cannot use ReduceOp.{op.name} with non-integral dtype, got {dtype}")
        if op is RedOpType.AVG and dtype.category < FLOATING:
            raise RuntimeError(f"{caller}: ReduceOp.AVG needs a floating or complex dtype, got {dtype}")
        self.op = op
        self.dtype = dtype
        self.name = _ON_BOOL[op] if dtype is dtypes.bool else _NAMES.get(op, op.name)
        self.wire: np.dtype = _wire(dtype)

    def encode(self, array: np.ndarray) -> np.ndarray:
        """The array as MPI reduces it: flat, contiguous."""
        return np.ascontiguousarray(array, dtype=self.wire).reshape(-1)

    def decode(self, array: np.ndarray, size: int) -> np.ndarray:
        """The reduced numbers of `size` ranks in the tensor's own type."""
        if self.op is RedOpType.AVG:
            array = array / self.wire.type(size)
        return array.astype(self.dtype.numpy, copy=False)


def _wire(dtype: DType) -> np.dtype:
    """The type in which MPI reduces."""
    if dtype is dtypes.bool:
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if dtype in dtypes.NARROW else dtype.numpy
