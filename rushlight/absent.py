"""Names of PyTorch that rushlight knows and does not have: they can be imported and asked about with isinstance; calling
one raises UnsupportedError, which says what to use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import UnsupportedError


def absent_function(name: str, instead: str) -> Callable:
    """A function of PyTorch's name that raises UnsupportedError when called."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"torch.{name} is not supported: {instead}.")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    refuse.__doc__ = f"Not supported: {instead}."
    return refuse


def absent_class(name: str, instead: str) -> Any:
    """A class of PyTorch's name that has no instances; making one raises UnsupportedError."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"torch.{name} is not supported: {instead}.")

    return type(
        name.rpartition(".")[2], (object,), {"__new__": refuse, "__doc__": f"Not supported: {instead}."}
    )
