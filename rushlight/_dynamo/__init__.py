"""`torch._dynamo`: the names that programs reach for, on `torch.compiler`."""

from typing import Any

from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    config,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
)
from ..compiler import compile as optimize_function
from . import eval_frame, exc
from .eval_frame import OptimizedModule


def optimize(backend: Any = "inductor", **options: Any) -> Any:
    """A decorator: torch.compile with these options, under its old name."""
    options = {"fullgraph": options.get("nopython", False), "disable": options.get("disable", False)}
    return optimize_function(backend=backend, **options)


def mark_dynamic(t: Any, index: Any, **_: Any) -> None:
    """Accepted: programs are shared by sizes where that costs no speed."""


def maybe_mark_dynamic(t: Any, index: Any) -> None:
    """Accepted, as mark_dynamic."""


def mark_static(t: Any, index: Any = None) -> None:
    """Accepted, as mark_dynamic."""


def mark_static_address(t: Any, guard: bool = True) -> None:
    """Accepted, as mark_dynamic."""


def disallow_in_graph(fn: Any) -> Any:
    """The function, which is never captured."""
    return disable(fn)


def graph_break(msg: str = "") -> None:
    """Here a call cannot be captured."""
    from ..executors.observing import refuse

    refuse("torch._dynamo.graph_break() is called")


def explain(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Not there: RUSHLIGHT_SHOW=1 prints the graphs that run. Raises: UnsupportedError."""
    from ..errors import UnsupportedError

    raise UnsupportedError(
        "torch._dynamo.explain is not there: RUSHLIGHT_SHOW=1 prints every graph that runs"
    )
