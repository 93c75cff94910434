"""`torch.jit`: decorators and questions that programs carry along. Nothing is compiled: a function stays itself."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..errors import UnsupportedError
from ..nn import Module
from . import annotations


class Error(RuntimeError):
    """An error of TorchScript's."""


class TracerWarning(Warning):
    """A warning of TorchScript's tracer."""

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Accepted."""


class Attribute(NamedTuple):
    """A value with its type, as TorchScript's attributes were declared."""

    value: Any
    type: Any


class ScriptModule(Module):
    """A Module; scripted modules stay what they are."""


class ScriptFunction:
    """Scripted functions stay what they are, so nothing is an instance of this."""


class RecursiveScriptModule(ScriptModule):
    """Scripted modules stay what they are, so nothing is an instance of this."""


class CompilationUnit:
    """Holds scripted code in PyTorch. Raises: UnsupportedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UnsupportedError(
            "torch.jit.CompilationUnit: TorchScript source is not run here; call Python functions"
        )


def _itself(name: str) -> Callable:
    def decorate(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
        return (lambda f: f) if fn is None or isinstance(fn, bool) else fn

    decorate.__name__ = decorate.__qualname__ = name
    decorate.__doc__ = f"Gives the function (or module) itself. Source: torch.jit.{name}."
    return decorate


script = _itself("script")
ignore = _itself("ignore")
unused = _itself("unused")
export = _itself("export")
interface = _itself("interface")
script_method = _itself("script_method")
script_if_tracing = _itself("script_if_tracing")
freeze = _itself("freeze")
optimize_for_inference = _itself("optimize_for_inference")
_overload = _itself("_overload")
_overload_method = _itself("_overload_method")
_script_if_tracing = script_if_tracing


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Gives the function (or module) itself, after calling it once on the example. Source: torch.jit.trace."""
    if example_inputs is not None:
        func(*(example_inputs if isinstance(example_inputs, tuple) else (example_inputs,)))
    return func


def trace_module(mod: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """Gives the module itself. Source: torch.jit.trace_module."""
    return mod


def is_scripting() -> bool:
    """Whether TorchScript is compiling: False."""
    return False


def is_tracing() -> bool:
    """Whether TorchScript is tracing: False."""
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """the_value. Source: torch.jit.annotate."""
    return the_value


def _isinstance(obj: Any, target_type: Any) -> bool:
    """Whether obj is an instance of a type."""
    return isinstance(obj, target_type)


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """Raises: UnsupportedError, for TorchScript files are programs."""
    raise UnsupportedError(
        "torch.jit.save: TorchScript files are not written here; use torch.save(model.state_dict(), f)"
    )


def load(f: Any, map_location: Any = None, _extra_files: Any = None) -> Any:
    """Raises: UnsupportedError, for TorchScript files are programs."""
    raise UnsupportedError(
        "torch.jit.load: TorchScript files are not read here; save the state_dict and load that"
    )


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted."""


def set_fusion_strategy(strategy: Any) -> list:
    """Accepted."""
    return []
