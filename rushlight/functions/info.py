"""Questions and switches at torch's top level: limits of dtypes, kinds of tensors, threads, determinism, checks.

Nothing here computes. Names that are no functions of tensors stand in `PUBLIC`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import devices, dtypes
from ..devices import Device
from ..dtypes import BOOL, INTEGRAL, DType
from ..executors.cpu import tiers
from ..executors.threads import Threads
from ..layouts import contiguous_format
from ..tensor import Tensor, dtype_of
from .arguments import need_tensor, result_dtype, to_dtype
from .register import function

# ---------------------------------------------------------------- limits of dtypes


class finfo:
    """The limits of a floating dtype: bits, eps, max, min, tiny, smallest_normal, resolution. Source: torch.finfo.

    >>> import rushlight as torch
    >>> torch.finfo(torch.float32).max
    3.4028234663852886e+38
    """

    __slots__ = ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype")

    def __init__(self, type: DType | None = None) -> None:
        kind = dtypes.get_default_dtype() if type is None else type
        if not isinstance(kind, DType) or not (kind.is_floating_point or kind.is_complex):
            raise TypeError(
                f"torch.finfo() requires a floating point input type, got {kind!r}. Use torch.iinfo for integers"
            )
        real = kind.to_real()
        limits = _limits(real)
        self.bits, self.dtype = 8 * real.itemsize, real.name
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        # The number of decimal digits that survive: (bits of the fraction) * log10(2).
        digits = math.floor(-math.log2(self.eps) * math.log10(2))
        self.resolution = float(f"1e-{digits}")

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        parts = [f"{name}={getattr(self, name):g}" for name in names]
        return f"finfo({', '.join(parts)}, dtype={self.dtype})"


def _limits(dtype: DType) -> Any:
    if dtype.name in ("float16", "float32", "float64"):
        return np.finfo(dtype.numpy)
    import ml_dtypes

    return ml_dtypes.finfo(dtype.numpy)


class iinfo:
    """The limits of an integer dtype: bits, max, min. Source: torch.iinfo."""

    __slots__ = ("bits", "max", "min", "dtype")

    def __init__(self, type: DType) -> None:
        if not isinstance(type, DType) or type.category != INTEGRAL:
            raise TypeError(
                f"torch.iinfo() requires an integer input type, got {type!r}. Use torch.finfo for others"
            )
        limits = np.iinfo(type.numpy)
        self.bits, self.max, self.min, self.dtype = limits.bits, int(limits.max), int(limits.min), type.name

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype that arithmetic on two tensors or numbers has. Source: torch.result_type.

    >>> import rushlight as torch
    >>> torch.result_type(torch.tensor([1]), 1.0)
    torch.float32
    """
    return result_dtype(tensor1, tensor2)


# ---------------------------------------------------------------- kinds of objects and tensors


def is_tensor(obj: Any, /) -> bool:
    """Whether obj is a tensor. Source: torch.is_tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether input's dtype is floating. Source: torch.is_floating_point."""
    return dtype_of(need_tensor("is_floating_point", input)).is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether input's dtype is complex. Source: torch.is_complex."""
    return dtype_of(need_tensor("is_complex", input)).is_complex


def is_signed(input: Tensor) -> bool:
    """Whether input's dtype has negative numbers. Source: torch.is_signed."""
    return need_tensor("is_signed", input).is_signed()


@function(out=False)
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero; RuntimeError when there are more. Source: torch.is_nonzero."""
    return bool(need_tensor("is_nonzero", input))


@function(out=False)
def is_distributed(input: Tensor) -> bool:
    """False: a tensor is never spread over processes here."""
    return False


def is_inference(input: Tensor) -> bool:
    """Whether input was made in inference mode. Source: torch.is_inference."""
    return need_tensor("is_inference", input).is_inference()


def numel(input: Tensor) -> int:
    """How many elements input has. Source: torch.numel."""
    return need_tensor("numel", input).numel()


def get_device(input: Tensor) -> int:
    """The number of input's GPU, -1 on the CPU. Source: torch.get_device."""
    return need_tensor("get_device", input).get_device()


