"""Reductions by fused loops: what a total starts as, and what makes one total of two."""

from __future__ import annotations

from typing import Any

from .emit import Builder, Type, Value
from .kinds import HALVES

_OPERATIONS = {"sum": "add", "prod": "mul", "any": "or", "all": "and", "amax": "max", "amin": "min"}
REDUCTIONS = frozenset(_OPERATIONS)


def operation(name: str, kind: str) -> str:
    """What makes one of two totals of this kind, as Builder.combine calls it."""
    # The sum of booleans is whether any holds.
    return "or" if name == "sum" and kind == "i1" else _OPERATIONS[name]


def start(b: Builder, name: str, type: Type) -> Value:
    """The total of nothing."""
    return b.constant(_start(name, type), type)


def total_kind(name: str, kind: str) -> str:
    """The kind that totals of values of `kind` are kept in: half floats are rounded once, at the end."""
    if name in ("any", "all"):
        return "i1"
    return "f32" if kind in HALVES else kind


def _start(name: str, type: Type) -> Any:
    if name in ("prod", "all"):
        return 1
    if name == "amax":
        return _least(type)
    return _most(type) if name == "amin" else 0


def _least(t: Type) -> Any:
    if t.floating:
        return float("-inf")
    return -(1 << (t.bits - 1)) if t.signed else 0


def _most(t: Type) -> Any:
    if t.floating:
        return float("inf")
    return (1 << (t.bits - t.signed)) - 1
