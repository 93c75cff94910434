"""The rooms of PyTorch's `torch.utils`: thin modules that hand names on from where they live. Loaded when named."""

from __future__ import annotations

import importlib
from typing import Any

_ROOMS = frozenset(
    """
    _device _foreach_utils _python_dispatch _pytree benchmark checkpoint collect_env cpp_extension data deterministic
    dlpack file_baton flop_counter hooks mobile_optimizer model_zoo tensorboard throughput_benchmark
    """.split()
)


def swap_tensors(t1: Any, t2: Any) -> None:
    """Have two tensors change places: every reference to one is now one to the other.

    Raises: TypeError for what is no tensor; RuntimeError when one is a view of the other's storage.
    Source: torch.utils.swap_tensors.
    """
    from ..tensor import Tensor

    for t in (t1, t2):
        if not isinstance(t, Tensor):
            raise TypeError(f"swap_tensors: expected tensors, got {type(t)}")
    first, second = _contents(t1), _contents(t2)
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    _fill(t1, second)
    _fill(t2, first)


def _slots(kind: type) -> list[str]:
    return [
        n for c in kind.__mro__ for n in getattr(c, "__slots__", ()) if n not in ("__weakref__", "__dict__")
    ]


def _contents(t: Any) -> tuple[dict, dict]:
    held = {n: getattr(t, n) for n in _slots(type(t)) if hasattr(t, n)}
    return held, dict(getattr(t, "__dict__", {}))


def _fill(t: Any, contents: tuple[dict, dict]) -> None:
    held, named = contents
    if hasattr(t, "__dict__"):
        t.__dict__.clear()
        t.__dict__.update(named)
    for name in _slots(type(t)):
        if name in held:
            setattr(t, name, held[name])
        elif hasattr(t, name):
            delattr(t, name)
    edge: Any = held.get("_edge")
    if hasattr(edge, "_variable"):  # a leaf's end of the tape names its tensor
        from weakref import ref

        edge._variable = ref(t)


def set_module(obj: Any, mod: str) -> None:
    """Give an object the name of the module it is shown in."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute {name!r} (rushlight does not have it)")
