"""The text of tensors: what `repr` shows, to the character as PyTorch prints it, and the options for it.

Everything here works on NumPy arrays; a Tensor's `__repr__` hands over its values and what else is to be said
of it. Of a tensor with more elements than the threshold, only those at the edges are looked at, so printing a
large one takes no longer than printing a small one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .dtypes import COMPLEX_OF, DType, complex64, get_default_dtype, int64, of_name
from .dtypes import bool as bool_

# Numbers are written with an exponent when one is larger, one is smaller, or two are this far apart.
_LARGE, _SMALL, _SPREAD = 1.0e8, 1.0e-4, 1000.0


@dataclasses.dataclass
class PrintOptions:
    """What `set_printoptions` sets; its docstring explains each."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = PrintOptions()

_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed. What is None stays as it is, except `sci_mode`.

    Args:
        precision: digits after the point.
        threshold: a tensor of more elements than this is summarised.
        edgeitems: how many elements a summary shows at each end of a dimension.
        linewidth: characters in a line.
        profile: "default", "short" or "full", which set all of the above first.
        sci_mode: numbers with an exponent always (True), never (False) or where they need one (None).
    Source: torch.set_printoptions.
    Example:
        >>> import rushlight as torch
        >>> torch.set_printoptions(precision=2)
        >>> torch.tensor([1.12345])
        tensor([1.12])
        >>> torch.set_printoptions(profile="default")
    """
    if profile in _PROFILES:
        for name, value in dataclasses.asdict(_PROFILES[profile]).items():
            setattr(PRINT_OPTS, name, value)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is not None:
            setattr(PRINT_OPTS, name, value)
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keyword arguments of `set_printoptions`."""
    return dataclasses.asdict(PRINT_OPTS)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Options for the length of a `with` block; arguments as of `set_printoptions`.

    Source: torch._tensor_str.printoptions.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.printing import printoptions
        >>> with printoptions(precision=1):
        ...     print(torch.tensor([0.25]))
        tensor([0.2])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(
    array: np.ndarray | None,
    dtype: str | DType,
    *,
    shape: Sequence[int] | None = None,
    device: str | None = None,
    suffixes: Sequence[str] = (),
    prefix: str = "tensor(",
    indent: int | None = None,
) -> str:
    """The text of a tensor.

    Args:
        array: its values; None for one that has none (on the meta device), whose `shape` must be given.
        dtype: a DType or its name. It is shown unless the values tell it.
        device: shown first when given, as in "cuda:0"; None for the CPU.
        suffixes: what follows, such as "requires_grad=True" or "grad_fn=<AddBackward0>".
        prefix: what precedes the values; "Name(" for a subclass of Tensor.
        indent: of the lines after the first; the length of the prefix unless given.
    Example:
        >>> from rushlight.printing import format_tensor
        >>> format_tensor(np.array([[1.0, 2.5]]), "float64", suffixes=["requires_grad=True"])
        'tensor([[1.0000, 2.5000]], dtype=torch.float64, requires_grad=True)'
    """
    kind = of_name(dtype) if isinstance(dtype, str) else dtype
    indent = len(prefix) if indent is None else indent
    sizes = tuple(shape or ()) if array is None else array.shape
    values = "..." if array is None else format_values(array, kind, indent)
    about = [f"device='{device}'"] if device is not None else []
    about += _size_and_dtype(sizes, kind, has_values=array is not None)
    return _with_suffixes(prefix + values, [*about, *suffixes], indent)


def format_parameter(array: np.ndarray | None, dtype: str | DType, **details: Any) -> str:
    """The text of a Parameter; arguments as of `format_tensor`."""
    return "Parameter containing:\n" + format_tensor(array, dtype, **details)


def format_values(array: np.ndarray, dtype: str | DType, indent: int) -> str:
    """The values alone, in brackets; `indent` is where their first line begins."""
    kind = of_name(dtype) if isinstance(dtype, str) else dtype
    if array.size == 0:
        return "[]"
    summarised = array.ndim > 0 and array.size > PRINT_OPTS.threshold
    if summarised and not PRINT_OPTS.edgeitems:
        return "[...]"
    shown = _edges(array) if summarised else array
    write: _Numbers | _Complex
    if kind.is_complex:
        shown = shown.astype(np.complex128)
        write = _Complex(_Numbers(shown.real, True), _Numbers(shown.imag, True))
    else:
        if kind.is_floating_point:
            shown = shown.astype(np.float64)
        write = _Numbers(shown, kind.is_floating_point)
    if not array.ndim:
        return write(shown.tolist())
    return _nested(shown.tolist(), array.shape, indent, summarised, write)


