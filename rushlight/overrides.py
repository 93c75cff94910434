"""`torch.overrides`: functions are not overridden by other classes here; questions about it are answered."""

from typing import Any

from .absent import absent_class
from .tensor import Tensor

_INSTEAD = "calls are not sent through __torch_function__; subclass Tensor and override its methods"
TorchFunctionMode = absent_class("overrides.TorchFunctionMode", _INSTEAD)


def has_torch_function(relevant_args: Any) -> bool:
    """False: no argument takes calls over."""
    return False


def has_torch_function_unary(tensor: Any) -> bool:
    """False: no argument takes calls over."""
    return False


def has_torch_function_variadic(*tensors: Any) -> bool:
    """False: no argument takes calls over."""
    return False


def handle_torch_function(public_api: Any, relevant_args: Any, *args: Any, **kwargs: Any) -> Any:
    """The function itself, called."""
    return public_api(*args, **kwargs)


def is_tensor_like(inp: Any) -> bool:
    """Whether this is a tensor."""
    return isinstance(inp, Tensor)


def is_tensor_method_or_property(func: Any) -> bool:
    """Whether Tensor has it."""
    return getattr(Tensor, getattr(func, "__name__", ""), None) is func
