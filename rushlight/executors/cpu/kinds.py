"""Which scalar kind of machine code holds the numbers of a dtype. A dtype without one is left to NumPy."""

from __future__ import annotations

from functools import cache

from ...dtypes import DType
from .target import target

KINDS = {
    "bool": "i1", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "int8": "i8", "int16": "i16",
    "int32": "i32", "int64": "i64", "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
}  # fmt: skip

# Computed in float32 and rounded afterwards.
HALVES = ("f16", "bf16")


def kind_of(dtype: DType) -> str | None:
    """The kind of `dtype` ("f32", "u8", "i1", ...); None for complex numbers and float8."""
    kind = KINDS.get(dtype.name)
    return None if kind == "f16" and not _converts_halves() else kind


@cache
def _converts_halves() -> bool:
    """Whether float16 has instructions; x86 of before 2012 has none, and LLVM would call functions that are not there."""
    machine = target()
    return not machine.triple.startswith(("x86", "i686")) or bool(machine.features.get("f16c"))