def to_dense(self: Tensor, dtype: DType | None = None, *, masked_grad: bool | None = None) -> Tensor:
    """This tensor, which is dense, or its numbers in another dtype. Source: torch.Tensor.to_dense."""
    return self if dtype is None else to_dtype(self, dtype)


Tensor.to_dense = to_dense  # type: ignore[attr-defined]
Tensor._cdata = property(lambda self: id(self))  # type: ignore[attr-defined]
Tensor.grad_dtype = property(dtype_of)  # type: ignore[attr-defined]
Tensor.const_data_ptr = lambda self: self.data_ptr()  # type: ignore[attr-defined]
Tensor._is_all_true = lambda self: self.all()  # type: ignore[attr-defined]
Tensor._is_any_true = lambda self: self.any()  # type: ignore[attr-defined]


# ---------------------------------------------------------------- switches


def get_default_device() -> Device:
    """The device of new tensors when none is named. Source: torch.get_default_device."""
    return devices.default()


def set_default_device(device: Any) -> None:
    """The device of new tensors when none is named; None is the CPU. Source: torch.set_default_device."""
    devices.set_default(device)


class _State:
    deterministic = "default"
    matmul_precision = "highest"
    warn_always = False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that are the same to the last digit each time.

    Kernels always are; this makes every graph run natively from its first time on, instead of whenever that is ready.
    Source: torch.use_deterministic_algorithms.
    """
    tiers.Policy.repeatable = mode
    _State.deterministic = "default" if not mode else "warn" if warn_only else "error"


def are_deterministic_algorithms_enabled() -> bool:
    """Whether use_deterministic_algorithms is on. Source: torch.are_deterministic_algorithms_enabled."""
    return _State.deterministic != "default"


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it is on to warn only. Source: torch.is_deterministic_algorithms_warn_only_enabled."""
    return _State.deterministic == "warn"


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """use_deterministic_algorithms by number or name: 0 "default", 1 "warn", 2 "error".

    Source: torch.set_deterministic_debug_mode.
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str) and debug_mode not in _DEBUG_MODES:
        raise RuntimeError(
            f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
        )
    if isinstance(debug_mode, int):
        if not 0 <= debug_mode < 3:
            raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
        debug_mode = _DEBUG_MODES[debug_mode]
    _State.deterministic = debug_mode


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: see set_deterministic_debug_mode. Source: torch.get_deterministic_debug_mode."""
    return _DEBUG_MODES.index(_State.deterministic)


def set_float32_matmul_precision(precision: str) -> None:
    """Note how exact float32 matrix products have to be; they are always exact here.

    Source: torch.set_float32_matmul_precision.
    """
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current setFloat32MatmulPrecision call has no "
            "effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    _State.matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """What set_float32_matmul_precision was told. Source: torch.get_float32_matmul_precision."""
    return _State.matmul_precision


def set_warn_always(b: bool, /) -> None:
    """Note whether warnings should be repeated. Source: torch.set_warn_always."""
    _State.warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What set_warn_always was told. Source: torch.is_warn_always_enabled."""
    return _State.warn_always


def set_flush_denormal(mode: bool, /) -> bool:
    """Whether numbers near zero are treated as asked: they always stay what they are. Source: torch.set_flush_denormal."""
    return not mode


def _positive(name: str, count: Any) -> int:
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"{name} expects an int, but got {type(count).__name__}")
    if count <= 0:
        raise RuntimeError(f"{name} expects a positive integer")
    return count


def set_num_threads(int: int, /) -> None:
    """How many threads one operation may use. Source: torch.set_num_threads."""
    Threads.count = _positive("set_num_threads", int)


def get_num_threads() -> int:
    """How many threads one operation may use. Source: torch.get_num_threads."""
    return Threads.count


def set_num_interop_threads(int: int, /) -> None:
    """How many independent operations may run at once. Source: torch.set_num_interop_threads."""
    Threads.between = _positive("set_num_interop_threads", int)


def get_num_interop_threads() -> int:
    """How many independent operations may run at once. Source: torch.get_num_interop_threads."""
    return Threads.between


def compiled_with_cxx11_abi() -> bool:
    """True, as of PyTorch's own builds; nothing here is compiled beforehand."""
    return True


