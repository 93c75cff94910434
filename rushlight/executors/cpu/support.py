"""Which elementwise primitives have a native form for which types: found by writing them once, and kept."""

from __future__ import annotations

from functools import cache
from typing import Any

from .emit import Module, Type


@cache
def supported(prim: Any, kinds: tuple[str | None, ...], out: str | None, params: tuple) -> bool:
    """Whether `prim` on inputs of these kinds can be written for the CPU."""
    from .loops import apply

    if prim.llvm is None or out is None or None in kinds:
        return False
    module = Module()
    with module.function("trial", []) as (b,):
        args = [b.constant(1, Type(kind, 4)) for kind in kinds if kind is not None]
        try:
            apply(b, prim, params, args, out, 4)
        except NotImplementedError:
            return False
    return True
