"""`torch._tensor`: the Tensor class."""

from .tensor import Tensor
