"""Which scalar kind of machine code holds the numbers of a dtype. A dtype without one is left to NumPy."""

from __future__ import annotations

from ...dtypes import DType

KINDS = {
    "bool": "i1", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "int8": "i8", "int16": "i16",
    "int32": "i32", "int64": "i64", "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
}  # fmt: skip

# Computed in float32 and rounded afterwards.
HALVES = ("f16", "bf16")


def kind_of(dtype: DType) -> str | None:
    """The kind of `dtype` ("f32", "u8", "i1", ...); None for complex numbers and float8."""
    return KINDS.get(dtype.name)
