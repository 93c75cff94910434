"""`torch.fx` tracing: not supported."""

from ..absent import absent_class, absent_function

_INSTEAD = "programs are not traced into torch.fx graphs; call the module itself, or use its forward hooks to look inside"

Tracer = absent_class("fx.Tracer", _INSTEAD)
symbolic_trace = absent_function("fx.symbolic_trace", _INSTEAD)


def wrap(fn_or_name):  # type: ignore[no-untyped-def]
    """Marks a function for the tracer in PyTorch: gives it back."""
    return fn_or_name


def is_fx_tracing() -> bool:
    """False: nothing is traced."""
    return False
