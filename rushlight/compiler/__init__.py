"""`torch.compiler`: questions and marks around `compile`, which runs a function as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict | None = None,
    disable: bool = False,
    **_: Any,
) -> Any:
    """The function or module itself: calls are recorded and run as programs whether compiled or not.

    Source: torch.compile.
    Example:
        >>> import rushlight as torch
        >>> torch.compile(lambda x: x + 1)(torch.ones(1))
        tensor([2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    return (lambda f: f) if model is None else model


def is_compiling() -> bool:
    """Whether a graph is being captured: False."""
    return False


def is_dynamo_compiling() -> bool:
    """As is_compiling: False."""
    return False


def is_exporting() -> bool:
    """Whether a model is being exported: False."""
    return False


def disable(fn: Any = None, recursive: bool = True, **_: Any) -> Any:
    """The function itself. Source: torch.compiler.disable."""
    return (lambda f: f) if fn is None else fn


def allow_in_graph(fn: Callable) -> Callable:
    """The function itself. Source: torch.compiler.allow_in_graph."""
    return fn


def reset() -> None:
    """Forget what was compiled: nothing was."""


def cudagraph_mark_step_begin() -> None:
    """Accepted: there are no CUDA graphs."""


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """Names that `backend=` takes."""
    return ["inductor", "eager"]
