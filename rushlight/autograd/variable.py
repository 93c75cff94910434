"""`torch.autograd.Variable`: the old name of a tensor."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .record import alias


class _VariableType(type):
    """isinstance(x, Variable) holds for every tensor."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """Variable(tensor) is the tensor off the tape, requiring grad where asked for. Source: torch.autograd.Variable."""

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return alias(data).requires_grad_(requires_grad)


def variable(*args: Any, **kwargs: Any) -> Any:
    """The old name of torch.tensor."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")
