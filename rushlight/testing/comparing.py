"""`assert_close`: values, shapes and dtypes of tensors, numbers and nested containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import functions as fn
from ..dtypes import DType
from ..tensor import Tensor, array_of, dtype_of

# (rtol, atol) by dtype; others are compared exactly.
TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Any = None,
) -> None:
    """AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Source: torch.testing.assert_close.
    Example:
        >>> import rushlight as torch
        >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")
    options = {
        "rtol": rtol,
        "atol": atol,
        "equal_nan": equal_nan,
        "check_dtype": check_dtype,
        "check_stride": check_stride,
    }
    problem = _difference(actual, expected, options, "")
    if problem:
        raise AssertionError(msg(problem) if callable(msg) else msg or problem)


def _difference(actual: Any, expected: Any, options: dict, at: str) -> str | None:
    """What differs, or None."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        if set(actual) != set(expected):
            return f"The keys of the mappings do not match{at}: {sorted(map(str, actual))} and {sorted(map(str, expected))}"
        pairs: Any = [(actual[k], expected[k], f"{at}[{k!r}]") for k in expected]
        return next((p for p in (_difference(a, e, options, w) for a, e, w in pairs) if p), None)
    if isinstance(expected, Sequence) and not isinstance(expected, str) and isinstance(actual, Sequence):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch{at}: {len(actual)} != {len(expected)}"
        pairs = [(a, e, f"{at}[{i}]") for i, (a, e) in enumerate(zip(actual, expected))]
        return next((p for p in (_difference(a, e, options, w) for a, e, w in pairs) if p), None)
    return _tensor_difference(actual, expected, options, at)


def _tensor_difference(actual: Any, expected: Any, options: dict, at: str) -> str | None:
    a, e = (x if isinstance(x, Tensor) else fn.as_tensor(x) for x in (actual, expected))
    if a.shape != e.shape:
        return f"The values for attribute 'shape' do not match{at}: {a.shape} != {e.shape}."
    if options["check_dtype"] and a.dtype is not e.dtype:
        return f"The values for attribute 'dtype' do not match{at}: {a.dtype} != {e.dtype}."
    if options["check_stride"] and a.stride() != e.stride():
        return f"The values for attribute 'stride()' do not match{at}: {a.stride()} != {e.stride()}."
    rtol, atol = options["rtol"], options["atol"]
    if rtol is None:
        pairs = [TOLERANCES.get(dtype_of(x).name, (0.0, 0.0)) for x in (a, e)]
        rtol, atol = max(p[0] for p in pairs), max(p[1] for p in pairs)
    x, y = (_wide(t) for t in (a, e))
    bad = ~np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=options["equal_nan"])
    if not bad.any():
        return None
    away = np.abs(np.where(bad, x - y, 0))
    worst = np.unravel_index(np.argmax(away), away.shape)
    return (
        f"Tensor-likes are not close!{at}\n\nMismatched elements: {int(bad.sum())} / {bad.size} "
        f"({100 * bad.mean():.1f}%)\nGreatest absolute difference: {away[worst]} at index {tuple(map(int, worst))} "
        f"(up to {atol} allowed)\nGreatest relative difference: {np.max(away / np.maximum(np.abs(y), 1e-300))} "
        f"(up to {rtol} allowed)"
    )


def _wide(t: Tensor) -> np.ndarray:
    array = array_of(t.detach())
    return array.astype(
        np.complex128
        if dtype_of(t).is_complex
        else np.float64
        if dtype_of(t).is_floating_point
        else array.dtype
    )


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older assert_close, which does not compare dtypes. Source: torch.testing.assert_allclose."""
    assert_close(
        actual,
        fn.as_tensor(expected),
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        msg=msg or None,
    )


def make_tensor(
    *shape: Any,
    dtype: DType,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of uniform random numbers in [low, high). Source: torch.testing.make_tensor."""
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    low = (-9 if dtype.is_signed else 0) if low is None else low
    high = (2 if dtype.name == "bool" else 10) if high is None else high
    if dtype.is_floating_point or dtype.is_complex:
        made = fn.rand(sizes, dtype=dtype) * (high - low) + low
    else:
        made = fn.randint(int(low), int(high), sizes).to(dtype)
    if exclude_zero:
        made = fn.where(made == 0, fn.ones_like(made), made)
    if noncontiguous and made.numel() > 1:
        made = fn.stack([made, made], -1)[..., 0]
    return made.detach().requires_grad_(requires_grad)
