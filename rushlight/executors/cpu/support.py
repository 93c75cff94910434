"""Elementwise primitives as machine code, and for which types there is such a form."""

from __future__ import annotations

from functools import cache
from typing import Any

from .emit import Builder, Module, Type, Value
from .kinds import HALVES
from .mathematics import Emit


@cache
def supported(prim: Any, kinds: tuple[str | None, ...], out: str | None, params: tuple) -> bool:
    """Whether `prim` on inputs of these kinds can be written for the CPU: found by writing it once."""
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


def apply(b: Builder, prim: Any, params: tuple, args: list[Value], kind: str, lanes: int) -> Value:
    """One elementwise primitive. Half floats are computed in float32 and rounded once, as by the reference."""
    computes = not prim.moves or prim.name == "cast"
    if computes:
        args = [b.convert(a, "f32") if a.type.kind in HALVES else a for a in args]
    out = Type("f32" if computes and kind in HALVES else kind, lanes)
    args = [b.spread(a, lanes) for a in args]
    value = prim.llvm(Emit(b, out), *args, *params)
    if value is None:
        raise NotImplementedError(f"{prim.name} has no native form for {[a.type.kind for a in args]}")
    return b.convert(b.spread(value, lanes), kind)