def _size_and_dtype(sizes: tuple[int, ...], kind: DType, *, has_values: bool) -> list[str]:
    """Sizes and dtype, each where the values do not tell it."""
    size = f"size={tuple(sizes)}"
    default = get_default_dtype()
    told: tuple[DType, ...]
    if has_values and 0 not in sizes:
        told = (default, COMPLEX_OF[default] if default.itemsize == 8 else complex64, int64, bool_)
        about = [] if PRINT_OPTS.edgeitems else [size]
    else:
        told = (default,)
        about = [size] if not has_values or len(sizes) != 1 else []
    return about if kind in told else [*about, f"dtype={kind}"]


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    """Each suffix goes on the last line, or on a new one where that would become too long."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements that a summary shows: those at both ends of the dimensions too long for it."""
    edge = PRINT_OPTS.edgeitems
    places = [
        np.r_[:edge, size - edge : size] if size > 2 * edge else np.arange(size) for size in array.shape
    ]
    return array[np.ix_(*places)]


class _Numbers:
    """Writes numbers so that they line up: looks at all that will be shown, then formats one by one.

    Floating numbers come as float64.
    """

    def __init__(self, array: np.ndarray, floating: bool) -> None:
        self.floating = floating
        self.whole = True
        self.exponent = False
        self.width = 1
        if floating:
            self._prepare(array)
        else:
            self.width = max(len(str(value)) for value in array.ravel().tolist())

    def _prepare(self, array: np.ndarray) -> None:
        numbers = array.ravel()
        numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
        if not numbers.size:
            return
        sizes = np.abs(numbers)
        least, largest = float(sizes.min()), float(sizes.max())
        self.whole = bool((numbers == np.ceil(numbers)).all())
        self.exponent = largest / least > _SPREAD or largest > _LARGE or least < _SMALL
        if PRINT_OPTS.sci_mode is not None:
            self.exponent = PRINT_OPTS.sci_mode
        form = self._form()
        point = 1 if self.whole and not self.exponent else 0
        self.width = max(1, max(len(form.format(number)) for number in numbers.tolist()) + point)

    def _form(self) -> str:
        if self.exponent:
            return f"{{:.{PRINT_OPTS.precision}e}}"
        return "{:.0f}" if self.whole else f"{{:.{PRINT_OPTS.precision}f}}"

    def __call__(self, value: Any) -> str:
        if not self.floating:
            return str(value).rjust(self.width)
        text = self._form().format(value)
        if self.whole and not self.exponent and math.isfinite(value):
            text += "."
        return text.rjust(self.width)


class _Complex:
    """Writes complex numbers: the real parts line up with one another, and the imaginary ones."""

    def __init__(self, real: _Numbers, imaginary: _Numbers) -> None:
        self.real = real
        self.imaginary = imaginary
        self.width = real.width + imaginary.width + 1

    def __call__(self, value: complex) -> str:
        imaginary = self.imaginary(value.imag).lstrip() + "j"
        sign = "" if imaginary[0] in "+-" else "+"
        return self.real(value.real) + sign + imaginary


def _nested(
    values: list, sizes: Sequence[int], indent: int, summarised: bool, write: _Numbers | _Complex
) -> str:
    """The brackets of one dimension: nested lists of the shown values, and the sizes of the whole."""
    edge = PRINT_OPTS.edgeitems
    cut = summarised and sizes[0] > 2 * edge
    if len(sizes) == 1:
        items = [write(value) for value in values]
        if cut:
            items.insert(edge, " ...")
        in_line = max(1, math.floor((PRINT_OPTS.linewidth - indent) / (write.width + 2)))
        lines = [", ".join(items[start : start + in_line]) for start in range(0, len(items), in_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    items = [_nested(value, sizes[1:], indent + 1, summarised, write) for value in values]
    if cut:
        items.insert(edge, "...")
    return "[" + ("," + "\n" * (len(sizes) - 1) + " " * (indent + 1)).join(items) + "]"
