"""`torch.compile` and `torch.compiler`: capture a function once, and replay it without running its Python.

dispatch.py decides when; capturing.py watches a call and settles what a replay needs, with the help of running.py (which
code runs), reach.py and places.py (what that code can see), arguments.py and recording.py (what is recorded); replay.py
does the call again, and backward.py what the caller's `backward()` asks of it.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any

from ..executors.observing import watched, witnesses
from . import config
from .dispatch import compiled, everything, stance

# How to compile an instance of a class: (instance, fullgraph) -> what to call instead. nn/ adds modules.
wrappers: dict[type, Callable[[Any, bool], Any]] = {}

_BACKENDS = (
    "inductor",
    "eager",
    "aot_eager",
    "aot_eager_decomp_partition",
    "cudagraphs",
    "onnxrt",
    "openxla",
    "tvm",
    "ts",
)
_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "lite")


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
    """A function or module that does the same by replaying what it did: forward, backward and optimizer steps included.

    The first calls run as ever while it is noted what they record; later ones run that program at once, without the
    function's Python, as long as everything it depends on is as it was. What cannot be captured (reading numbers with
    `item()`, printing) runs uncaptured, and says so once.

    Args:
        model: a function or a Module; left out, this is a decorator.
        fullgraph: what cannot be captured is an error.
        dynamic, mode, options: accepted; programs are shared by sizes where that costs no speed.
        backend: a name that PyTorch knows; a function of one's own is ignored with a warning.
        disable: give the function back as it is.
    Raises: RuntimeError for an unknown mode or backend.
    Source: torch.compile.
    Example:
        >>> import rushlight as torch
        >>> double = torch.compile(lambda x: x + x)
        >>> [double(torch.tensor(float(i))).item() for i in range(4)]
        [0.0, 2.0, 4.0, 6.0]
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(map(str, _MODES[1:]))}")
    if callable(backend):
        warnings.warn(
            f"torch.compile: the backend {getattr(backend, '__name__', backend)!r} is ignored: graphs are run by "
            "rushlight's own executors",
            stacklevel=2,
        )
    elif backend not in _BACKENDS:
        raise RuntimeError(f"Invalid backend: {backend!r}, see `torch.compiler.list_backends()`.")
    if model is None:
        return functools.partial(_compile, fullgraph=fullgraph, disabled=disable)
    return _compile(model, fullgraph=fullgraph, disabled=disable)


def _compile(model: Any, fullgraph: bool, disabled: bool) -> Any:
    for witness in witnesses:
        importlib.import_module(witness)
    if not callable(model):
        raise RuntimeError(f"torch.compile needs a function or a module, got {type(model).__name__}")
    if disabled or isinstance(model, type):
        return model
    for cls in type(model).__mro__:
        if cls in wrappers:
            return wrappers[cls](model, fullgraph)
    return compiled(model, fullgraph)


def is_compiling() -> bool:
    """Whether a call is being captured. Source: torch.compiler.is_compiling."""
    return watched.capture is not None


def is_dynamo_compiling() -> bool:
    """As is_compiling."""
    return watched.capture is not None


def is_exporting() -> bool:
    """Whether a model is being exported: False."""
    return False


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A function that is never captured, nor what it calls; what calls it runs uncaptured.

    Source: torch.compiler.disable.
    """
    if fn is None:
        return lambda f: disable(f, recursive, reason=reason)
    if isinstance(fn, type) or not callable(fn):
        return fn
    if hasattr(fn, "_orig_mod"):
        fn = fn._orig_mod
    for cls in type(fn).__mro__:
        if cls in wrappers:  # a module keeps its identity
            fn.forward = disable(fn.forward, recursive, reason=reason)
            return fn
    name = getattr(fn, "__qualname__", type(fn).__name__)
    inner = getattr(fn, "_torchdynamo_orig_callable", fn)

    @functools.wraps(inner)
    def uncaptured(*args: Any, **kwargs: Any) -> Any:
        if watched.capture is not None:
            watched.capture.refuse(f"{name}, which torch.compiler.disable excludes, is called")
        stance.disabled += recursive
        try:
            return inner(*args, **kwargs)
        finally:
            stance.disabled -= recursive

    return uncaptured


def allow_in_graph(fn: Callable) -> Callable:
    """The function itself. Source: torch.compiler.allow_in_graph."""
    return fn


def assume_constant_result(fn: Callable) -> Callable:
    """The function itself. Source: torch.compiler.assume_constant_result."""
    return fn


def reset() -> None:
    """Forget what was captured. Source: torch.compiler.reset."""
    for held in list(everything):
        held.reset()


class set_stance:
    """How compiled functions behave from now on, or inside a `with`, or inside a decorated function.

    Args:
        stance: "default"; "force_eager", nothing is replayed; "eager_on_recompile", calls without a capture run
            uncaptured; "fail_on_recompile", they are an error.
    Raises: RuntimeError for another stance.
    Source: torch.compiler.set_stance.
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in ("default", "force_eager", "eager_on_recompile", "fail_on_recompile"):
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        self.stance, self.before = stance, _set(stance)

    def __enter__(self) -> None:
        _set(self.stance)

    def __exit__(self, *error: object) -> None:
        _set(self.before)

    def __call__(self, fn: Callable) -> Callable:
        _set(self.before)  # a decorator: the stance is for the function alone
        chosen = self.stance

        @functools.wraps(fn)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with set_stance(chosen):
                return fn(*args, **kwargs)

        return inside


def _set(name: str) -> str:
    before, stance.name = stance.name, name
    return before


def cudagraph_mark_step_begin() -> None:
    """Accepted: there are no CUDA graphs."""


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """Names that `backend=` takes. Source: torch.compiler.list_backends."""
    return list(_BACKENDS[:3])
