"""Number types: PyTorch's dtypes, their NumPy counterparts, and which type two of them give together.

One object a type, compared by identity everywhere. Their text is PyTorch's ("torch.float32"), since programs
take it apart. NumPy's own types are found at first use, so that ml_dtypes (bfloat16, float8) is loaded only by
those who need it.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

# Categories in the order of promotion: a higher one wins whatever the widths are.
BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)


class DType:
    """One number type; `torch.dtype`.

    Attributes: `name` ("float32"), `itemsize` in bytes, `category` (BOOL < INTEGRAL < FLOATING < COMPLEX),
    `numpy` (the `numpy.dtype`).
    """

    __slots__ = ("name", "itemsize", "category", "is_signed", "numpy", "__weakref__")

    name: str
    itemsize: int
    category: int
    is_signed: builtins.bool
    numpy: np.dtype

    def __init__(self, name: str, itemsize: int, category: int, is_signed: builtins.bool = True) -> None:
        self.name, self.itemsize, self.category, self.is_signed = name, itemsize, category, is_signed

    def __getattr__(self, attribute: str) -> Any:
        if attribute != "numpy":
            raise AttributeError(f"'torch.dtype' object has no attribute {attribute!r}")
        self.numpy = self._find_numpy()
        return self.numpy

    def _find_numpy(self) -> np.dtype:
        if self.name == "bfloat16" or self.name.startswith("float8"):
            import ml_dtypes

            return np.dtype(getattr(ml_dtypes, self.name))
        if self.name == "complex32":
            raise RuntimeError("complex32 has no CPU arithmetic here: use complex64")
        return np.dtype(self.name)

    @property
    def is_floating_point(self) -> builtins.bool:
        return self.category == FLOATING

    @property
    def is_complex(self) -> builtins.bool:
        return self.category == COMPLEX

    def to_real(self) -> DType:
        """The type of the real part: complex64 gives float32; others are their own."""
        return REAL_OF.get(self, self)

    def to_complex(self) -> DType:
        """The complex type of this width: float64 gives complex128."""
        return COMPLEX_OF.get(self, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple:
        return of_name, (self.name,)


uint8 = DType("uint8", 1, INTEGRAL, False)
uint16 = DType("uint16", 2, INTEGRAL, False)
uint32 = DType("uint32", 4, INTEGRAL, False)
uint64 = DType("uint64", 8, INTEGRAL, False)
int8 = DType("int8", 1, INTEGRAL)
int16 = DType("int16", 2, INTEGRAL)
int32 = DType("int32", 4, INTEGRAL)
int64 = DType("int64", 8, INTEGRAL)
float16 = DType("float16", 2, FLOATING)
bfloat16 = DType("bfloat16", 2, FLOATING)
float32 = DType("float32", 4, FLOATING)
float64 = DType("float64", 8, FLOATING)
float8_e4m3fn = DType("float8_e4m3fn", 1, FLOATING)
float8_e5m2 = DType("float8_e5m2", 1, FLOATING)
complex32 = DType("complex32", 4, COMPLEX)
complex64 = DType("complex64", 8, COMPLEX)
complex128 = DType("complex128", 16, COMPLEX)
bool = DType("bool", 1, BOOL, False)

ALL = (
    uint8, uint16, uint32, uint64, int8, int16, int32, int64, float16, bfloat16, float32, float64,
    float8_e4m3fn, float8_e5m2, complex32, complex64, complex128, bool,
)  # fmt: skip
NAMES = {dtype.name: dtype for dtype in ALL}
# PyTorch's other names for the same objects.
ALIASES = {
    "short": int16, "int": int32, "long": int64, "half": float16, "float": float32, "double": float64,
    "chalf": complex32, "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip
REAL_OF = {complex32: float16, complex64: float32, complex128: float64}
COMPLEX_OF = {
    float16: complex32, bfloat16: complex64, float32: complex64, float64: complex128,
}  # fmt: skip
# Half-width types: what is computed with them is computed in float32 and rounded once (PyTorch's opmath).
NARROW = frozenset((float16, bfloat16, float8_e4m3fn, float8_e5m2))

_FROM_NUMPY: dict[Any, DType] = {np.dtype(d.name): d for d in ALL if hasattr(np, d.name) and d is not bool}
_FROM_NUMPY[np.dtype(np.bool_)] = bool


def of_name(name: str) -> DType:
    """The dtype called `name`; PyTorch's short names ("long") too."""
    return NAMES.get(name) or ALIASES[name]