def is_vulkan_available() -> bool:
    """False. Source: torch.is_vulkan_available."""
    return False


# ---------------------------------------------------------------- numbers that might be symbols


def _symbolic(name: str, compute: Callable, doc: str) -> Callable:
    compute.__name__ = compute.__qualname__ = name
    compute.__doc__ = f"{doc} Sizes are plain numbers here. Source: torch.{name}."
    return compute


_SYMBOLIC = {
    "sym_int": _symbolic("sym_int", lambda a: int(a), "A number without its fraction."),
    "sym_float": _symbolic("sym_float", lambda a: float(a), "A number as a float."),
    "sym_max": _symbolic("sym_max", lambda a, b: max(a, b), "The larger of two numbers."),
    "sym_min": _symbolic("sym_min", lambda a, b: min(a, b), "The smaller of two numbers."),
    "sym_not": _symbolic("sym_not", lambda a: not a, "The opposite truth value."),
    "sym_sqrt": _symbolic("sym_sqrt", lambda a: math.sqrt(a), "The square root of a number."),
    "sym_sum": _symbolic("sym_sum", lambda args: sum(args), "The sum of numbers."),
    "sym_ite": _symbolic("sym_ite", lambda b, t, f: t if b else f, "t where b holds, else f."),
}

# ---------------------------------------------------------------- checks

_EXPECTED = "Expected cond to be True, but got False."


def _check_with(error_type: type, cond: Any, message: Callable[[], Any] | None) -> None:
    """Raise `error_type` with message() unless cond holds."""
    if isinstance(cond, Tensor):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not cond:
        raise error_type(_EXPECTED if message is None else str(message()))


def _checker(name: str, error_type: type) -> Callable:
    def check(cond: Any, message: Callable[[], Any] | None = None) -> None:
        _check_with(error_type, cond, message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise {error_type.__name__} with message() unless cond holds. Source: torch.{name}."
    return check


def _check_is_size(i: Any, message: Callable[[], Any] | None = None, *, max: Any = None) -> None:
    """Raise RuntimeError unless i is a size: not negative, and at most `max`."""
    _check_with(RuntimeError, i >= 0 and (max is None or i <= max), message)


def _check_tensor_all(cond: Tensor, message: Callable[[], Any] | None = None) -> None:
    """Raise RuntimeError unless every element of a boolean tensor holds."""
    if dtype_of(need_tensor("_check_tensor_all", cond)).category != BOOL:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(RuntimeError, bool(cond.all()), message)


def _assert(condition: Any, message: str) -> None:
    """An assert that may be traced. Raises: AssertionError. Source: torch._assert."""
    if not condition:
        raise AssertionError(message)


_CHECKS: dict[str, Any] = {
    "_check": _checker("_check", RuntimeError),
    "_check_index": _checker("_check_index", IndexError),
    "_check_value": _checker("_check_value", ValueError),
    "_check_type": _checker("_check_type", TypeError),
    "_check_not_implemented": _checker("_check_not_implemented", NotImplementedError),
    "_check_with": _check_with,
    "_check_is_size": _check_is_size,
    "_check_tensor_all": _check_tensor_all,
    "_assert": _assert,
}

_NAMED = (
    result_type, is_tensor, is_floating_point, is_complex, is_signed, is_inference, numel, get_device,
    get_default_device, set_default_device, use_deterministic_algorithms, are_deterministic_algorithms_enabled,
    is_deterministic_algorithms_warn_only_enabled, set_deterministic_debug_mode, get_deterministic_debug_mode,
    set_float32_matmul_precision, get_float32_matmul_precision, set_warn_always, is_warn_always_enabled,
    set_flush_denormal, set_num_threads, get_num_threads, set_num_interop_threads, get_num_interop_threads,
    compiled_with_cxx11_abi, is_vulkan_available, finfo, iinfo,
)  # fmt: skip
PUBLIC: dict[str, Any] = {
    **{each.__name__: each for each in _NAMED},
    **_SYMBOLIC,
    **_CHECKS,
    "legacy_contiguous_format": contiguous_format,
    "has_lapack": True,
    "has_mkl": False,
    "has_openmp": True,
    "has_spectral": True,
}
