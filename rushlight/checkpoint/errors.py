"""What goes wrong with checkpoint files, as kinds of what PyTorch raises in the same places.

pickle.UnpicklingError
├── RefusedError            the file asks for something that loading does not do, such as running code
├── ClassNotFoundError      the file holds an object whose class the program does not have (AttributeError
too) └── CorruptFileError        the file is cut short, changed or no checkpoint at all (RuntimeError too)
"""

from pickle import UnpicklingError
from typing import Any


class RefusedError(UnpicklingError):
    """The file asks for something that loading never does; the message names it and what to do."""


class ClassNotFoundError(UnpicklingError, AttributeError):
    """The file holds an object of a class that the running program has not defined or imported."""


class CorruptFileError(UnpicklingError, RuntimeError):
    """The file is cut short, was changed, or is no checkpoint."""


_SHORT = 80


def shown(value: Any) -> str:
    """A value out of a file for an error's text, without running a `__repr__` that is the program's own."""
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if type(value) in (tuple, list):
        inside = ", ".join(shown(part) for part in value[:8])
        return f"({inside}{', ...' if len(value) > 8 else ''})"[:_SHORT]
    if type(value) in (type(None), bool, int, float, complex, str, bytes):
        return _short(value)
    name = getattr(type(value), "__qualname__", "object")
    return f"a {name}"


def _short(value: Any) -> str:
    if type(value) is int and value.bit_length() > 256:
        return "a huge number"
    if type(value) in (str, bytes):
        value = value[:_SHORT]
    return repr(value)[:_SHORT]


__all__ = ["RefusedError", "ClassNotFoundError", "CorruptFileError", "shown"]