def from_numpy(dtype: np.dtype) -> DType:
    """The dtype of a NumPy array's elements; TypeError names a type that has no counterpart."""
    found = _FROM_NUMPY.get(dtype)
    if found is None:
        found = NAMES.get(dtype.name)  # ml_dtypes' types carry PyTorch's names
        if found is None or dtype.kind in "US":
            known = ", ".join(sorted(NAMES))
            raise TypeError(f"can't convert np.ndarray of type numpy.{dtype.name}. Supported: {known}.")
        _FROM_NUMPY[dtype] = found
    return found


_default = float32


def get_default_dtype() -> DType:
    """The floating type of `tensor([1.0])` and `zeros(3)`.

    Source: torch.get_default_dtype.
    Example:
        >>> import rushlight as torch
        >>> torch.get_default_dtype()
        torch.float32
    """
    return _default


def set_default_dtype(d: DType, /) -> None:
    """Make `d`, a floating dtype, the type that new floating tensors have.

    Raises: TypeError when `d` is not a floating dtype.
    Source: torch.set_default_dtype.
    """
    global _default
    if not isinstance(d, DType) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


def of_scalar(value: Any) -> DType:
    """The dtype that a Python (or NumPy) number has as a tensor of its own."""
    kind = type(value)
    if kind is builtins.bool:
        return bool
    if kind is int:
        return int64
    if kind is float:
        return _default
    if kind is complex:
        return COMPLEX_OF[_default]
    if isinstance(value, np.generic):
        return from_numpy(value.dtype)
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default
    raise TypeError(f"a number was expected, got {type(value).__name__}")


# Rank inside a category; float16 with bfloat16 is float32, uint8 with int8 is int16.
_WIDTH = {
    int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 3, uint32: 3, int64: 4, uint64: 4,
    float8_e4m3fn: 0, float8_e5m2: 0, float16: 1, bfloat16: 1, float32: 2, float64: 3,
    complex32: 1, complex64: 2, complex128: 3,
}  # fmt: skip
_PROMOTED: dict[tuple[DType, DType], DType] = {}


def promote(a: DType, b: DType) -> DType:
    """The type that holds both: `torch.promote_types`.

    >>> import rushlight as torch
    >>> torch.promote_types(torch.uint8, torch.int8)
    torch.int16
    """
    if a is b:
        return a
    found = _PROMOTED.get((a, b))
    if found is None:
        found = _PROMOTED[a, b] = _promote(a, b)
    return found


def _promote(a: DType, b: DType) -> DType:
    if a.category < b.category:
        a, b = b, a
    if a.category == b.category == FLOATING and 1 == a.itemsize and 1 == b.itemsize:
        raise RuntimeError(f"Promotion for Float8 Types is not supported, attempted to promote {a} and {b}")
    if a.category == COMPLEX and b.category == FLOATING:
        return promote(a, COMPLEX_OF[b])
    if a.category != b.category:
        return a
    if a.category == INTEGRAL and a.is_signed != b.is_signed:
        return _promote_signs(a, b)
    if _WIDTH[a] == _WIDTH[b]:
        return float32  # float16 with bfloat16
    return a if _WIDTH[a] > _WIDTH[b] else b


def _promote_signs(a: DType, b: DType) -> DType:
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    if unsigned is not uint8:
        raise RuntimeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a} and {b}"
        )
    return int16 if signed is int8 else signed


def result_type_of(categories: list[tuple[DType, int]]) -> DType:
    """The type of an operation over operands of (dtype, priority).

    Priority 2: tensors with dimensions; 1: tensors without; 0: Python numbers. A lower priority counts only when
    its category is higher than that of all above it.
    """
    result: DType | None = None
    for level in (2, 1, 0):
        here: DType | None = None
        for dtype, priority in categories:
            if priority == level:
                here = dtype if here is None else promote(here, dtype)
        if here is None:
            continue
        if result is None:
            result = here
        elif here.category > result.category:
            result = _raise_category(result, here, level)
    assert result is not None
    return result


def _raise_category(result: DType, here: DType, level: int) -> DType:
    if level:
        return promote(result, here)
    if here.category == COMPLEX:  # a Python complex keeps the width of a floating operand
        return COMPLEX_OF[result] if result.category == FLOATING else COMPLEX_OF[_default]
    return _default if here.category == FLOATING else here


def can_cast(from_: DType, to: DType) -> builtins.bool:
    """Whether a result of type `from_` may be written into `to`: never to a lower category.

    Source: torch.can_cast.
    Example:
        >>> import rushlight as torch
        >>> torch.can_cast(torch.float32, torch.int64)
        False
    """
    if from_.category == COMPLEX and to.category != COMPLEX:
        return False
    if from_.category == FLOATING and to.category < FLOATING:
        return False
    return not (from_.category == INTEGRAL and to is bool) or from_ is bool
