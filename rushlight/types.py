"""`torch.types`: names for type hints."""

from typing import Any

from .devices import Device
from .dtypes import DType
from .tensor import Tensor

Number = int | float | bool
_dtype = DType
_TensorOrTensors = Tensor | tuple[Tensor, ...]
_size = tuple[int, ...] | list[int]
FileLike = Any
Storage = Any

__all__ = ["Device", "FileLike", "Number", "Storage"]
